"""SFTP on one server, over an SSH connection that is trusted and logged in already.

``channel`` is the edge to paramiko: bytes out, and bytes in by way of the ``inbox``. ``conversation`` sends requests
and sorts the answers by their ids. ``download`` and ``upload`` carry one file, with a ``window`` of requests that are
on their way, ``pipelined`` several small ones; ``listing`` reads directories, ``renaming`` gives new names. ``session``
puts it together into what the engine wants, ``opening`` makes one.

The worker's thread does all of this, and mostly reads and decrypts what comes, too; else paramiko's own thread leaves
it in the channel's inbox.
"""

import ftpcli.session.ssh  # noqa: F401 - which imports paramiko, as lean as it can be
