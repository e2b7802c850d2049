"""What the Criteo sandbox remembers of Marketing Solutions: segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_activate.sandbox.criteo.gateway import Gateway
from dbt_activate.sandbox.criteo.segments import CONTACT_LIST, Segment
from dbt_activate.sandbox.criteo.settings import Client, CriteoSettings


class CriteoState(Gateway[Segment, CriteoSettings]):
    """The state, and what can be done with it behind the API's back."""

    settings_class = CriteoSettings
    first_number = 5678

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
        type: str = CONTACT_LIST,  # noqa: A002 - Criteo's own word for it
    ) -> str:
        """Make a segment behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its name; the rules for names are not applied.
            account: The advertiser's id; by default the first of the settings.
            description: Its description.
            members: The identifiers by type; not checked for form.
            read_only: Whether amendments are refused.
            type: The type of segment; only a ``ContactList`` can be amended.
        """
        with self.lock:
            segment = Segment(
                id=str(next(self.numbers)),
                account=account or next(iter(self.settings.advertisers)),
                name=name,
                description=description,
                type=type,
                read_only=read_only,
            )
            return self.keep(segment, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        client_id, client = next(iter(self.settings.clients.items()))
        return {
            "type": "criteo",
            "base_url": url,
            "client_id": client_id,
            "client_secret": client.secret.get_secret_value(),
            "advertiser_id": client.advertisers[0],
        }

    def visible(self, client: Client) -> list[Segment]:
        """Return the segments of the advertisers that gave a client their consent."""
        return [segment for segment in self._held.values() if segment.account in client.advertisers]

    def find(self, segment_id: str) -> Segment | None:
        """Return a segment, or None where there is none of that id."""
        return self._held.get(segment_id)

    def is_taken(self, name: str, advertiser_id: str, *, but_for: str | None = None) -> bool:
        """Tell whether an advertiser has a segment of that name, other than the one of the id `but_for`."""
        return any(
            segment.name == name and segment.account == advertiser_id and segment.id != but_for
            for segment in self._held.values()
        )
