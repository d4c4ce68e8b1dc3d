"""How an entry changes with the step that concerns it: each function is one status write.

An interruption between two of them leaves an entry that says what the run has, and the next plan starts from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scenario_operator.planning.items.hashes import told_token
from scenario_operator.planning.items.words import Entry, ItemPhase


class Answer(NamedTuple):
    """What a hook told; `outputs` None: it told none, and the known ones stand. `digest` "": it told none."""

    outputs: Mapping[str, str] | None = None
    physical_ids: tuple[str, ...] = ()
    digest: str = ""


class Work(NamedTuple):
    """What the hooks of one try are given: the item's version and revision, its container and its inputs.

    `seen`: the predecessors' tokens. `token`: the try's own (`hashes.work_token`). `at`: now, on the scale of
    `Entry.changed_at`.
    """

    version: str
    revision: str
    within: str
    seen: Mapping[str, str]
    inputs_hash: str
    token: str
    at: float


def released(entry: Entry, work: Work) -> Entry:
    """Return the entry as it is written before a `do` is released: from then on nobody knows what there is.

    Its container and its predecessors count from here on, for a half-made thing lives and points somewhere too; those
    that it saw before count still. Its token changes, so that no successor takes it for what it was.
    """
    return entry._replace(
        phase=ItemPhase.UNKNOWN,
        revision=work.revision,
        declared_as="",
        within=work.within,
        seen=tuple(sorted({**dict(entry.seen), **work.seen}.items())),
        token=work.token,
        changed_at=work.at,
    )


def failed(entry: Entry, answer: Answer) -> Entry:
    """Return the entry after a try that failed: the ids that it told stand beside the known ones."""
    ids = tuple(dict.fromkeys((*entry.physical_ids, *answer.physical_ids)))
    return entry._replace(phase=ItemPhase.FAILED, physical_ids=ids)


def done(entry: Entry, work: Work, answer: Answer, *, worked: bool) -> Entry:
    """Return the entry after the check that said 0, or after a `do` that has none; `worked`: a `do` was released."""
    outputs = dict(entry.outputs) if answer.outputs is None else dict(answer.outputs)
    ids = answer.physical_ids or entry.physical_ids
    token = told_token(answer.digest, outputs, ids) if answer.digest else entry.token or work.token
    changed = worked or token != entry.token
    return entry._replace(
        version=work.version,
        revision=work.revision,
        declared_as="",
        phase=ItemPhase.DONE,
        within=work.within,
        seen=tuple(sorted(work.seen.items())),
        inputs_hash=work.inputs_hash,
        token=token,
        outputs=tuple(sorted(outputs.items())),
        physical_ids=ids,
        done_count=entry.done_count + worked,
        changed_at=work.at if changed else entry.changed_at,
    )


def discovered(entry: Entry, work: Work, answer: Answer) -> Entry:
    """Return the entry after it was looked up again: what is told is new, what it saw when it was done is not."""
    looked_up = done(entry, work, answer, worked=False)
    return looked_up._replace(within=entry.within, seen=entry.seen, inputs_hash=entry.inputs_hash)


def cleaning(entry: Entry) -> Entry:
    """Return the entry as it is written before a `clean` is released; its revision stays: a retry needs its logic."""
    return entry._replace(phase=ItemPhase.UNKNOWN)


def cleaned(entry: Entry) -> Entry:
    """Return the entry of an item that is to be made anew: there is nothing of it."""
    return Entry(entry.role, formerly=entry.formerly, done_count=entry.done_count)
