"""`python -m scenario_operator.cli.release`: before an uninstall, let go of what only the operator would.

A Stop holds a pod by our finalizer until its last report is in the journal, and a run whose deletion has to take
results back may be held as well. Without an operator nobody takes that off, and the object, its namespace and its
volume hang for ever. So first the operator is stopped (else it could put a finalizer back), then ours are taken off
everywhere. The reports of such pods are lost, which the next operator says (`StopReportMissing`); results that nobody
takes back any more are listed here.
This module must not know why an object is held, and touches nothing but finalizers of our group.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from scenario_operator.api import names
from scenario_operator.cluster import errors
from scenario_operator.cluster.bucket import TokenBucket
from scenario_operator.cluster.client import Client, KubernetesClient
from scenario_operator.cluster.connection import open_connection
from scenario_operator.cluster.kinds import POD, RUN, JsonObject, Ref, ResourceKind

Say: TypeAlias = Callable[[str], object]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

DEPLOYMENT: Final = ResourceKind("apps", "v1", "deployments", "Deployment")

_PREFIX: Final = f"{names.GROUP}/"
_ATTEMPTS: Final = 5
_POLL_SECONDS: Final = 1.0


class StillRunning(errors.Transient):
    """The operator's pods did not end in time: taking finalizers off now could be undone by them."""


async def stop_operator(
    client: Client,
    deployment: Ref,
    *,
    wait_seconds: float,
    say: Say,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Scale the operator to 0 and wait until its last pod is gone; nothing to do when it is not there.

    Raises `StillRunning` after `wait_seconds`.
    """
    deadline = clock() + wait_seconds
    found = await _scaled_to_zero(client, deployment, sleep)
    if found is None:
        say(f"{deployment}: not there")
        return
    selector = ",".join(
        f"{key}={value}" for key, value in sorted(found["spec"]["selector"]["matchLabels"].items())
    )
    while (await client.list(POD, deployment.namespace, label_selector=selector)).items:
        if clock() >= deadline:
            raise StillRunning(f"pods of {deployment} still exist after {wait_seconds:g} s")
        await sleep(_POLL_SECONDS)
    say(f"{deployment}: stopped")


async def _scaled_to_zero(client: Client, deployment: Ref, sleep: Sleep) -> JsonObject | None:
    for attempt in range(1, _ATTEMPTS + 1):
        found = await client.get(deployment)
        if found is None or not found["spec"].get("replicas", 1):
            return found
        metadata = found["metadata"]
        try:
            await client.patch(
                deployment,
                {"spec": {"replicas": 0}},
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
                subresource="scale",
            )
        except errors.Transient:
            if attempt == _ATTEMPTS:
                raise
            await sleep(_POLL_SECONDS)
    return found


async def release_pods(
    client: Client, namespace: str | None, *, say: Say, sleep: Sleep = asyncio.sleep
) -> int:
    """Take the finalizer off every pod of a namespace (None: of all); return how many were held.

    All pods are looked at, not only those with our label: a stripped label must not hide one.
    """
    held = [pod for pod in (await client.list(POD, namespace)).items if _ours(pod)]
    for pod in held:
        told = "released; its last report is lost unless it was recorded"
        await _release(client, Ref.to(POD, pod), pod, told, say, sleep)
    return len(held)


async def release_runs(
    client: Client, namespace: str | None, *, say: Say, sleep: Sleep = asyncio.sleep
) -> int:
    """Take our finalizers off every run of a namespace (None: of all); return how many were held.

    Says of each whose results nobody takes back any more. Where the kind is gone there is nothing to do.
    """
    try:
        held = [run for run in (await client.list(RUN, namespace)).items if _ours(run)]
    except errors.NotFound:
        return 0
    for run in held:
        await _release(client, Ref.to(RUN, run), run, f"released; {_not_reverted(run)}", say, sleep)
    return len(held)


def _not_reverted(run: Mapping[str, Any]) -> str:
    """Name the incarnations whose results stay although somebody deleted the run."""
    if "deletionTimestamp" not in run["metadata"]:
        return "nobody had deleted it, it stays as it is"
    known = (run.get("status") or {}).get("incarnations") or ()
    kept = [each for each in known if each.get("results") != "Reverted"]
    told = ", ".join(f"{each.get('runID')} (version {each.get('version', 'unknown')})" for each in kept)
    return f"results that were not reverted: {told or 'none'}"


async def _release(client: Client, ref: Ref, held: JsonObject, told: str, say: Say, sleep: Sleep) -> None:
    uid = held["metadata"]["uid"]
    current: JsonObject | None = held
    for attempt in range(1, _ATTEMPTS + 1):
        if current is None or current["metadata"]["uid"] != uid or not _ours(current):
            say(f"{ref}: gone, or released meanwhile")
            return
        metadata = current["metadata"]
        others = [each for each in metadata["finalizers"] if each not in _ours(current)]
        try:
            await client.patch(
                ref,
                {"metadata": {"finalizers": others or None}},
                uid=uid,
                resource_version=metadata["resourceVersion"],
            )
        except errors.Transient:
            if attempt == _ATTEMPTS:
                raise
            await sleep(_POLL_SECONDS)
            current = await client.get(ref)
        else:
            say(f"{ref}: {told}")
            return


def _ours(obj: Mapping[str, Any]) -> list[str]:
    """Return the finalizers that only an operator of ours would take off, of whatever version."""
    return [each for each in obj["metadata"].get("finalizers") or () if each.startswith(_PREFIX)]


async def run(options: argparse.Namespace, say: Say) -> int:
    """Carry out the command; return the exit code."""
    try:
        async with open_connection(options.kubeconfig, version="release") as connection:
            client = KubernetesClient(connection.pool, bucket=TokenBucket(50, 50))
            for deployment in options.deployment:
                await stop_operator(client, deployment, wait_seconds=options.wait_seconds, say=say)
            pods = runs = 0
            for namespace in options.namespace or (None,):
                pods += await release_pods(client, namespace, say=say)
                runs += await release_runs(client, namespace, say=say)
    except errors.ClusterError as error:
        say(f"not finished: {error}; run it again")
        return 1
    say(f"pods that were held: {pods}; runs that were held: {runs}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="python -m scenario_operator.cli.release",
        description=f"Stop the operator and take the finalizers {_PREFIX}… off pods and runs.",
    )
    made.add_argument(
        "--deployment",
        type=_deployment,
        action="append",
        default=[],
        metavar="NAMESPACE/NAME",
        help="the operator's: scaled to 0 first",
    )
    made.add_argument(
        "--namespace", action="append", default=[], metavar="NAME", help="look here only; repeat for more"
    )
    made.add_argument(
        "--wait-seconds", type=float, default=120.0, metavar="S", help="for the operator's end (default: 120)"
    )
    made.add_argument("--kubeconfig", type=Path, metavar="FILE", help="instead of the pod's service account")
    return made


def _deployment(text: str) -> Ref:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAMESPACE/NAME")
    return Ref(DEPLOYMENT, namespace, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0 nothing is held any more, 1 try again."""
    options = parser().parse_args(arguments)
    return asyncio.run(run(options, lambda line: print(line, flush=True)))


if __name__ == "__main__":
    sys.exit(main())
