from collections.abc import Iterator

import pytest
from tests.unit.copier.ground import Ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground.fresh() as made:
        yield made
