"""What destroys waits for consent, bound to the plan that was shown (rows A33 to A35, A77)."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]
ASKED = strategy("ForwardOnly", approval="Destructive")
TOUCHED = ("pod/r-1-0", "pvc/state-r-1-0", "sts/r-1")


def recomputing(version: str, *, suspend: bool = False) -> JsonObject:
    """Return a version that recomputes, once somebody has consented."""
    return scenario("s", version, edges=incompatible(), strategy=ASKED, upgrade={"suspend": suspend})


def groups(cluster: Cluster) -> list[JsonObject]:
    """Return the plan groups of the newest attempt, when it has some."""
    found: list[JsonObject] = (cluster.latest_attempt("s").get("status") or {}).get("groups") or []
    return found


def test_a33_a_contradiction_between_word_and_format_is_disputed(cluster: Cluster) -> None:
    """Given v2 declared compatible that does not read the stored format, when it is applied, then nothing is done."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions(*TOUCHED)

    cluster.apply(scenario("s", "2.0.0", state="2", edges=compatible()))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "Disputed")
    assert "spec.state.accepts" in seen["message"]
    assert cluster.condition("srun", "r", "Ready")["status"] == "True"
    assert cluster.versions(*TOUCHED) == before
    assert cluster.list("supg") == []


def test_a33_a_disputed_plan_needs_a_person_whatever_the_policy_says(cluster: Cluster) -> None:
    """Given approval Never, when the plan contradicts the author's word, then it waits for a person all the same."""
    forward = strategy("ForwardOnly", approval="Never")
    cluster.apply(scenario("s", "1.0.0", strategy=forward), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions(*TOUCHED)

    cluster.apply(scenario("s", "2.0.0", state="2", edges=compatible(), strategy=forward))

    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    assert groups(cluster)[0]["attention"] == "Disputed"
    assert cluster.versions(*TOUCHED) == before
    cluster.carry_out(seen["message"])
    assert cluster.until_settled("r", "2.0.0")["status"]["incarnation"] == 2


WIDE = ">=1.0.0 <3.0.0"


def rewritten(label: str, number: int, files: dict[str, str], **choice: str) -> list[JsonObject]:
    """Return a version and its files, of which nearly everything has the number in it; the policy asks nobody."""
    forward = strategy("ForwardOnly", approval="Never", **choice)
    made = scenario("s", label, edges=compatible(WIDE), strategy=forward, command=sim(readyAfter=number / 10))
    rules = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"rules-{number}"}, "data": files}
    made["spec"]["artifact"]["configMapRef"] = {"name": f"rules-{number}"}
    made["spec"]["state"]["volume"]["size"] = f"{number}Gi"
    said = f'{{"reverted": {number}, "kept": 0}}'
    made["spec"]["hooks"]["revert"]["command"] = sim(message=said)
    return [rules, made]


def test_a114_an_undeclared_edge_asks_whatever_the_policy_and_the_plan_shows_every_change(
    cluster: Cluster,
) -> None:
    """Given approval Never, when no range contains the pre-release on a run, then a person sees all and consents."""
    cluster.apply(*rewritten("2.0.0-rc.1", 1, {"same.sh": "1", "watch.sh": "1"}), run("r", "s"))
    cluster.until_settled("r", "2.0.0-rc.1")
    before = cluster.versions(*TOUCHED)

    cluster.apply(*rewritten("2.0.0", 2, {"b.sh": "1", "same.sh": "1", "watch.sh": "2"}))

    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    assert "UndeclaredEdge, RevertResults(live), DeleteState(live)" in seen["message"]
    (group,) = groups(cluster)
    assert (group["attention"], group["reversible"]) == ("UndeclaredEdge", False)
    assert f"2.0.0-rc.1 is a pre-release, `{WIDE}` does not contain it" in group["notes"]
    changed = {
        "files: watch.sh changed, b.sh added",
        "command: changed",
        "hooks.revert: changed",
        "state.volume: 1Gi → 2Gi (the new claim gets it)",
    }
    assert changed <= set(group["diff"])
    assert cluster.versions(*TOUCHED) == before
    cluster.carry_out(seen["message"])
    assert cluster.until_settled("r", "2.0.0")["status"]["incarnation"] == 2


def test_an_undeclared_edge_asks_nobody_when_the_strategy_accepts_it(cluster: Cluster) -> None:
    """Given undeclaredEdge Accept and approval Never, when no range contains the version, then it goes on by itself."""
    cluster.apply(*rewritten("2.0.0-rc.1", 1, {"watch.sh": "1"}, undeclaredEdge="Accept"), run("r", "s"))
    cluster.until_settled("r", "2.0.0-rc.1")

    cluster.apply(*rewritten("2.0.0", 2, {"watch.sh": "2"}, undeclaredEdge="Accept"))

    assert cluster.until_settled("r", "2.0.0")["status"]["incarnation"] == 2
    assert "undeclared" not in cluster.get("scn", "s")["spec"]["compatibility"]
    (group,) = cluster.latest_attempt("s")["status"]["groups"]
    assert "attention" not in group


def test_a34_a_suspended_version_shows_its_plans_and_touches_nothing(cluster: Cluster) -> None:
    """Given suspend, when v2 is applied, then plans are shown; a stale approval is told; the right one executes."""
    cluster.apply(scenario("s", "1.0.0", strategy=ASKED), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions(*TOUCHED)

    cluster.apply(recomputing("2.0.0", suspend=True))
    shown = cluster.until("the plan groups", lambda: groups(cluster))
    cluster.until_condition("scn", "s", "Ready", "True", "Suspended")
    cluster.until_condition("srun", "r", "UpToDate", "False", "Suspended")
    assert cluster.condition("srun", "r", "Ready")["status"] == "True"
    assert shown[0]["destructive"]
    assert cluster.versions(*TOUCHED) == before

    attempt = cluster.latest_attempt("s")["metadata"]["name"]
    cluster.approve(attempt, "0123456789abcdef0123")
    cluster.until_condition("supg", attempt, "Approved", "False", "PlanChanged")
    cluster.approve(attempt, shown[0]["hash"])
    cluster.until_condition("supg", attempt, "Approved", "True")
    assert cluster.versions(*TOUCHED) == before

    cluster.apply(recomputing("2.0.0"))
    cluster.until_settled("r", "2.0.0")
    report = cluster.until_report("s")
    assert report["runs"][0]["group"] == shown[0]["hash"]
    assert cluster.latest_attempt("s")["metadata"]["name"] == attempt


def test_a35_a_destructive_plan_waits_and_names_what_it_destroys_and_the_command(cluster: Cluster) -> None:
    """Given approval Destructive, when v2 recomputes, then it waits; the command in the message sets it going."""
    cluster.apply(scenario("s", "1.0.0", strategy=ASKED), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions(*TOUCHED)

    cluster.apply(recomputing("2.0.0"))
    cluster.until_condition("scn", "s", "Ready", "True", "AwaitingApproval")
    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.until_condition("srun", "r", "UpToDate", "False", "AwaitingApproval")
    assert "RevertResults(live), DeleteState(live)" in seen["message"]
    assert "--field-manager=scenario-cli" in seen["message"]
    assert cluster.condition("srun", "r", "Ready")["status"] == "True"
    assert cluster.versions(*TOUCHED) == before

    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")
    who = cluster.user()
    assert cluster.until_report("s")["runs"][0]["approver"] == who


def test_a77_a_run_created_while_a_version_waits_starts_on_the_active_one(cluster: Cluster) -> None:
    """Given v2 that waits for approval, when a run is created, then it starts on v1 and is listed for v2."""
    cluster.apply(scenario("s", "1.0.0", strategy=ASKED), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(recomputing("2.0.0"))
    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")

    cluster.apply(run("late", "s"))
    cluster.until_settled("late", "1.0.0")

    cluster.until("both runs in the group", lambda: groups(cluster)[0]["runs"] == 2)
    assert len(cluster.list("supg")) == 1
    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")
    cluster.until_settled("late", "2.0.0")
    assert {e["name"] for e in cluster.until_report("s")["runs"]} == {"r", "late"}
