"""One audience's folder: its card, its list of members, and the files of its deliveries."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbt_activate.destinations.files.audience_card import CARD, Card, folder_of
from dbt_activate.errors import AudienceGoneError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from dbt_activate.delivery import Audience, Delivery
    from dbt_activate.destinations.files.settings import Format
    from dbt_activate.destinations.files.store import FileStore

CHANGES = "changes"
"""The folder, within the audience's, of the files for each delivery."""

_CHANGE = re.compile(r"\d{8}-\d{6}-\d{8}T\d{6}Z-(?:add|remove)-[a-z0-9_]+-[0-9a-f]{8}\.(?:csv|parquet)")


def read_card(store: FileStore, folder: str) -> Card | None:
    """Read the card of a folder; None where there is none.

    Raises:
        RefusedError: It is not ours.
    """
    content = store.read(f"{folder}/{CARD}")
    if content is None:
        return None
    card = Card.from_bytes(content)
    if card is None:
        raise RefusedError(
            f"{store.url}/{folder}/{CARD} was not written by dbt-activate, or has been changed since. Move "
            "it away, or choose another name."
        )
    return card


def list_path(folder: str, kind: Format) -> str:
    """Return where the list of members is."""
    return f"{folder}/members.{kind}"


@dataclass(slots=True)
class AudienceFolder:
    """The folder of one audience, as one run writes to it.

    Of two runs that write to one audience, the later one stands on the card; the earlier one finds that out
    right before each of its files would be there, and stops.

    Attributes:
        store: Where it is.
        audience: The audience.
        format: What kind of files.
        lock: Held while a list is rewritten.
    """

    store: FileStore
    audience: Audience
    format: Format
    lock: threading.Lock = field(default_factory=threading.Lock)
    _run: int = 0
    _writer: str = field(default_factory=lambda: secrets.token_hex(6))
    _files: int = 0
    _numbering: threading.Lock = field(default_factory=threading.Lock)

    @property
    def path(self) -> str:
        """The folder's name.

        Raises:
            RefusedError: The audience's id is none of ours.
        """
        folder = folder_of(self.audience.remote_id)
        if folder is None:
            raise RefusedError(f"{self.audience.remote_id!r} is no id of an audience in files.")
        return folder

    @property
    def list_path(self) -> str:
        """Where the list of members is."""
        return list_path(self.path, self.format)

    def card(self) -> Card:
        """Read the card.

        Raises:
            AudienceGoneError: It is not there any more, or another audience's.
        """
        card = read_card(self.store, self.path)
        if card is None or card.id != self.audience.remote_id:
            raise self.gone()
        return card

    def gone(self) -> AudienceGoneError:
        """Make the error that says that the audience is not there."""
        return AudienceGoneError(
            f"The audience {self.audience.name!r} ({self.audience.remote_id}) is no longer there in "
            f"{self.store.url}. Run dbt-activate sync again to make it anew."
        )

    def begin(self) -> int:
        """Take a number for one more file; with the first one, the run takes its own on the card."""
        with self._numbering:
            if not self._run:
                card = self.card()
                self.write_card(replace(card, run=card.run + 1, writer=self._writer))
                # Of whoever wrote before, and now stops: drafts hold people.
                self.store.remove_drafts(self.path)
                self.store.remove_drafts(f"{self.path}/{CHANGES}")
                self._run = card.run + 1
            self._files += 1
            return self._files

    def read_list(self) -> bytes:
        """Read the list of members.

        Raises:
            AudienceGoneError: It is not there any more.
        """
        self.card()
        content = self.store.read(self.list_path)
        if content is None:
            raise self.gone()
        return content

    def write_list(self, content: bytes) -> None:
        """Put another list in the place of the one that is there; `begin` comes before reading that."""
        self.store.put(self.list_path, content, before=self._expect_ours)

    def write_change(self, delivery: Delivery, content: bytes) -> None:
        """Write the file of a delivery; the names sort in the order of what was done."""
        number = self.begin()
        parts = (
            f"{self._run:08d}",
            f"{number:06d}",
            f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
            delivery.operation.value,
            delivery.identifier_type,
            secrets.token_hex(4),
        )
        name = f"{'-'.join(parts)}.{self.format}"
        self.store.put(f"{self.path}/{CHANGES}/{name}", content, before=self._expect_ours)

    def write_card(self, card: Card) -> None:
        """Write the card."""
        self.store.put(f"{self.path}/{CARD}", card.to_bytes())

    def delete(self) -> None:
        """Remove the files that are ours, the card last. What else is in the folder stays."""
        changes = f"{self.path}/{CHANGES}"
        for name in self.store.names(changes) or ():
            if _CHANGE.fullmatch(name):
                self.store.remove(f"{changes}/{name}")
        self.store.remove(self.list_path)
        self.store.remove_drafts(changes)
        self.store.remove_drafts(self.path)
        self.store.remove(f"{self.path}/{CARD}")
        self.store.remove_folder(changes)
        self.store.remove_folder(self.path)

    def _expect_ours(self) -> None:
        if self.card().writer != self._writer:
            raise UnavailableError(
                f"Another run has begun to write the audience {self.audience.name!r} in {self.store.url}. "
                "This one stops; run it again later."
            )
