"""Scripted FTP and SFTP servers, for exact bytes, closes and quirks."""
