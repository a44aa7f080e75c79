"""A strict FTPS server on loopback and a sample tree: for ``ftpcli demo``, and for tests. Needs pyftpdlib.

``server`` runs it in a thread, ``handlers`` demands TLS session resumption, ``certificate`` makes its certificate,
``sample`` makes the tree and compares two.
"""
