"""What a simulated container does: read from its command, or the default of its kind of pod.

A container whose `command[0]` is `sim` carries its behaviour as JSON in `command[1]`; tools/README.md
documents the fields. Pure: no clock and no cluster in here, so that unit tests can ask everything.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

Json = dict[str, Any]
ANNOTATION = "sim/behaviour"
_UNSET: Any = object()
_MESSAGE_LIMIT = 4096


@dataclass(frozen=True)
class Behaviour:
    """All times in seconds; field names are those of the JSON."""

    startAfter: float = 0.0  # noqa: N815
    readyAfter: float = 0.0  # noqa: N815
    neverStart: bool = False  # noqa: N815
    neverReady: bool = False  # noqa: N815
    crashAfter: float | None = None  # noqa: N815
    crashCode: int = 1  # noqa: N815
    crashTimes: int | None = None  # noqa: N815
    backoff: float = 1.0
    runFor: float | None = None  # noqa: N815
    exit: int = 0
    stopAfter: float = 0.0  # noqa: N815
    ignoreTerm: bool = False  # noqa: N815
    unschedulable: bool = False
    startError: bool = False  # noqa: N815
    message: str | None = None
    report: Any = _UNSET

    def last_words(self, now: str, environment: dict[str, str]) -> str:
        """The termination message, cut as a kubelet cuts it."""
        if self.message is not None:
            text = self.message
        elif self.report is _UNSET:
            default = {"processedUntil": now}
            if version := environment.get("SCENARIO_STATE_VERSION"):
                default["stateVersion"] = version
            text = json.dumps(default)
        else:
            text = "" if self.report is None else json.dumps(_with_now(self.report, now))
        return text.encode()[:_MESSAGE_LIMIT].decode(errors="ignore")


def _with_now(value: Any, now: str) -> Any:
    """Replace the string `$now` anywhere in a report."""
    if isinstance(value, dict):
        return {key: _with_now(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_now(item, now) for item in value]
    return now if value == "$now" else value


def of(pod: Json, container: Json) -> Behaviour:
    """The behaviour of one container of a pod; raises ValueError on one that cannot be read."""
    words = [*container.get("command", []), *container.get("args", [])]
    long_running = pod["spec"].get("restartPolicy", "Always") == "Always"
    wanted: Json = {} if long_running else {"runFor": 0.05, "report": None}
    if words and (words[0].startswith("/.scenario-probe") or "does-not-exist" in words[0]):
        wanted = {"startError": True, "report": None}
    elif words and words[0] == "sim" and len(words) > 1:
        wanted |= json.loads(words[1])
    for part, other in wanted.pop("inPods", {}).items():
        wanted |= other if part in pod["metadata"]["name"] else {}
    if annotation := pod["metadata"].get("annotations", {}).get(ANNOTATION):
        wanted |= json.loads(annotation)
    unknown = wanted.keys() - {field.name for field in fields(Behaviour)}
    if unknown:
        raise ValueError(f"unknown behaviour {', '.join(sorted(unknown))}")
    return Behaviour(**wanted)


def environment(pod: Json, container: Json) -> dict[str, str]:
    """The container's variables, as far as the pod alone tells them (values and metadata fieldRefs)."""
    metadata = pod["metadata"]
    values = {}
    for item in container.get("env", []):
        path = item.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        values[item["name"]] = item.get("value", "")
        for group in ("annotations", "labels"):
            if path.startswith(f"metadata.{group}['"):
                key = path.removeprefix(f"metadata.{group}['").removesuffix("']")
                values[item["name"]] = metadata.get(group, {}).get(key, "")
        if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
            values[item["name"]] = metadata[path.removeprefix("metadata.")]
    return values


@dataclass(frozen=True)
class Images:
    """The pretended registry: the data of ConfigMap kube-system/sim-images."""

    present: frozenset[str] = frozenset()
    digests: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, data: dict[str, str]) -> Images:
        """Keys: `present` lists images that are no longer missing, `digests` maps image to digest (JSON)."""
        names = data.get("present", "").replace(",", " ").split()
        return cls(frozenset(names), tuple(json.loads(data.get("digests") or "{}").items()))

    def pullable(self, image: str) -> bool:
        return "missing" not in image or image in self.present

    def is_on_the_node(self, image: str) -> bool:
        """Say whether a node has an image that no registry is asked for: not one that came to be pullable since."""
        return "missing" not in image

    def identity(self, image: str) -> str:
        """imageID: the repository and a digest that follows from the image's name, unless mapped."""
        repository, _, digest = image.partition("@")
        head, slash, last = repository.rpartition("/")
        bare = f"{head}{slash}{last.split(':')[0]}"
        digest = digest or dict(self.digests).get(image, "")
        return f"{bare}@{digest or 'sha256:' + hashlib.sha256(image.encode()).hexdigest()}"
