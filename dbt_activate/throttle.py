"""Rate limits of one run, shared by all destinations that use the same credentials."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from pyrate_limiter import Duration, Limiter, Rate


@dataclass(slots=True)
class Throttle:
    """Lets requests pass at a limited rate, and holds all of them back when the tool says so.

    Attributes:
        limiter: The rate that the tool documents.
    """

    limiter: Limiter | None
    _resume_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Return when one more request may be sent."""
        if self.limiter is not None:
            self.limiter.try_acquire("request", blocking=True)
        while (seconds := self._resume_at - time.monotonic()) > 0:
            time.sleep(seconds)

    def hold(self, seconds: float) -> None:
        """Send nothing for this long: the tool said that the limit is used up."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)


class Throttles:
    """The throttles of one run. A new run makes new ones, so that no old limit lingers."""

    def __init__(self) -> None:
        self._throttles: dict[Hashable, Throttle] = {}
        self._lock = threading.Lock()

    def get(self, credentials: Hashable, requests_per_minute: int | None) -> Throttle:
        """Return the one throttle of these credentials.

        Args:
            credentials: What the tool counts requests by, such as (host, client id). Never a secret.
            requests_per_minute: The documented limit; None for no limit of our own.
        """
        with self._lock:
            if credentials not in self._throttles:
                self._throttles[credentials] = Throttle(_limiter(requests_per_minute))
            return self._throttles[credentials]


def _limiter(requests_per_minute: int | None) -> Limiter | None:
    if requests_per_minute is None:
        return None
    return Limiter(Rate(requests_per_minute, Duration.MINUTE))


Sleep = Callable[[float], None]
