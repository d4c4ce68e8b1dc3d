"""Commands, targets, options, metrics and reasons that the pages name exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from docs import prose
from scenario_operator import __main__ as program
from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.crd import KINDS, schema_of
from scenario_operator.observability.metrics import Metrics

PAGES = prose.pages()
DOCS = prose.ROOT / "docs"
MAKEFILE = (prose.ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
OURS = {name: kind for kind in KINDS for name in (kind.short, kind.plural, kind.name.lower())}
COMMON = {
    *(
        "pods",
        "pod",
        "jobs",
        "job",
        "pvc",
        "pv",
        "deployment",
        "lease",
        "crd",
        "events",
        "namespace",
        "node",
        "nodes",
    ),
    *(
        "statefulset",
        "sts",
        "configmap",
        "cm",
        "services",
        "svc",
        "secret",
        "clusterrole",
        "controllerrevisions",
    ),
}


def commands(program_name: str) -> list[tuple[str, str]]:
    """Return the commands of the pages that begin with a word, with their page."""
    found = [(str(page.relative_to(prose.ROOT)), c) for page in PAGES for c in prose.commands(page)]
    return [(page, c) for page, c in found if c.split()[0] == program_name]


@pytest.mark.parametrize(("page", "command"), commands("make"))
def test_a_target_of_make_exists(page: str, command: str) -> None:
    """`make x` in prose is a rule of the Makefile."""
    target = command.split()[1].rstrip(".,;:")
    assert target in TARGETS, page


@pytest.mark.parametrize(("page", "command"), commands("kubectl"))
def test_kubectl_is_asked_for_kinds_that_exist(page: str, command: str) -> None:
    """Kinds after get, patch, wait, delete and describe are ours or everyday ones."""
    words = re.sub(r"<<?\S*", "", command).split()
    verbs = [w for w in words if w in ("get", "patch", "describe", "delete")]
    if not verbs or "-f" in words:
        return
    asked = words[words.index(verbs[0]) + 1 :]
    if not asked or asked[0].startswith("-"):
        return
    kinds = {part.split("/")[0] for part in asked[0].strip("`").split(",")}
    assert kinds <= {*OURS, *COMMON, "scenario-operator"}, page


PATCHES = [(p, c) for p, c in commands("kubectl") if " patch " in c and " -p " in c]


def test_there_are_patches_to_look_at() -> None:
    """The next test is about something."""
    assert len(PATCHES) > 5


@pytest.mark.parametrize(("page", "command"), PATCHES)
def test_a_patch_that_is_shown_is_json_and_names_fields_that_exist(page: str, command: str) -> None:
    """Given the shell's reading of a command, then its patch fits the schema of the kind."""
    bare = re.sub(r"\$\([^()]*\)", "VALUE", command)
    words = shlex.split(bare)
    kind = words[words.index("patch") + 1].split("/")[0]
    patch = json.loads(words[words.index("-p") + 1])
    if kind not in OURS:
        return
    schema = schema_of(OURS[kind])["properties"]["spec"]
    assert _unknown(schema, patch["spec"]) == [], page


ON_CALL = [c for page, c in commands("kubectl") if page.endswith("what-can-happen.md")]


@pytest.mark.parametrize("command", [c for c in ON_CALL if {"patch", "edit"} & set(c.split())])
def test_a_command_for_the_engineer_on_call_is_not_taken_back_by_gitops(command: str) -> None:
    """It writes under a manager of its own, like the commands in messages."""
    assert f"--field-manager={names.CLI_FIELD_MANAGER}" in command


def _unknown(schema: JsonObject, value: object) -> list[str]:
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return []
    known = schema.get("properties", {})
    wrong = [key for key in value if key not in known]
    return wrong + [w for key in value if key in known for w in _unknown(known[key], value[key])]


def test_the_options_of_the_program_are_those_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/operations.md names no option that `run --help` does not."""
    with pytest.raises(SystemExit):
        program.main(["run", "--help"])
    told = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    section = (DOCS / "operations.md").read_text(encoding="utf-8").split("## Health")[0]
    named = set(re.findall(r"`(--[a-z-]+)`", section))
    assert named - {"--help"} <= told
    assert len(named) > 10


def test_the_metrics_of_the_page_are_those_of_the_program() -> None:
    """All of them, and no other; alerts included."""
    metrics = Metrics("1")
    metrics.watch_queue(lambda: 0, lambda: 0)
    families = re.findall(
        r"^# TYPE (scenario_operator_\w+) (\w+)", metrics.exposition().decode(), re.MULTILINE
    )
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(scenario_operator_\w+)` \|", page, re.MULTILINE))
    assert rows == {name for name, _ in families}
    series = {name for name, _ in families} | {f"{n}_count" for n, kind in families if kind == "histogram"}
    assert set(re.findall(r"\b(scenario_operator_\w+)", page)) <= series


PLAIN = re.compile(r"`(operator|tools|tests|docs|charts|examples|crds)/([\w./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(prose.ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    """Paths from the root, in backticks."""
    named = {"/".join(found).rstrip(".") for found in PLAIN.findall(prose.prose(page))}
    assert {name for name in named if not (prose.ROOT / name).exists()} == set()


def test_files_of_the_map_exist() -> None:
    """docs/architecture.md says where to find what."""
    table = (DOCS / "architecture.md").read_text(encoding="utf-8").split("## Where to find what")[1]
    table = table.split("\n## ")[0]
    named = set(re.findall(r"`((?:\w+/)+\w+\.py|\w+/)`", table))
    package = prose.ROOT / "operator" / "scenario_operator"
    assert len(named) > 20
    assert {name for name in named if not (package / name).exists()} == set()
