"""What the HTTP sandbox remembers: lists, tokens, and how many requests came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_activate.sandbox.http.entry import REQUESTS
from dbt_activate.sandbox.http.settings import HttpEndpointSettings
from dbt_activate.sandbox.vendor import HeldAudience, Vendor

ACCOUNT = "main"
"""The one account."""


@dataclass(slots=True, kw_only=True)
class MemberList(HeldAudience):
    """A list; its account is the only one.

    Attributes:
        read_only: Whether its members cannot be changed.
    """

    read_only: bool = False

    def as_json(self) -> dict[str, Any]:
        """Write it as the API does."""
        return {"id": self.id, "name": self.name, "description": self.description, "size": self.size}


class HttpEndpointState(Vendor[MemberList, HttpEndpointSettings]):
    """The state, and what can be done with it behind the API's back."""

    settings_class = HttpEndpointSettings

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
    ) -> str:
        """Make a list behind the user's back, as if somebody else had, and return its id."""
        with self.lock:
            made = MemberList(
                id=f"list-{next(self.numbers)}",
                account=account or ACCOUNT,
                name=name,
                description=description,
                read_only=read_only,
            )
            return self.keep(made, members)

    def entry(self, url: str) -> dict[str, Any]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        return {
            "type": "http",
            "base_url": url,
            "bearer_token": self.settings.token.get_secret_value(),
            "error_message": "error.message",
            "success": {"when": "ok"},
            "retry": {"when": "error.code == 'internal'"},
            "requests": REQUESTS,
        }

    def find(self, list_id: str) -> MemberList | None:
        """Return a list, or None where there is none of that id."""
        return self._held.get(list_id)

    def named(self, name: str) -> MemberList | None:
        """Return the list of a name, or None."""
        return next((held for held in self._held.values() if held.name == name), None)

    def is_known(self, person: str) -> bool:
        """Tell whether the API takes somebody."""
        return self.settings.known is None or person in self.settings.known
