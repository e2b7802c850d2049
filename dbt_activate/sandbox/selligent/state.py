"""What the Selligent sandbox remembers: segments, busy lists, and how many requests each key made."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_activate.sandbox.selligent.settings import SelligentSettings
from dbt_activate.sandbox.vendor import HeldAudience, Vendor


@dataclass(slots=True, kw_only=True)
class Segment(HeldAudience):
    """A segment; its id is ``<list>/<segment>``, its members go by key field, its account is an organization.

    Real segments refer to records, so that one put in by one field can be taken out by another. These hold
    the keys of each field apart.

    Attributes:
        list: The API name of its list.
        api_name: Its own API name.
        type: ``Static``, or a type that takes no members.
    """

    list: str
    api_name: str
    type: str = "Static"


class SelligentState(Vendor[Segment, SelligentSettings]):
    """The state, and what can be done with it behind the API's back.

    Attributes:
        collisions: How many bulk calls came for a list while another one was at work on it.
        profile_writes: How many values of other fields than the key came with rows: each would have
            changed a profile.
    """

    settings_class = SelligentSettings

    def reset(self) -> None:
        """Forget segments, busy lists and counts, and take back the settings of the start."""
        with self.lock:
            super().reset()
            self.collisions = 0
            self.profile_writes = 0
            self._busy_until: dict[str, float] = {}

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
        list: str | None = None,  # noqa: A002 - Selligent's own word for it
        api_name: str | None = None,
    ) -> str:
        """Make a segment behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its name; the rules for names are not applied.
            account: The organization; by default the first of the settings.
            description: Its description.
            members: The keys by field; not checked for form, and known or not.
            read_only: Whether it is a dynamic segment, which takes no members.
            list: The API name of its list; by default the first of the organization.
            api_name: Its API name; by default its name with underscores for spaces.
        """
        with self.lock:
            organization = account or self.settings.organizations[0]
            list_name = list or self.lists_of(organization)[0]
            known_by = api_name or "_".join(name.split())
            segment = Segment(
                id=f"{list_name}/{known_by}",
                account=organization,
                name=name,
                description=description,
                list=list_name,
                api_name=known_by,
                type="Dynamic" if read_only else "Static",
            )
            return self.keep(segment, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        key, account = next(iter(self.settings.accounts.items()))
        organization = account.organizations[0]
        return {
            "type": "selligent",
            "base_url": url,
            "organization": organization,
            "api_key": key,
            "api_secret": account.secret.get_secret_value(),
            "list": self.lists_of(organization)[0],
        }

    def know(self, list_name: str, keys: Iterable[str] | None) -> None:
        """Say who the records of a list are, by what stands in the key field; None for everybody."""
        with self.lock:
            known = None if keys is None else frozenset(keys)
            changed = self.settings.lists[list_name].model_copy(update={"known": known})
            self.configure(lists={**self.settings.lists, list_name: changed})

    def occupy(self, list_name: str, seconds: float) -> None:
        """Keep a list busy from now on, as a bulk call of somebody else does."""
        with self.lock:
            self._busy_until[list_name] = time.monotonic() + seconds

    def is_busy(self, list_name: str) -> bool:
        """Tell whether a bulk call is at work on a list."""
        return time.monotonic() < self._busy_until.get(list_name, 0.0)

    def lists_of(self, organization: str) -> list[str]:
        """Return the API names of an organization's lists."""
        return [name for name, each in self.settings.lists.items() if organization in each.organizations]

    def segments_of(self, list_name: str) -> list[Segment]:
        """Return the segments of a list."""
        return [segment for segment in self._held.values() if segment.list == list_name]

    def find(self, list_name: str, segment: str) -> Segment | None:
        """Return a segment, or None where there is none of that name."""
        return self._held.get(f"{list_name}/{segment}")
