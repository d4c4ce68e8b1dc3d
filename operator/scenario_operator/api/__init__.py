"""The four kinds of `scenarios.dev`: models, conditions, reasons, names, and the generator of their CRDs.

It knows neither the cluster nor how an upgrade is planned.
"""
