"""What must not lean on anything else: the authors' library, and the oracle that judges what is made with it."""

import ast
import sys
from pathlib import Path

import quake_watch_oracle
import scenario_runtime


def imported(source: Path) -> set[str]:
    """Return the packages that a module imports from outside its own."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).split(".")[0])
    return found


def test_the_oracle_imports_nothing_of_what_it_judges() -> None:
    """Two that share code share mistakes."""
    assert imported(Path(quake_watch_oracle.__file__)) <= sys.stdlib_module_names


def test_the_library_needs_the_standard_library_only() -> None:
    """Given a base image with Python, then nothing has to be installed for it."""
    sources = list(Path(scenario_runtime.__file__).parent.glob("*.py"))
    assert len(sources) > 5
    assert {name for source in sources for name in imported(source)} <= sys.stdlib_module_names
