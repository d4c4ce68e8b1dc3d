"""Started and ready as files, so that the kubelet can ask with `test -e`, or with
`python -m scenario_runtime probe ready` where an image has no such program.
"""

from pathlib import Path
from typing import Literal

Question = Literal["started", "ready"]


class Probe:
    """The probe files of one container, in a directory that may survive a restart of the container.

    Clear it first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def clear(self) -> None:
        """Neither started nor ready."""
        for question in ("started", "ready"):
            (self._directory / question).unlink(missing_ok=True)

    def set_started(self) -> None:
        """The program runs: its state is loaded and it has begun to work."""
        self._set("started", True)

    def set_ready(self, ready: bool = True) -> None:
        """The program acts: caught up, learning finished."""
        self._set("ready", ready)

    def answer(self, question: Question) -> bool:
        """What a probe would say now."""
        return (self._directory / question).exists()

    def _set(self, question: Question, value: bool) -> None:
        if value == self.answer(question):
            return
        if value:
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / question).touch()
        else:
            (self._directory / question).unlink(missing_ok=True)
