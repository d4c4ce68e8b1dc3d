"""An API server that is away, busy or broken, a right that is missing, a clock that is wrong: late, never lost."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.crash.laboratory import Laboratory
from tests.crash.references import REFERENCES, Reference
from tests.harness.cluster import Cluster, bed_command
from tests.harness.faults import Action, Call, Fault
from tests.harness.moments import until_stopping
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy
from tests.harness.odd_clock import set_off
from tests.harness.operator import Deployment, Operator

from dist import render

JsonObject = dict[str, Any]

# --- The API server is away -----------------------------------------------------------------------------


def in_the_middle_of_a_recompute(cluster: Cluster) -> None:
    """Begin a ForwardOnly upgrade, and return while v1 is stopping, as it does for so long that others can act."""
    slow = {"terminationGracePeriodSeconds": 300, "command": sim(stopAfter=20)}
    cluster.apply(scenario("s", "1.0.0", workload=slow), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    forward = strategy("ForwardOnly", approval="Never")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward, workload=slow))
    until_stopping(cluster, "r-1-0")


def ends_as_if_nothing_had(cluster: Cluster, operator: Operator) -> None:
    """Require the end of the upgrade, everything destroyed once, and nothing that looks like a bug."""
    status = cluster.until_settled("r", "2.0.0")["status"]
    told = cluster.until_report("s")["runs"]
    assert [(e["outcome"], e["loss"]["resultsReverted"]) for e in told] == [("Recomputed", 3)]
    assert told[0]["loss"].get("inputAtRisk") is not True
    assert status["window"]["notificationsFrom"] == status["lastStop"]["processedUntil"]
    assert status["incarnation"] == 2
    cluster.until("the old claim to be gone", lambda: cluster.find("pvc", "state-r-1-0") is None)
    done = [write for write in cluster.writes() if write[0] in ("create", "delete")]
    destroyed = [
        w for w in done if w[1:] in {("persistentvolumeclaims", "state-r-1-0"), ("statefulsets", "r-2")}
    ]
    assert sorted(destroyed) == sorted(
        [
            ("create", "persistentvolumeclaims", "state-r-1-0"),
            ("create", "statefulsets", "r-2"),
            ("delete", "persistentvolumeclaims", "state-r-1-0"),
        ]
    )
    log = operator.log.read_text()
    assert "Traceback" not in log
    assert "bug key=" not in log


def test_an_api_server_that_is_away_in_mid_upgrade_delays_it_and_loses_nothing(
    unserved: Cluster, tmp_path: Path
) -> None:
    """Given an upgrade under way, when the API server is away for longer than any patience, then it ends as ever."""
    more = (
        *("--namespace", unserved.namespace, "--crd-wait-seconds", "3"),
        *("--lease-renew-seconds", "1", "--lease-retry-seconds", "1"),
    )
    operator = Operator(
        unserved, tmp_path / "operator.log", lease=unserved.namespace, lease_seconds=30, more=more
    )
    with Deployment(operator) as deployment:
        in_the_middle_of_a_recompute(unserved)
        bed_command("stop", unserved.bed, "kube-apiserver", "--kill")
        try:
            unserved.until("two ends of the operator", lambda: len(deployment.ends) >= 2)
        finally:
            bed_command("restart", unserved.bed, "kube-apiserver")

        assert deployment.ends[:2] == [1, 2]
        ends_as_if_nothing_had(unserved, operator)


@pytest.mark.slow
def test_an_api_server_that_is_away_for_two_minutes_in_mid_upgrade_loses_nothing(
    unserved: Cluster, tmp_path: Path
) -> None:
    """Given default terms and an upgrade under way, when it is away for two minutes, then all ends as ever."""
    more = ("--namespace", unserved.namespace)
    operator = Operator(
        unserved, tmp_path / "operator.log", lease=unserved.namespace, lease_seconds=15, more=more
    )
    with Deployment(operator) as deployment:
        in_the_middle_of_a_recompute(unserved)
        bed_command("stop", unserved.bed, "kube-apiserver", "--kill")
        try:
            time.sleep(120)
        finally:
            bed_command("restart", unserved.bed, "kube-apiserver")

        assert deployment.ends[:2] == [1, 2]
        ends_as_if_nothing_had(unserved, operator)


# --- It is busy, or broken ------------------------------------------------------------------------------

FORWARD_ONLY = next(r for r in REFERENCES if r.name == "ForwardOnly")
BURSTS = [
    Fault(action, Call.parse(call), times=8)
    for call in (
        "patch scenarios/status s #1",
        "create scenarioupgrades s-1 #1",
        "patch scenarioruns/status r #2",
        "patch jobs r-p2-revert-live-0 #1",
        "create statefulsets r-2 #1",
    )
    for action in (Action.BUSY, Action.ERROR)
]
FILES: JsonObject = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "rules"},
    "data": {"rules.txt": "one"},
}


def with_files() -> Reference:
    """Return a first start of a version whose artifact has files."""
    version = scenario("s", "1.0.0", strategy=strategy("InPlace", approval="Never"))
    version["spec"]["artifact"]["configMapRef"] = {"name": "rules"}
    return Reference("first start with files", (), (FILES, version, run("r", "s")), "1.0.0")


async def disturbed(lab: Laboratory, reference: Reference, faults: list[Fault]) -> None:
    """Run a reference under each of the faults, and require the end of the undisturbed run."""
    await lab.learn([reference])
    namespaces = await lab.prepare([reference for _ in faults])
    gate = asyncio.Semaphore(4)

    async def one(namespace: str, fault: Fault) -> str:
        async with gate:
            outcome = await lab.attempt(namespace, reference, [fault])
        assert outcome.reached, f"{fault} was not reached"
        return outcome.story() if outcome.problems else ""

    told = await asyncio.gather(*(one(*each) for each in zip(namespaces, faults, strict=True)))
    assert not any(told), "\n".join(told)


@pytest.mark.parametrize(
    "bursts",
    [pytest.param(BURSTS[:9:3], id="few"), pytest.param(BURSTS, id="every", marks=pytest.mark.slow)],
)
async def test_bursts_of_429_and_500_delay_an_upgrade_and_change_nothing(
    lab: Laboratory, bursts: list[Fault]
) -> None:
    """Given a ForwardOnly upgrade, when eight requests in a row are refused at any step, then it ends as without."""
    await disturbed(lab, FORWARD_ONLY, bursts)


REVISION, COPY = (
    Call.parse("create controllerrevisions s-r1 #1"),
    Call.parse("create configmaps s-r1-artifact #1"),
)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(Action.KILLED_AFTER, REVISION), Fault(Action.ANSWER_LOST, COPY)], id="few"),
        pytest.param(
            [
                Fault(action, call)
                for call in (REVISION, COPY)
                for action in (Action.KILLED_AFTER, Action.KILLED_BEFORE, Action.ANSWER_LOST)
            ],
            id="every",
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_a_crash_between_a_revision_and_the_copy_of_its_files_leaves_no_run_without_them(
    lab: Laboratory, faults: list[Fault]
) -> None:
    """Given a version with files, when the operator dies around their copy, then the run has them all the same."""
    await disturbed(lab, with_files(), faults)


# --- A clock that is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [600, pytest.param(-600, marks=pytest.mark.slow)])
def test_a_clock_ten_minutes_off_neither_fails_a_good_version_nor_proves_a_bad_one(
    unserved: Cluster, tmp_path: Path, ahead: int
) -> None:
    """Given an operator whose clock is wrong, when versions are rolled out, then each ends as it deserves."""
    more = ("--namespace", unserved.namespace)
    odd = partial(set_off, ahead)
    operator = Operator(
        unserved, tmp_path / "operator.log", lease=unserved.namespace, more=more, disguise=odd
    )
    patient = strategy("InPlace", verify={"stableSeconds": 5})
    strict = strategy("InPlace", verify={"stableSeconds": 10}, timeouts={"verifySeconds": 20})
    with Deployment(operator):
        unserved.apply(scenario("s", "1.0.0"), run("r", "s"))
        unserved.until_settled("r", "1.0.0")
        unserved.apply(scenario("s", "2.0.0", edges=compatible(), strategy=patient))
        unserved.until_settled("r", "2.0.0")

        unserved.apply(
            scenario("s", "3.0.0", edges=compatible(), strategy=strict, command=sim(crashAfter=1, backoff=2))
        )
        unserved.until_condition("srun", "r", "RolledBack", "True")
        assert unserved.get("srun", "r")["status"]["applied"]["version"] == "2.0.0"
        written = unserved.condition("srun", "r", "RolledBack")["lastTransitionTime"]
        off = time.time() - datetime.fromisoformat(written).timestamp()
        assert abs(off) < 300, "times are not the server's"


# --- A right is missing ---------------------------------------------------------------------------------

Right = tuple[str, str]
TOLD = [
    ("create", "pods"),
    ("delete", "pods"),
    ("create", "controllerrevisions"),
    ("create", "scenarioupgrades"),
    ("patch", "scenarioupgrades/status"),
    ("patch", "pods"),
    ("patch", "statefulsets"),
    ("create", "jobs"),
    ("patch", "jobs"),
    ("delete", "jobs"),
    ("delete", "statefulsets"),
    ("delete", "persistentvolumeclaims"),
    ("create", "persistentvolumeclaims"),
    ("create", "statefulsets"),
]
"""Rights whose absence the run or its Scenario tells."""
UNTOLD = [("patch", "scenarios/status"), ("patch", "scenarioruns/status")]
"""Those without which there is no place to tell it but the log."""
COURTESY = [("create", "events"), ("list", "events"), ("delete", "controllerrevisions")]
"""Those without which everything goes on."""
FEW = [*TOLD[::5], *UNTOLD[1:], *COURTESY[2:]]
"""What `make test` takes away of them; `make crash` takes every one."""


def place(right: Right) -> str:
    """Name the namespace of a case."""
    return f"no-{right[0]}-{right[1].replace('/', '-')}"


@cache
def rights_of_the_chart() -> list[JsonObject]:
    """Return the rules of the role that the chart gives the operator, one for each resource."""
    named = ("ClusterRole", "scenario-operator")
    [role] = [m for m in render.helm_template() if (m["kind"], m["metadata"]["name"]) == named]
    return [{**rule, "resources": [resource]} for rule in role["rules"] for resource in rule["resources"]]


def granted(account: str, cluster: Cluster, but: Right | None = None) -> None:
    """Give the operator's account the chart's rights in a namespace, all of them but one."""
    rules = []
    for rule in rights_of_the_chart():
        verbs = [verb for verb in rule["verbs"] if (verb, *rule["resources"]) != but]
        rules += [{**rule, "verbs": verbs}] if verbs else []
    group = "rbac.authorization.k8s.io"
    metadata = {"name": "operator"}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "default"}
    cluster.apply(
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "operator"},
            "subjects": [subject],
        },
    )


def credentials(cluster: Cluster, account: str, path: Path) -> str:
    """Make an account that may hold a lease, and return a kubeconfig of it."""
    system = cluster.inside("default")
    system.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
    verbs = "--verb=get,create,update"
    system.kubectl("create", "role", f"{account}-lease", verbs, "--resource=leases.coordination.k8s.io")
    bound = (f"--role={account}-lease", f"--serviceaccount=default:{account}")
    system.kubectl("create", "rolebinding", f"{account}-lease", *bound)
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": system.kubectl("create", "token", account).strip()}
    path.write_text(yaml.safe_dump(config))
    return str(path)


def says_so(cluster: Cluster, right: Right) -> bool:
    """Say whether the run or the Scenario asks for the missing right."""
    words = f'cannot {right[0]} resource "{right[1]}"'
    told = [cluster.condition(kind, name, "ActionRequired") for kind, name in (("srun", "r"), ("scn", "s"))]
    return any(c.get("status") == "True" and words in c["message"] for c in told)


@pytest.mark.parametrize(
    "rights",
    [
        pytest.param(FEW, id="few"),
        pytest.param([*TOLD, *UNTOLD, *COURTESY], id="every", marks=pytest.mark.slow),
    ],
)
def test_a_missing_right_is_named_and_what_lacks_it_waits_until_it_is_given(
    unserved: Cluster, tmp_path: Path, rights: list[Right]
) -> None:
    """Given a run for each right that is missing, when v2 recomputes it, then it waits; with the right it ends."""
    account = "limited"

    def taken(*kinds: list[Right]) -> list[Right]:
        return [right for kind in kinds for right in kind if right in rights]

    places = {right: unserved.inside(place(right)) for right in rights}
    more = tuple(part for right in rights for part in ("--namespace", place(right)))
    operator = Operator(
        unserved,
        tmp_path / "operator.log",
        lease="limited",
        more=(*more, "--qps", "500", "--burst", "1000"),
        kubeconfig=credentials(unserved, account, tmp_path / "kubeconfig"),
    )
    forward = strategy("ForwardOnly", approval="Never")
    for where in places.values():
        unserved.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": where.namespace}})
        granted(account, where)
        where.apply(scenario("s", "1.0.0"), run("r", "s"))
    with Deployment(operator) as deployment:
        claims = {}
        for right, where in places.items():
            where.until_settled("r", "1.0.0")
            claims[right] = where.uid("pvc", "state-r-1-0")
            granted(account, where, right)
            where.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward))

        for right in taken(COURTESY):
            places[right].until_settled("r", "2.0.0")
        for right in taken(TOLD):
            where = places[right]
            where.until(f"{right} to be asked for", lambda w=where, r=right: says_so(w, r))
        for verb, resource in taken(TOLD, UNTOLD):
            words = f'cannot {verb} resource "{resource}"'
            named = re.compile(f"{re.escape(words)}.*namespace \\W+{place((verb, resource))}\\W")
            unserved.until(f"{words} in the log", lambda n=named: n.search(operator.log.read_text()))
        before = TOLD.index(("delete", "persistentvolumeclaims")) + 1
        for right in taken(TOLD[:before], UNTOLD):
            claim = places[right].get("pvc", "state-r-1-0")["metadata"]
            assert (claim["uid"], claim.get("deletionTimestamp")) == (claims[right], None), right

        for right in taken(TOLD, UNTOLD):
            granted(account, places[right])
        for right, where in places.items():
            where.until_settled("r", "2.0.0")
            told = where.until_report("s")["runs"]
            assert [(e["outcome"], e["loss"]["resultsReverted"]) for e in told] == [("Recomputed", 3)], right
        assert deployment.ends == []
    assert "Traceback" not in operator.log.read_text()
    for where in places.values():
        unserved.kubectl("delete", "namespace", where.namespace, "--wait=false")
