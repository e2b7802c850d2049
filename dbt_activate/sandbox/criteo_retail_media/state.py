"""What the Criteo Retail Media sandbox remembers: segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_activate.sandbox.criteo.gateway import Gateway
from dbt_activate.sandbox.criteo.segments import CONTACT_LIST
from dbt_activate.sandbox.criteo_retail_media.segments import RetailMediaSegment
from dbt_activate.sandbox.criteo_retail_media.settings import RetailMediaClient, RetailMediaSettings


class RetailMediaState(Gateway[RetailMediaSegment, RetailMediaSettings]):
    """The state, and what can be done with it behind the API's back."""

    settings_class = RetailMediaSettings
    first_number = 568708742535471104
    """Beyond 2**53, as in the documentation's own example: not every JSON library keeps such a number."""

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
        retailer: str | None = None,
        identifier_type: str | None = None,
        type: str = CONTACT_LIST,  # noqa: A002 - Criteo's own word for it
    ) -> str:
        """Make a segment behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its name; the rules for names are not applied.
            account: The account's id; by default the first of the settings.
            description: Its description.
            members: The identifiers by type; not checked for form.
            read_only: Whether amendments are refused.
            retailer: The retailer's id; by default the first of the account.
            identifier_type: What it takes; by default the type of the members, or ``Email``.
            type: ``ContactList``, or ``Events``, which takes no members.
        """
        with self.lock:
            account = account or next(iter(self.settings.accounts))
            segment = RetailMediaSegment(
                id=str(next(self.numbers)),
                account=account,
                name=name,
                description=description,
                type=type,
                read_only=read_only,
                retailer=retailer or next(iter(self.settings.accounts[account].retailers)),
                identifier_type=identifier_type or next(iter(members or {}), "Email"),
            )
            return self.keep(segment, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        client_id, client = next(iter(self.settings.clients.items()))
        account_id = client.accounts[0]
        return {
            "type": "criteo_retail_media",
            "base_url": url,
            "client_id": client_id,
            "client_secret": client.secret.get_secret_value(),
            "account_id": account_id,
            "retailer_id": next(iter(self.settings.accounts[account_id].retailers)),
        }

    def reaches(self, client: RetailMediaClient, account_id: str) -> bool:
        """Tell whether a client has the consent of an account that there is."""
        return account_id in client.accounts and account_id in self.settings.accounts

    def find(self, segment_id: str) -> RetailMediaSegment | None:
        """Return a segment, or None where there is none of that id."""
        return self._held.get(segment_id)

    def is_taken(self, name: str, account: str, retailer: str, *, but_for: str | None = None) -> bool:
        """Tell whether a name is taken by a segment other than the one of the id `but_for`."""
        anywhere = self.settings.name_scope == "account"
        return any(
            segment.name == name
            and segment.account == account
            and (anywhere or segment.retailer == retailer)
            and segment.id != but_for
            for segment in self._held.values()
        )
