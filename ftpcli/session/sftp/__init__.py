"""SFTP on one server, over an SSH connection that is logged in already; the worker's thread does all of it.

``login`` makes a ``session``. ``channel`` is the edge to paramiko, whose own thread puts what it receives into the
``inbox``; ``conversation`` sends requests and matches the answers by their ids. ``reader`` and ``writer`` carry one
file with a ``window`` of outstanding requests, ``small_files`` several at once; ``listing`` reads directories.
"""

import ftpcli.session.ssh  # noqa: F401 - which imports paramiko, as lean as it can be
