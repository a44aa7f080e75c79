"""What the coordinator plans, in its own thread alone: which directories to list next, what to do about each name,
what is deleted, renamed and linked in the end, and what came of it.

Nothing here opens a connection, and nothing that grows with the tree is kept in memory (``spool``, ``rename_index``).
"""
