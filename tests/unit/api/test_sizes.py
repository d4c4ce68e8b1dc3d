"""A status has to fit into an object: etcd takes 1.5 MiB, and we stay below a third of it."""

from __future__ import annotations

from typing import Any

from scenario_operator.api.journal import MAX_FACTS, MAX_STEPS, Journal

NOW = "2026-01-01T00:00:00Z"
ITEMS, EDGES = 64, 256
KIB = 1024


def step(number: int, needs: int) -> dict[str, Any]:
    """Return a step with the longest name that a part of 30 characters gives, and so many needs."""
    return {
        "id": f"apply-{'r' * 28}{number:03}",
        "kind": "Verify",
        "needs": [f"apply-{'r' * 28}{n:03}" for n in range(needs)],
        "incarnation": 10**6,
        "revision": f"{'s' * 40}-{'0' * 10}",
        "hook": True,
    }


def graph() -> list[dict[str, Any]]:
    """Return as many steps as there may be, with the needs of a graph of 64 parts and 256 edges, each twice."""
    dense = 2 * EDGES // ITEMS
    return [step(n, dense if n < ITEMS else 1) for n in range(MAX_STEPS)]


def test_the_journal_of_a_full_graph_stays_below_512_kib() -> None:
    """Given a plan of as many steps, both ways, as the schema takes, when every one has failed once, then it fits."""
    ids = [s["id"] for s in graph()]
    begun = [{"id": i, "at": NOW} for i in (*ids, *ids)]
    tries = [
        {"step": i, "count": 1, "uid": "u" * 36, "at": NOW, "message": "m" * 256, "number": 1}
        for i in (*ids, *ids)
    ]
    facts = [{"name": f"{'f' * 60}{n:03}", "value": "v" * 512} for n in range(MAX_FACTS)]
    journal = Journal.model_validate(
        {
            "id": "j",
            "planHash": "h" * 20,
            "cause": "Upgrade",
            "toRevision": "r",
            "toVersion": "2",
            "level": "Replace",
            "openedAt": NOW,
            "steps": graph(),
            "path": graph(),
            "begun": begun,
            "done": (*ids, *ids),
            "facts": facts,
            "attempts": tries,
        }
    )
    written = journal.model_dump_json(by_alias=True, exclude_none=True).encode()
    assert 300 * KIB < len(written) < 512 * KIB
