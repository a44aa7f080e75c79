"""The two sides of a run: ``tree`` is the contract that ``local_tree`` and ``remote_tree`` implement.

They are built on single steps, on the local disk (``local``, ``part_file``) or through a session (``remote``, ``glob``,
``remove``), and on the handling of symbolic links for both sides (``links``, ``make_link``).
"""
