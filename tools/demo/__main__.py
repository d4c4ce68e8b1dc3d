"""`python tools/demo` (or `make demo`); exit code 1 with what was seen when something does not happen."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "examples" / "quake-watch")]

from demo.performance import main  # noqa: E402

sys.exit(main())
