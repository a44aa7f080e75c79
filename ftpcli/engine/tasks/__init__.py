"""What workers do: the tasks that the coordinator creates and the results that come back. Both carry data only.

``task`` defines the unions of all of them; ``context`` is what a worker gives each task to work with.
"""
