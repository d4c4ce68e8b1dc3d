"""Everything that talks to the API server, and the loop that turns its events into passes.

It knows names and kinds (`api`) and nothing of plans: what a pass does is a `context.Controller`.
"""
