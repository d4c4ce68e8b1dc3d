"""`python -m scenario_runtime probe started|ready`: exit 0 if so, 1 if not. For `exec` probes."""

import argparse
import os
import sys

from .places import Places
from .probe import Probe


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scenario_runtime")
    probe = parser.add_subparsers(dest="command", required=True).add_parser(
        "probe", help="answer a kubelet probe"
    )
    probe.add_argument("question", choices=["started", "ready"])
    arguments = parser.parse_args()
    return 0 if Probe(Places.of(os.environ).probes).answer(arguments.question) else 1


if __name__ == "__main__":
    sys.exit(main())
