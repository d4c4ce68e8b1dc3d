"""Being told to stop, without losing the signal between a test and a wait.

Not a `threading.Event`: setting one from a signal handler can deadlock on the event's own lock. A byte in a
pipe cannot.
"""

import os
import select
import signal
from types import FrameType


class Stop:
    """Set once, by SIGTERM or SIGINT or by `request`; never reset."""

    def __init__(self) -> None:
        self._requested = False
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def install(self) -> None:
        """Listen to SIGTERM (the kubelet) and SIGINT (a terminal).

        Main thread only; do it first, before state is loaded.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def request(self) -> None:
        """Ask to stop; also from a signal handler."""
        if not self._requested:
            self._requested = True
            os.write(self._write, b"x")

    @property
    def requested(self) -> bool:
        """Whether somebody has asked to stop."""
        return self._requested

    def wait(self, seconds: float | None) -> bool:
        """Sleep for `seconds` (None: without end) or until asked to stop; says whether to stop."""
        if not self._requested and (seconds is None or seconds > 0):
            select.select([self._read], [], [], seconds)
        return self._requested

    def close(self) -> None:
        """Give the pipe back; only for programs that make many of these."""
        os.close(self._read)
        os.close(self._write)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.request()
