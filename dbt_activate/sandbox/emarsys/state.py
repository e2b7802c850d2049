"""What the Emarsys sandbox remembers: lists, contacts, tokens, nonces, and how often each user called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.emarsys.contact_list import ContactList
from dbt_activate.sandbox.emarsys.contacts import Contacts, KeyField
from dbt_activate.sandbox.emarsys.replies import TEXTS, ReplyError, success
from dbt_activate.sandbox.emarsys.settings import EmarsysSettings
from dbt_activate.sandbox.vendor import Vendor

ACCOUNT = "sandbox"


class WholeRequestError(ReplyError):
    """A request that fails as a whole, told as an error of a contact that nobody asked for."""

    def response(self) -> Response:
        """Make the answer."""
        return success({"errors": {"<NO_KEY_ID>": {self.code: TEXTS[self.code]}}})


class EmarsysState(Vendor[ContactList, EmarsysSettings]):
    """The state, and what can be done with it behind the API's back. There is one account."""

    settings_class = EmarsysSettings
    first_number = 482_019_135

    def reset(self) -> None:
        """Forget lists, contacts, tokens and counts, and take back the settings of the start."""
        with self.lock:
            super().reset()
            self.contacts = Contacts(self.settings.contacts)
            self.nonces: set[str] = set()

    def configure(self, **changes: Any) -> None:
        """Turn knobs; a change of `contacts` makes all others unknown, which takes them out of lists.

        Raises:
            pydantic.ValidationError: There is no such knob, or it does not go there.
        """
        with self.lock:
            super().configure(**changes)
            if "contacts" in changes:
                self.contacts = Contacts(self.settings.contacts)
                for held in self.audiences():
                    held.move(self.contacts)

    def add_contact(self, fields: Mapping[str, str]) -> int:
        """Make somebody a contact, and return the internal id.

        Args:
            fields: The values by the string id of the field. Another contact may have the same.
        """
        with self.lock:
            return self.contacts.add(fields)

    def add_contacts(self, key_field: KeyField, values: Iterable[str]) -> None:
        """Make people contacts, of whom one value each is known."""
        with self.lock:
            for value in values:
                self.contacts.add({key_field: value})

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
    ) -> str:
        """Make a list behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its name; the rules for names are not applied.
            account: Only a label here.
            description: Its description, which the API never shows.
            members: The values by the string id of the field.
            read_only: Emarsys knows no such lists; passed over.
        """
        del read_only
        with self.lock:
            made = ContactList(
                id=str(next(self.numbers)),
                account=account or ACCOUNT,
                name=name,
                description=description,
                contacts=self.contacts,
            )
            return self.keep(made, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here, to API v3."""
        client_id, client = next(iter(self.settings.clients.items()))
        return {
            "type": "emarsys",
            "base_url": f"{url}/api/v3",
            "token_url": f"{url}/oauth2/token",
            "client_id": client_id,
            "client_secret": client.secret.get_secret_value(),
        }

    def find_contacts(self, key_field: KeyField, value: str) -> list[int]:
        """Return the internal ids of the contacts that have this value."""
        return [] if value in self.settings.unknown else self.contacts.find(key_field, value)

    def contact_list(self, list_id: str) -> ContactList:
        """Return a list.

        Raises:
            ReplyError: There is none of that id.
        """
        if not (list_id.isascii() and list_id.isdigit()):
            raise ReplyError(400, "1")
        if list_id not in self._held:
            status, code = self.settings.unknown_list.split()
            raise ReplyError(int(status), code)
        return self._held[list_id]

    def is_taken(self, name: str, *, but_for: str | None = None) -> bool:
        """Tell whether a list has that name, other than the one of the id `but_for`."""
        return any(self._same_name(held.name, name) and held.id != but_for for held in self._held.values())

    def key_field(self, key_id: object) -> KeyField:
        """Return the string id of a field, which may be asked for by its number, too.

        Raises:
            ReplyError: There is no such field, or it is not indexed.
        """
        if key_id in ("id", "uid"):
            return str(key_id)
        named = [one for one in self.settings.fields if str(key_id) in (str(one.id), one.string_id)]
        if named and named[0].indexed:
            return named[0].string_id
        code = self.settings.not_indexed if named else "2004"
        if self.settings.bad_key == "<NO_KEY_ID>":
            raise WholeRequestError(200, code)
        raise ReplyError(int(self.settings.bad_key), code)

    def _same_name(self, one: str, other: str) -> bool:
        if self.settings.names_fold_case:
            return one.strip().casefold() == other.strip().casefold()
        return one.strip() == other.strip()
