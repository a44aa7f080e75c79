"""FTP and FTPS on one server. ``login`` makes a ``session`` over a ``control`` connection; ``data_connection`` agrees
on data connections, ``transfer`` moves one file over one of them, ``reply_errors`` turns reply codes into errors.
``site_commands``, ``digests``, ``time_zone`` and ``telnet`` deal with what differs between servers.
"""
