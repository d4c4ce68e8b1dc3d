import os
import resource
import signal
from collections.abc import Iterator

import pytest
from tests.unit.copier.ground import Ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground.fresh() as made:
        yield made


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """The program sets what belongs to its process: what new files may be, how many are open, what signals do."""
    mask = os.umask(0o022)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    os.umask(mask)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    for number, handler in handlers.items():
        signal.signal(number, handler)
