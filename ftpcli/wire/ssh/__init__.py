"""SSH's data ``types`` and OpenSSH's file formats as pure code: ``known_hosts``, ssh_config (``config``), and the host
``patterns`` that both use. Which files are read, and in which order, is decided in ``session.ssh``.
"""
