"""What to do and in which order. Independent of the protocols and of how output is displayed.

``run`` is the coordinator: it asks ``plan`` what to do and hands ``tasks`` to the pool of ``workers``. A task works on
the two ``trees`` of a run, ``compare`` decides what differs, ``transfer`` copies one file. ``events`` defines what a
run reports, ``report`` adds it up, ``json_events`` is its JSON form. ``browse`` and ``verbs`` need one session and no
pool.
"""
