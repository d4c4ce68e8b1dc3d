"""The objects that we own, written and read back beside each other: pure builders and readers of plain dicts.

Builders turn a revision, a window and parameters into manifests; readers turn what stands into frozen words. They know
neither a run's journal nor the cluster; the same arguments always give the same manifest, with derived names.
"""
