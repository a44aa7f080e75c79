"""From a place and its options to a server to log in to.

``targets`` resolves URLs and profiles, ``credentials`` finds user and password, ``keyring`` the passphrases of SSH
keys, ``endpoint`` puts all into the engine's ``Endpoint``.
"""
