"""What no revision may declare: each problem with the path of the field to correct."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.unit.planning.items.build import graph, item

from scenario_operator.planning.items.validity import problems
from scenario_operator.planning.items.words import Graph, Input, Need


def found(declared: Graph, *, task_graph: bool = True, parameters: Iterable[str] = ()) -> dict[str, str]:
    return dict(problems(declared, task_graph=task_graph, parameters=parameters))


VALID = graph(
    "upload",
    item("db", inputs=(Input("IN", item="upload", key="path"),), renamed_from=("make-db", "mk-db")),
    item("app", inputs=(Input("SIZE", parameter="size"), Input("MODE", "fast"))),
    edges=["upload>db", "db[app"],
)


def test_a_valid_graph_has_no_problem() -> None:
    assert found(VALID, parameters=["size"]) == {}
    assert found(Graph()) == {}


@pytest.mark.parametrize(
    ("declared", "path", "message"),
    [
        (graph("a", "b", edges=["a>b", "b>a"]), "spec.edges", "a, b need each other in a circle"),
        (graph("a", edges=["a>a"]), "spec.edges", "a need each other in a circle"),
        (
            graph("a", "b", "a"),
            "spec.items[2].role",
            "a is the role of an item before it: give it another one",
        ),
        (
            graph("a", "b", "c", edges=["a[c", "b[c"]),
            "spec.edges[1].type",
            "c lives inside a already: one container only",
        ),
        (graph("a", edges=["a>b"]), "spec.edges[0].to", "there is no item of role b"),
        (graph("a", edges=["b>a"]), "spec.edges[0].from", "there is no item of role b"),
        (
            graph("a", "b", edges=["a>b", "a[b"]),
            "spec.edges[1]",
            "there is an edge from a to b before it",
        ),
        (
            graph(item("a", inputs=(Input("X", item="b", key="k"),))),
            "spec.items[0].inputs[0].valueFrom.itemOutput.role",
            "there is no item of role b",
        ),
        (
            graph(item("a", inputs=(Input("X", item="b", key="k"),)), "b", edges=["a>b"]),
            "spec.items[0].inputs[0].valueFrom.itemOutput.role",
            "it needs an edge from b to a in spec.edges",
        ),
        (
            graph(item("a", inputs=(Input("X", parameter="size"),))),
            "spec.items[0].inputs[0].valueFrom.parameter",
            "size is not declared in spec.parameters",
        ),
        (
            graph(item("a", inputs=(Input("X", "1"), Input("X", "2")))),
            "spec.items[0].inputs[1].name",
            "X is the name of an input before it",
        ),
        (graph(item("a", do=())), "spec.items[0].do", "is required in a TaskGraph"),
        (
            graph(item("a", memoize=True)),
            "spec.items[0].memoize",
            "is for items without a check: remove the one or the other",
        ),
        (
            graph("a", item("b", renamed_from=("c", "a"))),
            "spec.items[1].renamedFrom[1]",
            "a is the role of an item of this version: remove it here",
        ),
        (
            graph(item("a", renamed_from=("c",)), item("b", renamed_from=("c",))),
            "spec.items[1].renamedFrom[0]",
            "c is named twice: one item only can have had a role",
        ),
        (
            graph(item("a", renamed_from=("c", "c"))),
            "spec.items[0].renamedFrom[1]",
            "c is named twice: one item only can have had a role",
        ),
        (
            graph(item("a", clean=(), from_={"<3": Need.APPLY, "1": Need.REPLACE})),
            "spec.items[0].upgradeFrom[1].needs",
            "Replace needs a clean command: declare spec.items[].clean",
        ),
        (
            graph(item("a", from_={"1": Need.DISCOVER})),
            "spec.items[0].upgradeFrom[0].needs",
            "Discover needs a discover command: declare spec.items[].discover",
        ),
    ],
)
def test_a_problem_names_its_field(declared: Graph, path: str, message: str) -> None:
    """Given one mistake, then it is the only problem, with the path of its field."""
    assert found(declared) == {path: message}


def test_a_service_may_leave_out_do() -> None:
    assert found(graph(item("a", do=())), task_graph=False) == {}


def test_every_problem_is_told_and_foreign_words_are_escaped() -> None:
    """Given several mistakes, one with a line end in a name, then all are told, each on one line."""
    told = found(graph(item("a", do=()), "a", edges=["x\n>a"]))
    assert list(told) == ["spec.items[0].do", "spec.items[1].role", "spec.edges[0].from"]
    assert told["spec.edges[0].from"] == "there is no item of role x\\n"
