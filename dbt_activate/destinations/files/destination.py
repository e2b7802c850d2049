"""Files: each audience is a folder with its members as one list, or with a file for each delivery."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_activate.delivery import Audience, Receipt
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations import any_identifier
from dbt_activate.destinations.files.audience_card import CARD, Card, folder_name, folder_of, new_id
from dbt_activate.destinations.files.audience_folder import AudienceFolder, list_path, read_card
from dbt_activate.destinations.files.settings import (
    Content,
    FilesAudienceSettings,
    FilesSettings,
    unveiled,
)
from dbt_activate.destinations.files.store import FileStore
from dbt_activate.errors import (
    AccessError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbt_activate.delivery import Delivery
    from dbt_activate.destinations.files.tables import Table
    from dbt_activate.identifiers import IdentifierType
    from dbt_activate.throttle import Throttles


class Files(Destination):
    """Audiences as files in a folder or an object store."""

    type_name = "files"
    label = "Files"
    identifier_types = any_identifier.KNOWN
    other_identifiers = any_identifier.OTHERS
    delivery_size = 100_000
    renames = False  # whoever reads the files knows their path
    deletes = True
    # As is true of `content: members`, the default. There an audience takes one delivery at a time, too.
    shares_requests = reads_members = counts_members = clears = True

    Settings = FilesSettings
    AudienceSettings = FilesAudienceSettings

    def __init__(self, settings: FilesSettings, throttles: Throttles) -> None:
        self._settings = settings
        throttle = throttles.get((self.type_name, settings.url), None)
        self._store = FileStore(settings.url, unveiled(settings.storage_options), throttle)
        self._folders: dict[str, AudienceFolder] = {}
        self._opening = threading.Lock()
        self._keeps_list = settings.content is Content.MEMBERS
        self.delivery_size = settings.delivery_size or self.delivery_size
        self.concurrency = 1 if self._keeps_list else self.concurrency
        self.one_at_a_time = self.shares_requests = self._keeps_list
        self.reads_members = self.counts_members = self.clears = self._keeps_list

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Return an identifier type: e-mail addresses are known, and any other name is taken."""
        return any_identifier.any_identifier(name)

    @classmethod
    def account(cls, settings: FilesSettings) -> tuple[str, ...]:
        """An audience's folder is unique within the folder of all."""
        return (cls.type_name, settings.url)

    def check(self) -> CheckResult:
        """Look what is in the folder of all audiences. Whether it can be written is seen when it is."""
        names = self._store.names("")
        if names is None:
            line = f"Nothing is at {self._store.url} yet. The first sync makes a folder, but not a bucket."
        else:
            line = f"{self._store.url} can be read: {len(names)} files and folders are in it."
        return CheckResult(passed=True, lines=(line,))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find an audience by its id, or in the folder that its name leads to."""
        folder = folder_name(wanted.name) if remote_id is None else folder_of(remote_id)
        card = read_card(self._store, folder) if folder else None
        if folder is None or card is None or remote_id not in (None, card.id):
            return None
        if remote_id is None and card.name != wanted.name:
            raise RefusedError(
                f"The folder of {wanted.name!r} in {self._store.url} holds the audience {card.name!r}: "
                "capital letters make no difference there. Choose another name."
            )
        self._expect_same_kind(card)
        if self._keeps_list and self._store.read(list_path(folder, self._settings.format)) is None:
            return None
        return Audience(card.id, card.name, card.description)

    def create(self, wanted: Wanted) -> Audience:
        """Make the folder: first the card, then an empty list where one is kept."""
        if found := self.find(wanted, None):
            return found
        self._expect_free(folder_name(wanted.name))
        audience = Audience(new_id(folder_name(wanted.name)), wanted.name, wanted.description or None)
        try:
            self._write_empty(audience)
            there = self.find(wanted, None)  # another one, if somebody else was as quick
        except (AccessError, AuthenticationError, RefusedError) as error:
            failure = self._unless_made(wanted, error)
        else:
            return there or audience
        raise failure

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Describe an audience; its folder keeps its name."""
        if audience.name != wanted.name and (audience.description or "") == wanted.description:
            return super().update(audience, wanted)
        folder, description = self._folder(audience), wanted.description or None
        folder.write_card(replace(folder.card(), description=description))
        return replace(audience, description=description)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Rewrite the list, or write one more file."""
        if self._keeps_list:
            self._amend(audience, delivery)
        else:
            from dbt_activate.destinations.files.tables import changes_of, encode

            content = encode(changes_of(delivery), self._settings.format)
            self._folder(audience).write_change(delivery, content)
        return Receipt()

    def push_together(
        self, audience: Audience, removal: Delivery, addition: Delivery
    ) -> tuple[Receipt, Receipt]:
        """Rewrite the list once for both."""
        if not self._keeps_list:
            return super().push_together(audience, removal, addition)
        self._amend(audience, removal, addition)
        return Receipt(), Receipt()

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the members in the list."""
        if not self._keeps_list:
            return super().members(audience, identifier_type)
        from dbt_activate.destinations.files.tables import pages

        return pages(self._members(self._folder(audience)), identifier_type)

    def size(self, audience: Audience) -> int | None:
        """Return how many members the list has."""
        return self._members(self._folder(audience)).height if self._keeps_list else None

    def clear(self, audience: Audience) -> None:
        """Empty the list."""
        if not self._keeps_list:
            return super().clear(audience)
        from dbt_activate.destinations.files.tables import encode, nobody

        folder = self._folder(audience)
        with folder.lock:
            folder.begin()
            folder.write_list(encode(nobody(), self._settings.format))
        return None

    def delete(self, audience: Audience) -> None:
        """Remove the files that are ours; what else is in the folder stays."""
        folder = self._folder(audience)
        card = read_card(self._store, folder.path)
        if card and card.id == audience.remote_id:
            folder.delete()

    def _folder(self, audience: Audience) -> AudienceFolder:
        with self._opening:
            made = AudienceFolder(self._store, audience, self._settings.format)
            return self._folders.setdefault(audience.remote_id, made)

    def _write_empty(self, audience: Audience) -> None:
        kept = (self._settings.content.value, self._settings.format.value)
        folder = self._folder(audience)
        folder.write_card(Card(audience.remote_id, audience.name, audience.description, *kept))
        if self._keeps_list:
            from dbt_activate.destinations.files.tables import encode, nobody

            self._store.put(folder.list_path, encode(nobody(), self._settings.format))

    def _unless_made(self, wanted: Wanted, error: DestinationError) -> DestinationError:
        """Return an error as it is, if nothing was made for certain; else one that leaves that open."""
        with suppress(DestinationError):
            if self.find(wanted, None) is None:
                return error
        return UnavailableError(f"Whether the audience {wanted.name!r} was made cannot be seen. {error}")

    def _amend(self, audience: Audience, *deliveries: Delivery) -> None:
        from dbt_activate.destinations.files.tables import amended, encode

        folder = self._folder(audience)
        with folder.lock:
            folder.begin()  # before the list is read: whoever writes meanwhile is found out
            before = after = self._members(folder)
            for delivery in deliveries:
                after = amended(after, delivery)
            if not after.equals(before):
                folder.write_list(encode(after, self._settings.format))

    def _members(self, folder: AudienceFolder) -> Table:
        from dbt_activate.destinations.files.tables import decode_members

        members = decode_members(folder.read_list(), self._settings.format)
        if members is None:
            raise RefusedError(
                f"{self._store.url}/{folder.list_path} is no list that dbt-activate wrote any more. Remove "
                "its folder, and it is made anew."
            )
        return members

    def _expect_same_kind(self, card: Card) -> None:
        wanted = (self._settings.content.value, self._settings.format.value)
        if (card.content, card.format) != wanted:
            raise RefusedError(
                f"The audience {card.name!r} in {self._store.url} is kept as {card.content} in "
                f"{card.format}, and destinations.yml says {' in '.join(wanted)}. Set another url; or remove "
                "its folder, and it is made anew."
            )

    def _expect_free(self, folder: str) -> None:
        path = list_path(folder, self._settings.format)
        if self._keeps_list and not read_card(self._store, folder) and self._store.read(path) is not None:
            raise AudienceTakenError(
                f"{self._store.url}/{path} is there already, and no {CARD} beside it says that it is an "
                "audience. Move it away, or choose another name."
            )
