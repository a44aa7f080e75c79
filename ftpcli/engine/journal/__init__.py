"""What one run leaves for the next: part files and displaced files that it did not finish with.

``journal`` remembers, ``file`` writes it to disk, ``lock`` lets one run at a time work on a source and target.
"""
