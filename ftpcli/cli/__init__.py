"""The command line: the only user of click and rich.

``app`` is the program and the one place where errors become exit codes; ``commands`` has a file for each subcommand.
``options`` declares options and settles their values, ``urls`` parses places on a server, ``server`` makes an
``Endpoint`` of both. ``running`` runs the engine with locks and signals, ``output`` prints what it reports.

What a command needs at work is imported inside the command's function, so that ``--help``, ``--version`` and completion
stay fast. Nothing prints but ``output``: data by ``screen.emit`` and ``JsonWriter``, messages by ``Screen``.
"""
