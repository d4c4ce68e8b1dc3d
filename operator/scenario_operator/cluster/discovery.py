"""Whether the API server serves our kinds: checked before anything is watched.

A kind that appears later would silently never be watched by kopf, so the operator refuses to start instead.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from scenario_operator.api import commands, names
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import KubernetesClient

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 2.0


class NotServed(errors.Terminal):
    """The operator cannot start; the message ends with the command that helps."""

    def __init__(self, message: str) -> None:
        super().__init__("NotServed", message)


async def wait_for_own_kinds(
    client: KubernetesClient, wait_seconds: float, *, clock: Callable[[], float] = time.monotonic
) -> None:
    """Return once all kinds of our group are served; raise `NotServed` after `wait_seconds`."""
    deadline = clock() + wait_seconds
    while True:
        problem = await _problem(client)
        if problem is None:
            return
        if clock() >= deadline:
            raise NotServed(problem)
        logger.warning("%(problem)s", {"problem": problem})
        await asyncio.sleep(_POLL_SECONDS)


async def _problem(client: KubernetesClient) -> str | None:
    try:
        missing = set(names.PLURALS.values()) - await client.served(names.GROUP, names.VERSION)
    except errors.Transient as error:
        return f"the API server does not answer: {error}; check the network, or --kubeconfig"
    if not missing:
        return None
    kinds = ", ".join(sorted(missing))
    install = commands.install_definitions()
    return f"the API server does not serve {kinds} of {names.API_VERSION}; install them: {install}"
