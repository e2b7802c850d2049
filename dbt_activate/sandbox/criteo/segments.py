"""Audience segments: what a segment is, and how Criteo writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbt_activate.sandbox.vendor import HeldAudience

CONTACT_LIST = "ContactList"


def now() -> str:
    """Return the time as Criteo writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True, kw_only=True)
class Segment(HeldAudience):
    """An audience segment; its account is the advertiser's id.

    Attributes:
        type: ``ContactList``, or a type that holds no members.
        read_only: Whether its members cannot be changed through the API.
        created_at: When it was made.
        updated_at: When its name, description or members last changed.
    """

    type: str = CONTACT_LIST
    read_only: bool = False
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)

    def touch(self) -> None:
        """Note that it has changed."""
        self.updated_at = now()

    def as_json(self) -> dict[str, Any]:
        """Write it as the API does."""
        details = {"isReadOnly": self.read_only} if self.type == CONTACT_LIST else {}
        return {
            "type": "AudienceSegment",
            "id": self.id,
            "attributes": {
                "advertiserId": self.account,
                "name": self.name,
                "description": self.description,
                "type": self.type,
                self.type[:1].lower() + self.type[1:]: details,
                "createdAt": self.created_at,
                "updatedAt": self.updated_at,
            },
        }

    def reference(self) -> dict[str, Any]:
        """Write its id alone, as the API does of a segment that is gone."""
        return {"type": "AudienceSegment", "id": self.id, "attributes": {}}
