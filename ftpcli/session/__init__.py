"""One login on one server. ``contract`` says what a session can do, ``open`` makes one from an endpoint; ``ftp`` and
``sftp`` implement it, the latter over a connection of ``ssh``. A session is used by one thread, and is replaced as a
whole as soon as anything about it is in doubt.
"""
