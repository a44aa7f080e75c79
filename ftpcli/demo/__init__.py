"""A strict FTPS server on loopback and a sample tree: for ``ftpcli demo``, and for tests. Needs pyftpdlib."""
