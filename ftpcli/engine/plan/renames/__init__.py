"""Renaming instead of sending again (--track-renames), for the coordinator's thread only.

``pairing`` decides which file that is gone is one that is new; ``index`` finds the candidates, in a temporary database;
``witnesses`` are the files that keep their names, with which a pair must not share what proves it.
"""
