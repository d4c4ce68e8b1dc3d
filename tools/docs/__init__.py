"""The documentation's machinery: pages that are generated from the code, and what prose must not get wrong."""
