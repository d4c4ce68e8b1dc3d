"""What people and machines see of a running operator: metrics, health, logs.

The code that is observed knows none of it: it takes callbacks, which `app` connects.
"""
