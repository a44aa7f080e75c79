"""The coordinator's planning, in its own thread only: which directories to list next, what to do about each name, what
to delete, rename and link in the end, and what to report.

Nothing here opens a connection. Lists that grow with the tree are kept in temporary files (``spool``,
``renames.index``).
"""
