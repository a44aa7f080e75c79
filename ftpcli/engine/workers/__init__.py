"""The threads that do a run's tasks: a pool of workers, each with a slot that holds at most one live session.

``retry`` has the only retry loop. ``solo`` serves commands that need one session and no threads.
"""
