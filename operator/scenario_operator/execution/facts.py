"""What a journal has recorded, read and written by name: no key of a fact is spelled anywhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from scenario_operator.api import run as api
from scenario_operator.api.common import ApiModel
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.view import View
from scenario_operator.manifests.report import NUMBERS
from scenario_operator.planning import windows
from scenario_operator.planning.parameters import Pairs, ParameterConflict, Parameters, merge
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import LastStop
from scenario_operator.planning.windows import Window

_MODELS: Final[Mapping[str, tuple[type[ApiModel], Callable[..., object]]]] = {
    "stop": (api.LastStop, LastStop),
    "window": (api.Window, Window),
}
"""Facts that end in the status as they are, by the first part of their names: what judges values, and what fields."""


def prove(journal: Journal) -> None:
    """Read every fact as those who need it will.

    Raises:
        ValueError: a fact is not what we record; the message names it.
    """
    for name, text in journal.facts:
        try:
            _prove(journal, name.partition(":")[0], json.loads(text))
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(f"fact {name}: {error}".splitlines()[0]) from None


def _prove(journal: Journal, word: str, known: Any) -> None:
    if word in _MODELS:
        model, made = _MODELS[word]
        model.model_validate(known)
        made(**known)
    elif word == "parameters":
        _pairs(known["user"]) if "user" in known else _merge_of(known)
    elif word == "hook" and not isinstance(known, dict):
        raise TypeError("it is no answer")


def stop_name(step: Step) -> str:
    """Return the name of the fact of a Stop."""
    return f"stop:{step.id}"


def stop_of(journal: Journal, step: Step) -> dict[str, Any] | None:
    """Return what a Stop recorded of the pod that it ended, None before."""
    known: dict[str, Any] | None = journal.fact(stop_name(step))
    return known


def stopped(step: Step, words: dict[str, Any]) -> dict[str, Any]:
    """Return the fact of a Stop."""
    return {stop_name(step): words}


class Answer(NamedTuple):
    """How the hook of a step ended: what it counted, or that it was given up, which is a mark of our own.

    `uncounted`: what it told as no count.
    """

    numbers: Mapping[str, int] = MappingProxyType({})
    given_up: bool = False
    uncounted: tuple[str, ...] = ()


_COMPUTED: Final = frozenset({"parameters", "window", "atRisk"})


def witnessed(before: Journal | None, after: Journal | None) -> tuple[str, ...]:
    """Return the names of the facts that are new and say what was seen of the world, or was not."""
    known = dict(before.facts) if before is not None else {}
    fresh = [name for name, _ in after.facts if name not in known] if after is not None else []
    return tuple(name for name in fresh if name not in _COMPUTED)


def hook_of(journal: Journal, step: Step) -> Answer | None:
    """Return how the hook of a step ended, None before.

    An older operator wrote the numbers of the answer beside its own mark, `skipped: true`; a number is no mark.
    """
    known: dict[str, Any] | None = journal.fact(f"hook:{step.id}")
    if known is None:
        return None
    given_up = known.get("givenUp") is True or known.get("skipped") is True
    told = known.get("numbers", known)
    numbers = {
        k: v for k, v in told.items() if k in NUMBERS and isinstance(v, int) and not isinstance(v, bool)
    }
    uncounted = known.get("uncounted")
    odd = tuple(uncounted) if isinstance(uncounted, list) else ()
    return Answer(MappingProxyType(numbers), given_up, odd)


def answered(
    step: Step, message: str = "", numbers: Iterable[tuple[str, int]] = (), uncounted: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the fact of a hook's answer: its numbers stand apart, where none can be taken for a mark of ours."""
    words = {"message": message, "numbers": dict(numbers), "uncounted": list(uncounted)}
    return {f"hook:{step.id}": {key: value for key, value in words.items() if value}}


def given_up(step: Step, message: str = "") -> dict[str, Any]:
    """Return the fact that the hook of a step was given up; `message` says why."""
    return {f"hook:{step.id}": {"givenUp": True, **({"message": message} if message else {})}}


def removed(step: Step) -> dict[str, Any]:
    """Return the fact that an incarnation's state is gone."""
    return {f"deleted:{step.id}": True}


def resolved(window: Window, *, at_risk: bool) -> dict[str, Any]:
    """Return the fact of a resolved window; `at_risk`: input in flight may be lost or repeated."""
    return {"window": window._asdict(), "atRisk": at_risk}


def at_risk(journal: Journal) -> bool:
    """Say whether input in flight may be lost or repeated."""
    return bool(journal.fact("atRisk"))


def user_values(values: Pairs) -> dict[str, Any]:
    """Return the fact of the values that the user had set when the plan opened; all else of a merge is on record."""
    return {"parameters": {"user": [list(pair) for pair in values]}}


def planned_window(journal: Journal) -> Window | None:
    """Return the window that this plan resolved, None when it resolves none."""
    known = journal.fact("window")
    return Window(**known) if known is not None else None


def planned_values(view: View, journal: Journal) -> Pairs:
    """Return the parameters that this plan gives to the version it leads to."""
    merged = planned_parameters(view, journal)
    return merged.effective if merged is not None else view.stored.parameters.effective


def raised(journal: Journal, window: Window) -> Window:
    """Raise notificationsFrom to what the version that is being removed has processed."""
    reached = [
        fact["processed_until"]
        for step in journal.path
        if step.nature.silences and (fact := stop_of(journal, step))
    ]
    for until in reached:
        window = window._replace(notifications_from=windows.later(window.notifications_from, until))
    return window


def last_stop(view: View, journal: Journal) -> LastStop | None:
    """Return the stop that a hand-over refers to: this plan's, else the one on record."""
    return newest_stop(journal, journal.live) or view.stored.last_stop


def newest_stop(journal: Journal | None, number: int) -> LastStop | None:
    """Return the report of the newest stop of an incarnation, unless a start of it began afterwards."""
    if journal is None:
        return None
    newest: LastStop | None = None
    for step in (*journal.steps, *journal.path):
        if step.args.incarnation != number:
            continue
        if step.nature.wakes and journal.begun_at(step.id) is not None and not step.args.resume:
            newest = None
        if step.nature.silences and (fact := stop_of(journal, step)):
            newest = LastStop(**fact)
    return newest


def started(journal: Journal, step: Step) -> bool:
    """Say whether the incarnation to be removed was ever woken; nothing ran means nothing to revert."""
    return any(
        s.nature.wakes and s.args.incarnation == step.args.incarnation and journal.begun_at(s.id) is not None
        for s in journal.steps
    )


def planned_parameters(view: View, journal: Journal) -> Parameters | None:
    """Return the merge for the version that this plan leads to, None when it makes none or the revision is gone.

    It follows from what was applied before, which stands until the plan is closed, and from what the user had set when
    it opened. An older operator recorded the merge itself.
    """
    known = journal.fact("parameters")
    if known is None:
        return None
    if "user" in known:
        target = view.revision(journal.target.revision)
        if target is None:
            return None
        return merge(view.stored.parameters, dict(known["user"]), target.spec.parameters or ()).parameters
    return _merge_of(known)


def _merge_of(known: dict[str, Any]) -> Parameters:
    return Parameters(
        base=_pairs(known["base"]),
        effective=_pairs(known["effective"]),
        overrides=tuple(known["overrides"]),
        orphaned=_pairs(known["orphaned"]),
        conflicts=tuple(ParameterConflict(*c) for c in known["conflicts"]),
    )


def _pairs(listed: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in listed)
