"""What would we do? Pure: revisions, compatibility, parameters, windows and plans as data.

Nothing here knows the cluster, the clock or how a step is carried out.
"""
