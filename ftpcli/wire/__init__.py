"""Bytes in, events out: the protocol itself, without sockets, TLS, threads, files or a clock.

Everything here can be fuzzed, and is tested whole, byte by byte and with trailing data.
"""
