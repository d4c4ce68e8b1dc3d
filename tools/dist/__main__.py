"""`python tools/dist` writes dist/install.yaml and dist/uninstall.yaml (with tools/ in the path: `python -m dist`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dist.render import main

sys.exit(main())
