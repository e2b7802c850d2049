"""Custom audiences: what one is, the job that changes its members, and how Purchasely writes it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbt_activate.sandbox.vendor import HeldAudience


def written(moment: float) -> str:
    """Write a Unix time as Purchasely does: ISO 8601 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(slots=True, kw_only=True)
class CustomAudience(HeldAudience):
    """A custom audience; its account is the app's id.

    Members are in as soon as a change is taken, so that a test sees them; the API shows them once it is done.

    Attributes:
        vendor_id: Its key in the app, which the client chose.
        number: Purchasely's own number of it.
        identifier_type: ``user_id`` or ``anonymous_id``.
        status: ``ready``, ``processing`` or ``failed``.
        synced_at: When a change was last done, in Unix time.
        result: The counts of the last change.
        reads_left: How many more reads show it ``processing``.
        replaced_at: When its members were last replaced, in Unix time.
    """

    vendor_id: str
    number: int
    identifier_type: str = "user_id"
    status: str = "ready"
    synced_at: float | None = None
    result: dict[str, int] | None = None
    reads_left: int = 0
    replaced_at: float | None = None
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    _outcome: tuple[str, dict[str, int] | None] = ("ready", None)

    @property
    def people(self) -> set[str]:
        """Who is in it."""
        return self.members.setdefault(self.identifier_type, set())

    def begin(self, outcome: str, result: dict[str, int] | None, reads: int) -> dict[str, Any]:
        """Begin a job, and return the audience as it is then.

        Args:
            outcome: The status in which it ends.
            result: What it counts; None where it leaves no trace.
            reads: How many reads show it under way.
        """
        self.status, self.reads_left, self._outcome = "processing", reads, (outcome, result)
        self.updated_at = time.time()
        shown = self.as_json()
        if not reads:
            self._end()
        return shown

    def look(self) -> None:
        """Take note of a read: a job ends when enough of them have seen it."""
        if self.status == "processing":
            if self.reads_left == 0:
                self._end()
            self.reads_left = max(self.reads_left - 1, 0)

    def as_json(self) -> dict[str, Any]:
        """Write it as the API does."""
        return {
            "id": f"caud_{self.number}",
            "vendor_id": self.vendor_id,
            "name": self.name,
            "identifier_type": self.identifier_type,
            "user_count": self.size,
            "status": self.status,
            "last_synced_at": None if self.synced_at is None else written(self.synced_at),
            "last_job_result": self.result,
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
        }

    def _end(self) -> None:
        self.status, result = self._outcome
        if result is None:
            return
        self.result = result
        if self.status == "ready":
            # Later than the last one by what can be written, however quick the client is.
            self.synced_at = max(time.time(), (self.synced_at or 0) + 0.001)
