"""SFTP, protocol version 3, as bytes: draft-ietf-secsh-filexfer-02, and OpenSSH's extensions (its file PROTOCOL).

``requests`` writes what a client sends, ``parser`` reads what a server answers, ``replies`` says what that can be.
"""
