"""What to do and in which order. Knows no protocol and draws nothing.

``run`` is the coordinator: it asks ``plan`` what to do and hands ``tasks`` to the pool of ``workers``. A task speaks of
the two ``trees`` of a run, ``compare`` decides about them, ``transfer`` copies one file. ``events`` defines what a run
tells, ``report`` adds it up, ``json_events`` is its JSON form. ``browse`` and ``verbs`` need one session and no pool.
"""
