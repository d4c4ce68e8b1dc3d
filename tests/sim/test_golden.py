"""Journals, plan hashes and statuses are written as they always were."""

from __future__ import annotations

import json

import pytest

from .golden import FOLDER, WALKED, kept, name_of, walk
from .setups import QUICK
from .states import Setup


@pytest.mark.parametrize("setup", [s for s in QUICK if s.name in WALKED], ids=lambda setup: setup.name)
def test_what_an_upgrade_writes_is_what_it_always_wrote(setup: Setup) -> None:
    """Given a plan shape, when it is carried out, then every status equals the one on file."""
    assert json.loads(json.dumps(walk(setup))) == kept(setup)["walk"]


def test_every_golden_file_is_of_a_quick_exploration() -> None:
    """Given the files, then none is of a setup that is no more; digests are compared where it is explored."""
    assert {path.name for path in FOLDER.iterdir()} == {name_of(setup) for setup in QUICK}
