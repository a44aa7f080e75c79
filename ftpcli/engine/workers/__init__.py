"""The threads that do a run's tasks: a pool of workers, each with one slot that holds at most one live session.

``retry`` has the only retry loop. ``solo`` is the same for a command that needs one session and no threads.
"""
