"""One login on one server. A session is used by one thread, and is replaced whole when anything about it is in doubt.

``protocol`` says what a session can do, ``opening`` makes one from an endpoint. For FTP: ``login`` opens the control
connection and restores all state in one place, ``control`` talks over it, ``data`` opens a data connection,
``transfer`` moves one file over it to the end, ``ftp`` puts the commands together, ``refusals`` reads reply codes.
For SSH: ``ssh`` comes as far as an encrypted connection that is logged in.
"""
