"""The contacts of an account: who is known, by which values, and under which internal id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

FIRST_ID = 204_587

KeyField = str
"""The string id of a field, or ``id`` or ``uid``."""


class Contacts:
    """All contacts. E-mail addresses are matched whatever their case; how others are is not documented."""

    def __init__(self, known: Literal["everybody"] | Iterable[Mapping[str, str]]) -> None:
        """Begin with some contacts.

        Args:
            known: The contacts, each with its values by the string id of the field; or ``everybody``,
                where whoever is asked for becomes a contact by that.
        """
        self._everybody = known == "everybody"
        self._fields: dict[int, dict[str, str]] = {}
        self._ids: dict[tuple[KeyField, str], list[int]] = {}
        for fields in () if isinstance(known, str) else known:
            self.add(fields)

    def add(self, fields: Mapping[str, str]) -> int:
        """Add a contact, also one whose values another has, and return its internal id."""
        contact_id = FIRST_ID + len(self._fields)
        self._fields[contact_id] = dict(fields)
        for field, value in {**fields, "id": str(contact_id), "uid": uid(contact_id)}.items():
            self._ids.setdefault(_spot(field, value), []).append(contact_id)
        return contact_id

    def find(self, field: KeyField, value: str) -> list[int]:
        """Return the internal ids of the contacts that have this value."""
        found = self._ids.get(_spot(field, value), [])
        if found or not self._everybody or field in ("id", "uid"):
            return found
        return [self.add({field: value})]

    def fields(self, contact_id: int) -> Mapping[str, str]:
        """Return the values of a contact by the string id of the field; empty ones are left out."""
        return self._fields.get(contact_id, {})


def _spot(field: KeyField, value: str) -> tuple[KeyField, str]:
    return field, value.casefold() if field == "email" else value


def uid(contact_id: int) -> str:
    """Return the other internal id of a contact."""
    return f"uid{contact_id:x}"
