"""Options and arguments: declared in ``shared`` on the base of ``base``, ``types`` and ``arguments``.

``config_file`` reads the same options from TOML, ``choices`` settles which value holds, ``filters`` makes
``FilterRules`` of some.
"""
