"""Disposable Kubernetes clusters ("beds") for tests, built from package registries only.

The bed tool itself needs nothing but the standard library, so that it runs before any virtual
environment exists.
"""
