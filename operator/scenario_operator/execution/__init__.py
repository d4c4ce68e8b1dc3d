"""One run's next move: `decide` and what it is made of. Pure.

Strategies, rollback, abort, supersede and hold are data here, not code paths. Nothing in this package knows
the cluster, its wire formats (but for `status`) or how an effect is carried out.
"""
