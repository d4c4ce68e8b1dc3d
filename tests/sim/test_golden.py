"""Journals, plan hashes and statuses are written as they always were."""

from __future__ import annotations

import json

import pytest

from .golden import FOLDER, golden, name_of
from .setups import QUICK
from .states import Setup


@pytest.mark.parametrize("setup", QUICK, ids=lambda setup: setup.name)
def test_what_an_upgrade_writes_is_what_it_always_wrote(setup: Setup) -> None:
    """Given a plan shape, when it is carried out, then every status equals the one on file."""
    known = json.loads((FOLDER / name_of(setup)).read_text())
    assert json.loads(json.dumps(golden(setup))) == known
