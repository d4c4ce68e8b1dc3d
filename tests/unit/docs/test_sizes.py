"""A function fits a screen, and a file is read in one go: what grows past that is about two things."""

from __future__ import annotations

import ast

import pytest

from docs import prose

LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 60
SOURCES = {
    str(path.relative_to(prose.ROOT)): path.read_text(encoding="utf-8")
    for root in ("operator", "tools")
    for path in sorted((prose.ROOT / root).rglob("*.py"))
}


def test_sources_are_found() -> None:
    assert {"operator/scenario_operator/app.py", "tools/beds/bed.py"} <= SOURCES.keys()


@pytest.mark.parametrize("path", SOURCES)
def test_a_source_file_has_at_most_400_lines(path: str) -> None:
    assert len(SOURCES[path].splitlines()) <= LONGEST_FILE_LINES


@pytest.mark.parametrize("path", SOURCES)
def test_a_function_has_at_most_60_lines(path: str) -> None:
    found = ast.walk(ast.parse(SOURCES[path]))
    functions = [node for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{node.name} in line {node.lineno}": _lines(node) for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION_LINES} == {}


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
