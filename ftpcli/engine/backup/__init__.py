"""What a run deletes or replaces is kept, on the target's side, in a folder of the run's own.

``contract`` is what tasks see of it; ``local`` and ``remote`` are the two sides, ``folder`` is where they keep it.
"""
