"""Quake watch: finds earthquake swarms in a replayed week of events; the example of a stateful scenario."""
