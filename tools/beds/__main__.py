"""`python -m beds` is `tools/bed`."""

import sys

from beds.cli import main

sys.exit(main())
