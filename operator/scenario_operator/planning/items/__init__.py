"""The planner of items: pure functions from what a run has and what is wanted to a graph of steps.

`words`: what is declared and stored. `match`: which entry belongs to which item. `diff`: what differs, and how deep.
`steps`, `graph`, `plan`: the plan. `entries`: how an entry changes with each step. `validity`: what no revision
may declare.
"""
