"""What is told of API objects, and of the node that they are on."""

from __future__ import annotations

import datetime
from typing import Any

from beds import behaviour
from beds.rest import Client

Json = dict[str, Any]
NEVER = float("inf")


class Host:
    """The node as its pods see it."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.address = "10.255.0.1"
        self.images = behaviour.Images()

    def address_of(self, uid: str) -> str:
        """The address of the pod with this uid."""
        number = int(uid[:8], 16) % (1 << 20)
        return f"10.{224 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def stamp(fraction: bool = False) -> str:
    """Now, as RFC 3339 in UTC; API times have whole seconds, reports and leases microseconds."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if fraction else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.now(datetime.UTC).strftime(form)


def version(thing: Json) -> int:
    """The age of an object or event."""
    return int(thing["metadata"]["resourceVersion"])
