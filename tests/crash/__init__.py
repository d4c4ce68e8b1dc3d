"""Crashes and faults at every call of every reference upgrade: `python -m tests.crash` (`make crash`)."""
