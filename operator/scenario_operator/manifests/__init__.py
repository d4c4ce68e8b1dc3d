"""What we ask the API server to create: pure builders of owned objects, as plain dicts.

They turn a revision, a window and parameters into manifests, and read back the stamps that they leave. They know
neither a run's journal nor the cluster; the same arguments always give the same manifest, with derived names.
"""
