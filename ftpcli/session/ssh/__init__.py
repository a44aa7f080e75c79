"""SSH up to a transport that is trusted, logged in and kept alive; what runs over it is not known here.

``opening`` puts it together for one server. ``config`` finds out what ssh_config says of a host, ``route`` reaches it:
straight, by a ProxyCommand, or through jump hosts. ``transport`` is paramiko's Transport with the deadlines, the stop
signal and the sign of life that it lacks. ``trust`` judges the host key, with ``certificates`` for hosts that have one.
``login`` tries ``identities`` (from ``agent`` and ``keys``) and passwords in OpenSSH's order, over ``userauth``.

paramiko does the transport layer: key exchange, ciphers, channels. Logging in is done here, because paramiko neither
asks whether a key would do before it signs with it, nor tells which methods a server takes.
"""

import ftpcli.session.ssh.import_paramiko  # noqa: F401 - before anything else imports paramiko
