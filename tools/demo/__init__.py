"""The demo: a real cluster, the operator from its chart, and two services that are upgraded while you watch."""
