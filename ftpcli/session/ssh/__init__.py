"""SSH up to a transport that is trusted, logged in and kept alive; what runs over it is not known here.

``connect`` does that for one server: ``host_settings`` evaluates ssh_config, ``route`` reaches the host, ``transport``
is paramiko's with deadlines, the stop signal and keepalive, ``packetizer`` its packet layer. ``host_keys`` judges the
host key, with ``host_certificates``; ``login`` tries ``identities`` (from ``agent`` and ``key_files``) and passwords.

Key exchange, ciphers and channels are paramiko's. Authentication is done here, over ``userauth``, because paramiko
neither asks whether a key is acceptable before it signs with it, nor tells which methods a server takes.
"""

import ftpcli.session.ssh.import_paramiko  # noqa: F401 - before anything else imports paramiko
