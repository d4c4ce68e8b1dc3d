"""A token bucket: neither kopf nor `kubernetes.aio` limits what one client asks of the API server."""

import asyncio
import math
import time
from collections.abc import Callable


class TokenBucket:
    """Let `burst` calls pass at once and `rate_per_second` in the long run, first come first served.

    A caller takes its token when it arrives and then waits until that token exists, so that order is kept
    without a lock. One event loop only.
    """

    def __init__(
        self,
        rate_per_second: float = 50.0,
        burst: int = 100,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if rate_per_second <= 0 or burst < 1:
            raise ValueError("rate and burst must be positive")
        self._rate = rate_per_second
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._counted_at = clock()

    async def take(self) -> None:
        """Wait for a token; being cancelled meanwhile wastes it, which errs on the slow side."""
        delay = self._reserve()
        if delay > 0:
            await asyncio.sleep(delay)

    def _reserve(self) -> float:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
        self._tokens -= 1.0
        return 0.0 if self._tokens >= 0 else -self._tokens / self._rate


#: For the lease: its renewals must never queue behind work.
UNLIMITED = TokenBucket(math.inf)
