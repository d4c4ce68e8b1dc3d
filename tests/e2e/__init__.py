"""End to end: the operator's image as users install it, real pods, real volumes, kubectl and helm only."""
