"""One file between the two sides: resume, send or receive, verify, and give it its name.

``upload`` and ``download`` are for the files of a run, ``stream`` is for standard input and output; all of it runs in a
worker's thread. The concerns of an upload have modules of their own: ``naming``, ``sending``, ``modes``, ``commit``.
"""
