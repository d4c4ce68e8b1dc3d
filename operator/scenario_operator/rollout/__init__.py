"""Who goes next: attempts over the runs of a Scenario. Pure.

Planning says what would be done to a run, execution does it; this package groups plans, asks for consent, grants
and settles. It knows neither the cluster nor how a step is carried out.
"""
