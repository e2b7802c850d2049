"""A limit on the number of requests in a fixed window of time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota.

    Attributes:
        granted: Whether this request may pass.
        limit: Requests in one window; None for no limit, and then what follows means nothing.
        remaining: How many more may pass in this window.
        reset_at: When the next window begins: whole Unix seconds, never too early.
    """

    granted: bool
    limit: int | None = None
    remaining: int = 0
    reset_at: int = 0

    @classmethod
    def used_up(cls, limit: int | None, seconds: float) -> Self:
        """Make one of which nothing is left, for so many seconds from now on."""
        return cls(False, limit or 0, 0, math.ceil(time.time() + seconds))

    @property
    def seconds_left(self) -> float:
        """How long it is until the next window."""
        return max(0.0, self.reset_at - time.time())

    @property
    def headers(self) -> dict[str, str]:
        """The limit, what remains and when it begins anew, under the usual names; none without a limit."""
        if self.limit is None:
            return {}
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class Quota:
    """Counts the requests of each client. A window begins with the first request after the last one."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def take(self, client_id: str, limit: int | None, window_seconds: float) -> Allowance:
        """Count one request; one beyond the limit is not granted, and does not count.

        Args:
            client_id: Who asks, as far as the vendor tells clients apart.
            limit: Requests in one window; None for no limit.
            window_seconds: The length of a window.
        """
        if limit is None:
            return Allowance(granted=True)
        now = time.time()
        window = self._windows.get(client_id)
        if window is None or now >= window.ends_at:
            window = self._windows[client_id] = _Window(now + window_seconds)
        granted = window.used < limit
        window.used += granted
        return Allowance(granted, limit, max(limit - window.used, 0), math.ceil(window.ends_at))
