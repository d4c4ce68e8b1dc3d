"""How the simulated kubelet binds claims: whatever is refused, nothing stays half done for ever."""

from __future__ import annotations

from typing import Any

import pytest

from beds.simkubelet import claims

CLAIM: dict[str, Any] = {
    "metadata": {"uid": "u", "namespace": "ns", "name": "state"},
    "spec": {
        "storageClassName": "sim",
        "resources": {"requests": {"storage": "1Gi"}},
        "accessModes": ["ReadWriteOnce"],
    },
    "status": {"phase": "Pending"},
}
VOLUME = "/api/v1/persistentvolumes/pvc-u"


class Server:
    """Answers requests with these codes one after the other, then with 200; the volume is to be deleted."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.asked: list[str] = []

    async def request(self, method: str, path: str, *_: Any) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        return self.codes.pop(0) if self.codes else 200, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(claims.asyncio, "sleep", at_once)


def claims_of(server: Server) -> claims.Claims:
    made = claims.Claims(server)  # type: ignore[arg-type]
    made.classes = {"sim": {"provisioner": claims.PROVISIONER}}
    return made


@pytest.mark.parametrize("codes", [(), (409,)], ids=["new", "begun before"])
async def test_a_claim_is_bound_once(codes: tuple[int, ...]) -> None:
    """Given a pending claim, when it is provided twice, then volume and claim are written once."""
    server = Server(*codes)
    sim = claims_of(server)
    await sim._provide(CLAIM)
    await sim._provide(CLAIM)
    assert [asked.split("/")[0] for asked in server.asked] == ["POST ", "PATCH ", "PATCH ", "PATCH "]


async def test_what_a_server_in_trouble_refused_is_tried_again() -> None:
    """Given a server that fails in the middle, when the claim is provided again, then it is bound."""
    server = Server(201, 200, 503)
    sim = claims_of(server)
    await sim._provide(CLAIM)
    assert not sim.provided
    await sim._provide(CLAIM)
    assert sim.provided == {"u"}
    assert server.asked[-1].endswith("persistentvolumeclaims/state/status")


@pytest.mark.parametrize("code", [404, 409])
async def test_the_volume_of_a_claim_that_is_gone_meanwhile_goes_too(code: int) -> None:
    """Given a claim deleted or replaced while its volume is made, then the volume is deleted."""
    server = Server(201, 200, code)
    await claims_of(server)._provide(CLAIM)
    assert server.asked[-2:] == [f"PATCH {VOLUME}", f"DELETE {VOLUME}"]
