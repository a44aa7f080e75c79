"""Servers for the test suite: real ones from Debian packages (`real`), certificates for them, and stand-ins."""
