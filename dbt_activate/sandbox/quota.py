"""A limit on the number of requests in a fixed window of time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota.

    Attributes:
        granted: Whether this request may pass.
        limit: Requests in one window.
        remaining: How many more may pass in this window.
        reset_at: When the next window begins: whole Unix seconds, never too early.
    """

    granted: bool
    limit: int
    remaining: int
    reset_at: int


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class Quota:
    """Counts the requests of each client. A window begins with the first request after the last one."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def take(self, client_id: str, limit: int, window_seconds: float) -> Allowance:
        """Count one request; one beyond the limit is not granted, and does not count."""
        now = time.time()
        window = self._windows.get(client_id)
        if window is None or now >= window.ends_at:
            window = self._windows[client_id] = _Window(now + window_seconds)
        granted = window.used < limit
        window.used += granted
        return Allowance(granted, limit, max(limit - window.used, 0), math.ceil(window.ends_at))
