"""`python -m beds.simkubelet KUBECONFIG NODE`."""

import asyncio
import sys
from pathlib import Path

from beds.rest import Client
from beds.simkubelet.node import Node


async def _main() -> None:
    client = Client(Path(sys.argv[1]), "simkubelet")
    await Node(client, sys.argv[2]).run()


asyncio.run(_main())
