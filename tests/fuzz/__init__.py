"""Specs and statuses that the CRDs admit, and worse, through both controllers: nothing that is read ends a pass."""
