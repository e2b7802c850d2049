"""Retail Media segments: what one is, and how Criteo writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbt_activate.sandbox.criteo.segments import CONTACT_LIST, Segment

RESOURCE = "RetailMediaAudienceSegment"


@dataclass(slots=True, kw_only=True)
class RetailMediaSegment(Segment):
    """An audience segment; its account is the Retail Media account's id.

    Attributes:
        retailer: The id of the retailer that it belongs to.
        identifier_type: The one type of identifier that it takes, as Criteo spells it.
    """

    retailer: str
    identifier_type: str = "Email"

    def as_json(self, *, tells_identifier_type: bool = True) -> dict[str, Any]:
        """Write it as the API does."""
        details = {
            "identifierType": self.identifier_type if tells_identifier_type else None,
            "isReadOnly": self.read_only,
            "sharingStatus": "NotShared",
        }
        return {
            "type": RESOURCE,
            "id": self.id,
            "attributes": {
                "accountId": self.account,
                "retailerId": self.retailer,
                "name": self.name,
                "description": self.description,
                "type": self.type,
                "channels": ["Onsite"],
                "contactList": details if self.type == CONTACT_LIST else None,
                "events": None if self.type == CONTACT_LIST else {"lookbackDays": "Last30Days"},
                "createdAt": self.created_at,
                "createdById": None,
                "updatedAt": self.updated_at,
            },
        }

    def reference(self) -> dict[str, Any]:
        """Write its id alone, as the API does of a segment that is gone."""
        return {"type": RESOURCE, "id": self.id, "attributes": {}}
