"""A contact list: a set of contacts, each remembered under the value by which it came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbt_activate.sandbox.emarsys.contacts import Contacts, KeyField
from dbt_activate.sandbox.vendor import HeldAudience


def now() -> str:
    """Return the time as Emarsys writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(slots=True, kw_only=True)
class ContactList(HeldAudience):
    """A contact list. Its members are shown by the key field and the value that were sent.

    Attributes:
        contacts: The contacts of the account.
        created: When it was made.
        places: Where in `members` each contact is, by internal id.
    """

    contacts: Contacts = field(repr=False)
    created: str = field(default_factory=now)
    places: dict[int, tuple[KeyField, str]] = field(default_factory=dict, repr=False)

    def add(self, identifier_type: KeyField, identifiers: Iterable[str]) -> None:
        """Put contacts in; somebody unknown becomes a contact by that, which the API never does."""
        for value in identifiers:
            found = self.contacts.find(identifier_type, value)
            self.enter(
                found[0] if found else self.contacts.add({identifier_type: value}), identifier_type, value
            )

    def remove(self, identifier_type: KeyField, identifiers: Iterable[str]) -> None:
        """Take contacts out, also those who came in by another field."""
        for value in identifiers:
            for contact_id in self.contacts.find(identifier_type, value):
                self.leave(contact_id)

    def clear(self) -> None:
        """Take everybody out."""
        self.members.clear()
        self.places.clear()

    def enter(self, contact_id: int, key_field: KeyField, value: str) -> bool:
        """Put one contact in; tell whether it was out before."""
        if contact_id in self.places:
            return False
        self.places[contact_id] = (key_field, value)
        self.members.setdefault(key_field, set()).add(value)
        return True

    def leave(self, contact_id: int) -> bool:
        """Take one contact out; tell whether it was in before."""
        if contact_id not in self.places:
            return False
        key_field, value = self.places.pop(contact_id)
        self.members[key_field].discard(value)
        return True

    def move(self, contacts: Contacts) -> None:
        """Live with other contacts from now on: who is none of them is out."""
        places = list(self.places.values())
        self.clear()
        self.contacts = contacts
        for key_field, value in places:
            for contact_id in contacts.find(key_field, value)[:1]:
                self.enter(contact_id, key_field, value)

    def as_json(self) -> dict[str, Any]:
        """Write it as the listing does: with its id as text, and without its description."""
        return {"id": self.id, "name": self.name, "created": self.created, "type": 0}
