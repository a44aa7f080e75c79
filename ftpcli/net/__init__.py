"""Sockets and TLS. Nothing here knows FTP.

Sockets never block by themselves; whoever needs to wait does it in ``wait.ready``, on all sockets that matter at
once and with the stop signal among them. ``OSError`` and ``OpenSSL.SSL.Error`` end here and leave as ``FtpcliError``.
"""
