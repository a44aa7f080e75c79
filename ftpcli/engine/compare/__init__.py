"""What to do about each name of two listings. Pure: no files, no network, no clock.

``decide`` pairs entries and decides, ``times`` compares modification times, ``names`` handles names that a file system
treats as equal, and ``filters`` a run's patterns and limits.
"""
