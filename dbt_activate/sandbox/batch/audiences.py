"""What an audience of Batch is: its members, and the changes that are still being indexed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbt_activate.sandbox.vendor import HeldAudience

KINDS = {"CUSTOM_ID": "customer_id", "EMAIL": "email", "INSTALL_ID": "install_id"}
"""What the ids of an audience are, by its type."""


def now() -> str:
    """Return the time as Batch writes it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Indexing:
    """A change that was accepted.

    Attributes:
        token: By which it can be followed.
        polls_left: How often it is still in progress when asked for; None for ever.
        apply: Changes the members; None once it has.
        is_replaced: Whether all members were replaced since.
    """

    token: str
    polls_left: int | None
    apply: Callable[[], None] | None
    is_replaced: bool = False


@dataclass(slots=True, kw_only=True)
class BatchAudience(HeldAudience):
    """An audience; its account is the project's key, and its name the display name.

    Attributes:
        api_name: By which the API knows it.
        has_display_name: Whether it was given a name; else `name` is the API name.
        type: As Batch reads it back, such as ``CUSTOM_ID``.
        created_at: When it was made.
        updated_at: When its members last changed.
        hidden_views: How often it is not known yet.
        indexings: The changes, in their order.
    """

    api_name: str
    has_display_name: bool = True
    type: str = "CUSTOM_ID"
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    hidden_views: int = 0
    indexings: list[Indexing] = field(default_factory=list, repr=False)

    @property
    def kind(self) -> str:
        """What its ids are."""
        return KINDS[self.type]

    def accept(self, apply: Callable[[], None], polls: int | None, *, late: bool) -> str:
        """Take a change on, and return its token.

        Args:
            apply: Changes the members.
            polls: How often it will be in progress when asked for; None for ever.
            late: Whether the members change only once it is found applied.
        """
        indexing = Indexing(secrets.token_hex(16), polls, apply)
        self.indexings.append(indexing)
        if not late:
            self._apply(indexing)
        return indexing.token

    def replace_all(self) -> None:
        """Note that the members are about to be replaced: earlier changes are of no effect any more."""
        for indexing in self.indexings:
            indexing.is_replaced, indexing.apply = True, None

    def state_of(self, token: str | None, in_progress: str) -> str | None:
        """Say how far a change is, by default the last one; None where there is no such token."""
        named = [one for one in self.indexings if token in (None, one.token)]
        if not named:
            return None if token else "APPLIED"
        indexing = named[-1]
        if indexing.is_replaced:
            return "REPLACED"
        if indexing.polls_left is None or indexing.polls_left > 0:
            indexing.polls_left = None if indexing.polls_left is None else indexing.polls_left - 1
            return in_progress
        self._apply(indexing)
        return "APPLIED"

    def as_json(self, indexing_state: str) -> dict[str, Any]:
        """Write it as the API does."""
        names = {"name": self.api_name} | ({"display_name": self.name} if self.has_display_name else {})
        return {
            **names,
            "type": self.type,
            "nb_ids": self.size,
            "indexing_state": indexing_state,
            "created": self.created_at,
            "updated": self.updated_at,
        }

    def _apply(self, last: Indexing) -> None:
        """Carry out all changes up to one, in their order."""
        for indexing in self.indexings[: self.indexings.index(last) + 1]:
            if indexing.apply:
                indexing.apply()
                indexing.apply = None
                self.updated_at = now()
