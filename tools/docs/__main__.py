"""`python tools/docs` writes the generated pages; `--check` says whether they are up to date."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "operator"), str(_ROOT / "tools")]

from docs.pages import main  # noqa: E402 (the path comes first)

sys.exit(main())
