"""What differs between the version that a run has and the one that it is to get, in lines for people.

Every part of the hashes has its line, for people consent to what they read.

The lines follow the models: a field that nobody thought of here is told by its name. Values are shown where they are
short words and numbers, never where somebody may keep a secret (env, parameters, annotations).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from scenario_operator.api.common import ApiModel, wire_name
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.scenario import ClaimSpec, ScenarioSpec
from scenario_operator.planning.revision import NOT_CONTENT, Revision
from scenario_operator.planning.stored import Applied

LINES, _LINE, _WORD, _FILES = 32, 240, 64, 160
"""How many lines a plan shows at most, and characters of a line, of foreign text in it, of the files' names."""

_FIRST = ("type", "state", "results", "hooks", "workload")
_TOLD_BEFORE = ("version", "artifact")
_KEYS: Mapping[str, tuple[str, str]] = {
    "parameters": ("parameter", "name"),
    "outputs": ("output", "kind"),
    "env": ("env", "name"),
    "ports": ("port", "name"),
    "volumes": ("volume", "name"),
    "volume_mounts": ("volume mount", "mount_path"),
    "image_pull_secrets": ("image pull secret", "name"),
}
"""Lists of named things: what one of them is called, and the field that names it."""
_OPENED = frozenset({"workload", "hooks", "compatibility", "resources"})
"""Models whose fields have a line each; of any other it is told that it changed."""
_MEASURED = frozenset({"limits", "requests"})
"""Maps whose values are shown."""


class _Lines(NamedTuple):
    """The lines of parts, and those of things in lists: these come last, so that a long list hides no part."""

    parts: list[str]
    things: list[str]


def differences(
    source: Revision | None, applied: Applied, target: Revision, *, fresh: bool
) -> tuple[str, ...]:
    """Say what differs between what a run has and the target, at most `LINES` lines.

    `source` is the applied revision, None when it is gone. `fresh`: the plan makes a new incarnation, so a changed
    volume is a new claim; else the claim stays as it was made.
    """
    lines = _Lines([], [])
    if applied.version != target.version:
        lines.parts.append(f"version: {shown(applied.version)} → {shown(target.version)}")
    if applied.digest != target.artifact.digest:
        lines.parts.append(f"artifact: {shown(applied.digest[:19])} → {shown(target.artifact.digest[:19])}")
    if source is not None:
        lines.parts.extend(_files(source, target))
    if applied.state_version != target.state_version:
        lines.parts.append(
            f"state format: {applied.state_version or 'none'} → {target.state_version or 'none'}"
        )
    if source is None:
        lines.parts.extend(_untold(applied, target))
    else:
        _artifact(lines, source, target)
        for name in _parts():
            _part(lines, name, source.spec, target.spec, fresh=fresh)
    return bounded([*lines.parts, *lines.things], LINES)


def shown(text: object) -> str:
    """Return foreign text as it may stand in a line beside others."""
    return Foreign(text).shown(_WORD)


def _parts() -> Iterable[str]:
    """Return the fields of a spec that a revision freezes, what a run feels most first, the author's word last."""
    rest = [n for n in ScenarioSpec.model_fields if wire_name(n) not in NOT_CONTENT and n not in _TOLD_BEFORE]
    rest.sort(key=lambda name: name == "compatibility")
    return (*_FIRST, *(name for name in rest if name not in _FIRST))


def _untold(applied: Applied, target: Revision) -> list[str]:
    same = (applied.logic_hash, applied.config_hash) == (target.logic_hash, target.config_hash)
    gone = f"what else changes cannot be told: revision {shown(applied.revision)} is gone"
    return [] if same else [gone]


def _files(source: Revision, target: Revision) -> list[str]:
    """Name the files of the artifact that differ; an older operator did not record them one by one."""
    old, new = source.artifact, target.artifact
    if old.files_hash == new.files_hash:
        return []
    if old.files is None or new.files is None:
        return ["files: changed"]
    before, after = dict(old.files), dict(new.files)
    found = [f"{shown(n)} changed" for n in sorted(before.keys() & after.keys()) if before[n] != after[n]]
    found += [f"{shown(n)} added" for n in sorted(after.keys() - before.keys())]
    found += [f"{shown(n)} removed" for n in sorted(before.keys() - after.keys())]
    named = next((n for n in range(len(found), 1, -1) if len(", ".join(found[:n])) <= _FILES), 1)
    return [f"files: {', '.join(bounded(found, named + 1) if found[named:] else found) or 'changed'}"]


def _artifact(lines: _Lines, source: Revision, target: Revision) -> None:
    """Tell what of the artifact is stated otherwise; of an image with another digest the digest says it."""
    old, new = source.spec.artifact, target.spec.artifact
    moved = source.artifact.digest != target.artifact.digest
    before = len(lines.parts)
    _fields(lines, "artifact.", old, new, skip=("image", "digest") if moved else ())
    if not moved and before == len(lines.parts) and source.artifact.image != target.artifact.image:
        lines.parts.append(_change("artifact", source.artifact.image, target.artifact.image))


def _part(lines: _Lines, name: str, source: ScenarioSpec, target: ScenarioSpec, *, fresh: bool) -> None:
    old, new = getattr(source, name), getattr(target, name)
    if name == "state":
        claim = "the new claim gets it" if fresh else "the claim stays as it is"
        _volume(lines, "state.volume", old and old.volume, new and new.volume, claim)
        if old and new:
            _fields(lines, "state.", old, new, skip=("version", "volume"))
    elif name == "results" and old and new:
        _volume(lines, "results.volume", old.volume, new.volume, "the claim stays as it is")
        _fields(lines, "results.", old, new, skip=("volume",))
    else:
        _field(lines, "" if name in _KEYS or name == "workload" else name, name, old, new)


def _volume(
    lines: _Lines, name: str, old: ClaimSpec | None, new: ClaimSpec | None, becomes_of_it: str
) -> None:
    """Tell how a volume differs, and what becomes of the claim; its size goes by the name of the volume."""
    if old is None or new is None:
        if old is not new:
            lines.parts.append(_change(name, old, new))
        return
    for field in ClaimSpec.model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            path = name if field == "size" else f"{name}.{wire_name(field)}"
            lines.parts.append(f"{_change(path, before, after)} ({becomes_of_it})")


def _fields(lines: _Lines, prefix: str, old: ApiModel, new: ApiModel, *, skip: tuple[str, ...] = ()) -> None:
    for field in type(new).model_fields:
        if field not in skip:
            _field(lines, f"{prefix}{wire_name(field)}", field, getattr(old, field), getattr(new, field))


def _field(lines: _Lines, path: str, name: str, old: object, new: object) -> None:
    """Tell how one field differs, if it does."""
    if old == new:
        return
    if name in _OPENED and isinstance(old, ApiModel) and isinstance(new, ApiModel):
        _fields(lines, f"{path}." if path else "", old, new)
    elif name in _KEYS and isinstance(old, tuple) and isinstance(new, tuple):
        word, key = _KEYS[name]
        things = _named(word, {getattr(o, key): o for o in old}, {getattr(n, key): n for n in new})
        lines.things.extend(things or [f"{path or wire_name(name)}: changed"])
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        lines.things.extend(_measured(path, old, new) if name in _MEASURED else _named(path, old, new))
    else:
        lines.parts.append(_change(path, old, new))


def _change(path: str, old: object, new: object) -> str:
    """Tell a change of one value: words and numbers as they are, anything larger as changed."""
    if isinstance(old, tuple) or isinstance(new, tuple):
        return f"{path}: changed"
    if isinstance(old, ApiModel) or isinstance(new, ApiModel):
        return f"{path}: {'added' if old is None else 'removed' if new is None else 'changed'}"
    return f"{path}: {_word(old)} → {_word(new)}"


def _word(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else shown(value)


def _measured(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    keys = sorted(old.keys() | new.keys())
    return [_change(f"{path}.{shown(k)}", old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)]


def _named(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Name what was removed, added and changed; never its value."""
    removed = [f"{what} {shown(name)}: removed" for name in sorted(old.keys() - new.keys())]
    added = [f"{what} {shown(name)}: added" for name in sorted(new.keys() - old.keys())]
    changed = [f"{what} {shown(n)}: changed" for n in sorted(old.keys() & new.keys()) if old[n] != new[n]]
    return removed + added + changed


def bounded(lines: Sequence[str], most: int) -> tuple[str, ...]:
    """Keep as many lines as have room, and count the rest."""
    cut = [line if len(line) <= _LINE else f"{line[: _LINE - 1]}…" for line in lines]
    return tuple(cut) if len(cut) <= most else (*cut[: most - 1], f"and {len(cut) - most + 1} more")
