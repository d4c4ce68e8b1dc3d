"""Settings for all tests: what is drawn at random is the same on every machine, and slow machines are no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")
