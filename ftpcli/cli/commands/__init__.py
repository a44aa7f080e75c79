"""One small file a command. Whatever is slow to import is imported inside the command functions."""
