"""The two sides of a run: ``tree`` is the contract that ``local_tree`` and ``remote_tree`` keep.

Below them stand the single steps, local ones by way of the disk (``local``, ``part_file``), remote ones by way of a
session (``remote``, ``glob``, ``remove``), and what symbolic links mean on either side (``links``, ``make_link``).
"""
