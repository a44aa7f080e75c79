"""What to do and in which order. Knows no protocol and draws nothing.

``run`` is the coordinator: it lists, asks ``plan`` what to do, and hands tasks to the ``pool``; its workers each hold
one ``slot`` with at most one live session. ``download`` and ``upload`` move one file, ``small_files`` begins several
together where the session can, ``retry`` is the only retry loop, ``solo`` does without a pool what needs one session
only. ``links``, ``attributes`` and ``names`` are about what a tree is besides its files' bytes. Events are defined in
``events``, their JSON form in ``record``.
"""
