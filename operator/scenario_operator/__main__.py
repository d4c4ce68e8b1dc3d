"""The command line of the operator: `python -m scenario_operator run`, or `scenario-operator run`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code: 0 stopped on request, 1 a part failed, 2 refused to start."""
    options = _parser().parse_args(arguments)
    if options.command == "version":
        return _version()
    return _run(options)


def _version() -> int:
    from scenario_operator.app import operator_version

    sys.stdout.write(f"{operator_version()}\n")
    return 0


def _run(options: argparse.Namespace) -> int:
    # Imported late, so that --help and mistakes in arguments answer at once.
    from scenario_operator.app import Settings, run
    from scenario_operator.cluster.lease import Terms
    from scenario_operator.controllers import build_controllers

    try:
        terms = Terms(
            duration_seconds=options.lease_duration_seconds,
            renew_seconds=options.lease_renew_seconds,
            retry_seconds=options.lease_retry_seconds,
            margin_seconds=options.lease_duration_seconds / 5,
        )
    except ValueError as error:
        sys.stderr.write(f"scenario-operator: {error}\n")
        return 2
    settings = Settings(
        namespaces=tuple(options.namespace),
        kubeconfig=options.kubeconfig,
        context=options.context,
        lease_namespace=options.lease_namespace,
        lease_name=options.lease_name,
        lease=terms,
        workers=options.workers,
        qps=options.qps,
        burst=options.burst,
        resync_seconds=options.resync_seconds,
        crd_wait_seconds=options.crd_wait_seconds,
        port=options.port,
        log_format=options.log_format,
        log_level=options.log_level,
    )
    return asyncio.run(run(settings, build_controllers))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scenario-operator", description="Safe upgrades for stateful runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version", help="print the version")
    run = commands.add_parser(
        "run", help="run the operator", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    _add_place(run)
    _add_load(run)
    _add_lease(run)
    _add_output(run)
    return parser


def _add_place(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("where")
    group.add_argument(
        "--namespace", action="append", default=[], metavar="NAME", help="serve it only; repeat for more"
    )
    group.add_argument("--kubeconfig", type=Path, metavar="FILE", help="instead of the pod's service account")
    group.add_argument("--context", metavar="NAME", help="of the kubeconfig")
    group.add_argument(
        "--crd-wait-seconds",
        type=float,
        default=60.0,
        metavar="S",
        help="before refusing to start without CRDs",
    )


def _add_load(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("how much")
    group.add_argument("--workers", type=_positive, default=8, metavar="N", help="passes at the same time")
    group.add_argument(
        "--qps", type=float, default=50.0, metavar="N", help="requests a second in the long run"
    )
    group.add_argument("--burst", type=_positive, default=100, metavar="N", help="requests at once")
    group.add_argument(
        "--resync-seconds", type=float, default=300.0, metavar="S", help="between two lists of everything"
    )


def _add_lease(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("leader election")
    group.add_argument("--lease-name", default="scenario-operator", metavar="NAME", help="of the Lease")
    group.add_argument("--lease-namespace", default=_own_namespace(), metavar="NAME", help="of the Lease")
    group.add_argument("--lease-duration-seconds", type=_positive, default=15, metavar="S", help="life of it")
    group.add_argument("--lease-renew-seconds", type=float, default=5.0, metavar="S", help="between renewals")
    group.add_argument("--lease-retry-seconds", type=float, default=2.0, metavar="S", help="between attempts")


def _add_output(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("what it says")
    group.add_argument(
        "--port", type=int, default=8080, metavar="N", help="of /healthz, /readyz and /metrics"
    )
    group.add_argument("--log-format", choices=("json", "console"), default="json", help="of standard error")
    group.add_argument(
        "--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO", help="least severity"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _own_namespace() -> str:
    if namespace := os.environ.get("POD_NAMESPACE"):
        return namespace
    if _SERVICE_ACCOUNT_NAMESPACE.exists():
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    return "default"


if __name__ == "__main__":
    sys.exit(main())
