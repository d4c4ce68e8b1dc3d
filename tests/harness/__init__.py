"""What integration and end-to-end tests stand on: a bed, kubectl, an operator process, and objects to apply.

Tests look at the cluster as a user does, through kubectl; only the audit log tells more than a user sees.
"""
