"""What workers do: tasks that the coordinator makes, and the results that come back. Both carry data only.

``task`` has the unions of all of them; ``context`` is what a worker has at hand for each.
"""
