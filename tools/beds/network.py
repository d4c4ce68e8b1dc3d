"""A bed's address: an index below 250, from which its veth subnet, link name and pod range follow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from beds.common import BedError, run

SIZE = 250
SERVICES = "10.96.0.0/16"


@dataclass(frozen=True)
class Network:
    """The host's end of the veth is .1 (link `scbedN`), the bed's end .2 (link `eth0`)."""

    index: int

    @property
    def link(self) -> str:
        return f"scbed{self.index}"

    @property
    def gateway(self) -> str:
        return f"10.213.{self.index}.1"

    @property
    def address(self) -> str:
        return f"10.213.{self.index}.2"

    @property
    def pods(self) -> str:
        return f"10.214.{self.index}.0/24"

    def connect(self, init: int) -> None:
        """Join the bed's network namespace to the host's by a veth pair."""
        peer = ["peer", "name", "eth0", "netns", str(init)]
        run(["ip", "link", "add", self.link, "type", "veth", *peer])
        run(["ip", "addr", "add", f"{self.gateway}/30", "dev", self.link])
        run(["ip", "link", "set", self.link, "up"])
        enter = ["nsenter", f"--net=/proc/{init}/ns/net"]
        commands = [
            f"addr add {self.address}/30 dev eth0",
            "link set eth0 up",
            f"route add default via {self.gateway}",
        ]
        run([*enter, "ip", "-batch", "-"], stdin="\n".join(commands).encode())
        run([*enter, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])

    def disconnect(self) -> None:
        """Remove the host's end, which would otherwise vanish a moment after the namespace."""
        if self.link in _links():
            run(
                [
                    "sh",
                    "-c",
                    'ip link del "$1" 2>/dev/null || ! ip link show "$1" 2>/dev/null',
                    "-",
                    self.link,
                ]
            )


def _links() -> set[str]:
    return {str(link["ifname"]) for link in json.loads(run(["ip", "-j", "link"]))}


def choose(name: str, taken: set[int]) -> Network:
    """The first free index from the name's hash on, so that a bed tends to keep its address.

    The kernel's links count as taken as well: another user's beds are in another cache folder.
    """
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % SIZE
    links = _links()
    for offset in range(SIZE):
        network = Network((first + offset) % SIZE)
        if network.index not in taken and network.link not in links:
            return network
    raise BedError(f"all {SIZE} bed addresses are in use")
