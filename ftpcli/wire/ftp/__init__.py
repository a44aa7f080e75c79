"""FTP's control connection as pure code: ``command`` and ``reply`` are its lines, ``control`` matches them, ``answers``
and ``digests`` parse what stands in replies, ``listing`` reads directories, and ``closing`` holds the rules by which a
data connection ends.
"""
