"""When a request may be sent: rate limits, and the waits of one run.

In any window no more requests pass than the tool allows; pyrate-limiter counts them.
Every wait ends at once when the run is stopped, so that Ctrl-C never has to sit out a rate limit.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_activate.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pyrate_limiter import InMemoryBucket

WINDOW_SECONDS = 61.0
"""A minute, and a second for requests that travel at different speeds and arrive closer together."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and for how long, one request is tried again.

    Attributes:
        attempts: The most times that one request is sent.
        first_wait_seconds: The first wait. Each further one is twice as long; up to as much again as
            the first is added by chance, so that threads that failed together do not return together.
        total_seconds: No attempt begins later than this after the first one. It bounds the waits that
            a tool demands, too: past it the request fails, and says how long the tool wanted.
        poll_seconds: The waits between questions whether something is done; the last one is repeated.
    """

    attempts: int = 7
    first_wait_seconds: float = 1.0
    total_seconds: float = 300.0
    poll_seconds: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


LOOK_UP_SECONDS = 1.0
"""How often who is held back looks whether that has become too long."""


class Throttle:
    """Lets requests pass at a limited rate, and holds all of them back when the tool says so.

    Attributes:
        window_seconds: The length of the window.
    """

    def __init__(self, limit: int | None, window_seconds: float, stopped: threading.Event) -> None:
        """Start with an empty window.

        Args:
            limit: The most requests in one window; None for no limit of our own.
            window_seconds: The length of the window.
            stopped: Set when the run is over: nothing passes from then on.
        """
        self._limit = limit
        self.window_seconds = window_seconds
        self._stopped = stopped
        self._resume_at = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def wait(self, longest_hold_seconds: float = math.inf) -> float:
        """Wait until one more request may be sent, and return 0.

        Args:
            longest_hold_seconds: Where everybody is held back for longer than this, that is not waited for:
                what is left of it is returned, and nothing may be sent.

        Raises:
            InterruptedRunError: The run was stopped.
        """
        self.sleep(0)
        with self._turn:
            while seconds := self._seconds_until_free():
                self.sleep(seconds)
        while (seconds := self._resume_at - time.monotonic()) > 0:
            if seconds > longest_hold_seconds:
                return seconds
            self.sleep(min(seconds, LOOK_UP_SECONDS))
        return 0.0

    def hold(self, seconds: float) -> None:
        """Send nothing for this long: the tool said that the limit is used up."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait before trying again.

        Raises:
            InterruptedRunError: The run was stopped.
        """
        if self._stopped.wait(seconds) if seconds > 0 else self._stopped.is_set():
            raise InterruptedRunError("The run was stopped, and sends nothing more. Run it again to go on.")

    @cached_property
    def _bucket(self) -> InMemoryBucket:
        # The library's bucket and not its Limiter, which waits without an end that we could set, and
        # starts a thread. Imported here: a command that sends nothing need not wait for it.
        from pyrate_limiter import InMemoryBucket, Rate

        return InMemoryBucket([Rate(self._limit or 1, round(self.window_seconds * 1000))])

    def _seconds_until_free(self) -> float:
        """Take a place in the window and return 0, or return how long to wait before asking again."""
        if self._limit is None:
            return 0.0
        from pyrate_limiter import RateItem

        now = time.monotonic_ns() // 1_000_000
        self._bucket.leak(now)
        item = RateItem("request", now)
        if self._bucket.put(item):
            return 0.0
        milliseconds = self._bucket.waiting(item)
        return max(1, milliseconds) / 1000 if isinstance(milliseconds, int) else 0.001


class Throttles:
    """The throttles of one run. A new run makes new ones, so that no old limit lingers.

    Attributes:
        retry: How often a request is tried again in this run.
    """

    def __init__(self, retry: Retry | None = None, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self.retry = retry or Retry()
        self._window_seconds = window_seconds
        self._stopped = threading.Event()
        self._throttles: dict[Hashable, Throttle] = {}
        self._lock = threading.Lock()

    def get(
        self, credentials: Hashable, limit: int | None, *, window_seconds: float | None = None
    ) -> Throttle:
        """Return the one throttle of these credentials. Whoever asks first for them decides the limit.

        Args:
            credentials: What the tool counts requests by, such as (host, client id). Never a secret.
            limit: The documented limit of requests in one window; None for no limit of our own.
            window_seconds: The length of the window; by default a minute.
        """
        seconds = self._window_seconds if window_seconds is None else window_seconds
        with self._lock:
            if credentials not in self._throttles:
                self._throttles[credentials] = Throttle(limit, seconds, self._stopped)
            return self._throttles[credentials]

    def stop(self) -> None:
        """Wake everybody who waits, and let nothing pass from now on."""
        self._stopped.set()
