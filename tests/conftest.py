"""Settings for all tests: what is drawn at random is the same on every machine, and slow machines are no failure."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Assertions in what unit tests share show their values, as those in the tests themselves do.
pytest.register_assert_rewrite("tests.unit")

settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")

# kubectl and helm live for a moment, hundreds of times: they need neither a second processor nor a garbage collector.
os.environ |= {"GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "1GiB"}
