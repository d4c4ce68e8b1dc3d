"""`python -m quake_watch serve | hook <name> | show`; the logic is the image's: QUAKE_WATCH_LOGIC."""

import argparse
import json
import logging
import os
import sys

from scenario_runtime import Incarnation, Places, RunContext, run_hook, serve

from .hooks import HOOKS
from .logic import logic_named
from .service import Replay
from .settings import Settings
from .show import snapshot, table


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    command = arguments.command or "serve"
    if command == "show":
        places = Places.of(os.environ)
        view = snapshot(places, RunContext.load(places, os.environ), arguments.events)
        print(json.dumps(view, ensure_ascii=False) if arguments.output == "json" else table(view))
        return 0
    logic = logic_named(os.environ.get("QUAKE_WATCH_LOGIC", "v1"))
    if command == "hook":
        return run_hook(lambda context: HOOKS[arguments.name](context, logic))

    def work(incarnation: Incarnation) -> None:
        Replay(incarnation, logic, Settings.of(incarnation.context)).run()

    return serve(work, logic.state_version)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m quake_watch")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="replay the input until told to stop (the default)")
    hook = commands.add_parser("hook", help="answer one hook of the contract")
    hook.add_argument("name", choices=sorted(HOOKS))
    show = commands.add_parser("show", help="print the committed results of all incarnations")
    show.add_argument("-o", "--output", choices=["text", "json"], default="text")
    show.add_argument("--events", action="store_true", help="every event of the audit log, not only the ends")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
