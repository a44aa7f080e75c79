"""The command line: the only users of click and rich.

An argument goes through ``urls`` (pure parsing), ``targets`` (``config`` and ``choices``: which options hold there)
and ``login`` and ``endpoints`` (the engine's ``Endpoint``). ``work`` surrounds the engine with screen, log, signals and
progress; ``render`` turns events into lines. ``app.main`` is the one place where errors become exit codes.

Every module that a command needs at work is imported inside the command's function, so that ``--help``, ``--version``
and completion stay fast. Data goes out by ``screen.emit`` and ``record``, and words by ``Screen``; nothing else prints.
"""
