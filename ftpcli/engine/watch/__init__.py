"""A mirror that is repeated until it is stopped.

``loop`` decides when the next round comes and what it compares, ``watcher`` notices changes in a local tree, and
``changes`` turns them into the scope of a round.
"""
