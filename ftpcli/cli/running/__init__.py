"""Running the engine for a command: ``context`` sets up screen, log and signals and runs jobs.

``mirror_lock`` keeps two mirrors of the same trees apart, ``watch`` repeats a mirror, ``stdio`` transfers from and to
standard input and output, ``signals`` stops a run in order.
"""
