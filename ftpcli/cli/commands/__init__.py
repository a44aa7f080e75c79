"""One file for each subcommand, of the same name; ``app`` imports it when it is called.

Whatever is slow to import is imported inside the functions.
"""
