"""The operator on a machine whose clock is off: `python -m tests.harness.odd_clock SECONDS run …`.

Only the wall clock: a machine's monotonic clock is right whatever the other one says.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo

from scenario_operator.__main__ import main
from scenario_operator.cluster import clock, events, lease


def _set_off(seconds: float) -> None:
    class Odd(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    for module in (clock, events, lease):
        module.datetime = Odd  # type: ignore[attr-defined]


if __name__ == "__main__":
    _set_off(float(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
