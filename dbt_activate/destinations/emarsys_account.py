"""What an Emarsys account holds: contact fields, by which contacts are known, and contact lists.

Reference: https://dev.emarsys.com/docs/core-api-reference.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dbt_activate.delivery import Audience
from dbt_activate.destinations.emarsys_api import LABEL, MAYBE_NO_LIST, NAME_TAKEN, NO_LIST, EmarsysApi, rows
from dbt_activate.errors import AudienceGoneError, AudienceTakenError, RefusedError
from dbt_activate.http.answer import LostAnswerError, RefusedAnswerError
from dbt_activate.http.making import make_audience
from dbt_activate.identifiers import EMAIL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.destination import Wanted

E_MAIL = replace(EMAIL, hashable=False)
"""E-mail addresses as a contact has them: Emarsys takes no hashes of them."""

E_MAIL_FIELD = "3"
"""The number of the contact field that holds them."""

INTERNAL_KEYS = ("id", "uid")
"""What Emarsys gives every contact by itself, and calls by these names where others have a number."""


class KeyFields:
    """The contact fields of the account, read once: which number a name in ``mapping:`` stands for."""

    def __init__(self, api: EmarsysApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._fields: list[dict[str, Any]] | None = None

    def key_id(self, name: str) -> str:
        """Return what Emarsys calls the key field of this name.

        Raises:
            RefusedError: There is no such field, several have that name, or it cannot be a key.
        """
        if name == E_MAIL.name:
            return E_MAIL_FIELD
        if name in INTERNAL_KEYS or re.fullmatch("[0-9]+", name):
            return name
        return self._resolve(name)

    def all(self) -> list[dict[str, Any]]:
        """Return the fields as Emarsys writes them."""
        with self._lock:
            if self._fields is None:
                found = self._api.call(
                    "field.list (or map the field by its number)", "GET", "field/translate/en"
                )
                self._fields = rows(found)
            return self._fields

    def _resolve(self, name: str) -> str:
        # The string id is unique in an account, which a name need not be.
        found = self._named(name, "string_id") or self._named(name, "name")
        numbers = sorted({str(field.get("id")) for field in found})
        if not numbers:
            raise RefusedError(f"{LABEL} has no contact field {name!r}. {self._near(name)}")
        if len(numbers) > 1:
            raise RefusedError(
                f"{LABEL} has several contact fields named {name!r}: {', '.join(numbers)}. "
                "Map one of them by its number."
            )
        if found[0].get("application_type") == "multichoice":
            raise RefusedError(
                f"The contact field {name!r} of {LABEL} has several values at once, and cannot tell one "
                "contact from another. Map another field."
            )
        return numbers[0]

    def _named(self, name: str, key: str) -> list[dict[str, Any]]:
        return [field for field in self.all() if folded(str(field.get(key) or "")) == folded(name)]

    def _near(self, name: str) -> str:
        known = [str(field[key]) for field in self.all() for key in ("string_id", "name") if field.get(key)]
        near = get_close_matches(folded(name), [folded(one) for one in known], n=3)
        return f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the mapping."


class ContactLists:
    """The contact lists of the account: found, made, renamed, deleted."""

    def __init__(self, api: EmarsysApi) -> None:
        self._api = api

    def all(self) -> dict[str, str]:
        """Return the names of all lists by id; Emarsys has no call to read one."""
        found = self._api.call("contactlist.list", "GET", "contactlist")
        return {str(each.get("id")): str(each.get("name")) for each in rows(found)}

    def find_by_id(self, remote_id: str) -> Audience | None:
        """Find the list of this id."""
        name = self.all().get(remote_id)
        return None if name is None else Audience(remote_id, name)

    def find_by_name(self, name: str) -> Audience | None:
        """Find the list of this name, whatever its case; of several the one of exactly this name.

        Raises:
            RefusedError: Several have that name, and none exactly.
        """
        found = [Audience(*each) for each in self.all().items() if folded(each[1]) == folded(name)]
        exact = [audience for audience in found if audience.name == name]
        if len(exact or found) > 1:
            several = ", ".join(sorted(audience.remote_id for audience in found))
            raise RefusedError(
                f"{LABEL} has several contact lists named {name!r}: {several}. Set audience.remote_id to one."
            )
        return next(iter(exact or found), None)

    def create(self, wanted: Wanted) -> Audience:
        """Make a list, or return the one that has the name by now.

        Raises:
            AudienceTakenError: The name is taken by a list that cannot be seen.
        """

        def taken(refused: RefusedAnswerError) -> AudienceTakenError | None:
            if refused.code != NAME_TAKEN:
                return None
            return AudienceTakenError(
                f"{LABEL} says that the name {wanted.name!r} is taken, but lists no such contact list. "
                "Choose another name."
            )

        return make_audience(lambda: self._create(wanted), lambda: self.find_by_name(wanted.name), taken)

    def rename(self, audience: Audience, name: str) -> Audience:
        """Give a list another name.

        Raises:
            AudienceTakenError: Another list has it.
        """
        path = f"contactlist/{audience.remote_id}/rename"
        try:
            with self.gone_if_refused(audience):
                self._api.call("contactlist.rename", "POST", path, {"name": name.strip()})
        except RefusedAnswerError as refused:
            if refused.code != NAME_TAKEN:
                raise
            return self._renamed_before(audience, name)
        return replace(audience, name=name.strip())

    def delete(self, audience: Audience) -> None:
        """Delete a list, and none of its contacts; one that is gone is fine."""
        # Always POST: DELETE on this path is a 403.
        with suppress(AudienceGoneError), self.gone_if_refused(audience):
            self._api.call("contactlist.delete", "POST", f"contactlist/{audience.remote_id}/deletelist")

    @contextmanager
    def gone_if_refused(self, audience: Audience) -> Iterator[None]:
        """Tell that a list is gone, where that is why a request was refused."""
        try:
            yield
        except RefusedAnswerError as refused:
            maybe_gone = refused.status == 404 or refused.code in MAYBE_NO_LIST
            if refused.code != NO_LIST and not (maybe_gone and audience.remote_id not in self.all()):
                raise
            raise AudienceGoneError(
                f"The contact list {audience.name!r} ({audience.remote_id}) is no longer there at {LABEL}. "
                "Run dbt-activate sync again to make it anew."
            ) from None

    def _create(self, wanted: Wanted) -> Audience:
        # Each later request names its own key field; the members that none is given would need one here.
        facts = {"key_id": E_MAIL_FIELD, "name": wanted.name.strip()}
        described = {"description": wanted.description} if wanted.description else {}
        made = self._api.call(
            "contactlist.create", "POST", "contactlist", facts | described, idempotent=False
        )
        if not isinstance(made, dict) or not made.get("id"):
            raise LostAnswerError(f"{LABEL} says that it made {facts['name']!r}, and not with which id.")
        return Audience(str(made["id"]), facts["name"], wanted.description or None)

    def _renamed_before(self, audience: Audience, name: str) -> Audience:
        """Look who has the name: this very list has it, where an answer was lost or only the case differs."""
        lists = self.all()
        if [number for number in lists if folded(lists[number]) == folded(name)] == [audience.remote_id]:
            return replace(audience, name=lists[audience.remote_id])
        raise AudienceTakenError(
            f"{audience.name!r} cannot be renamed to {name!r}: {LABEL} says that another contact list has "
            "that name. Choose another one."
        )


def folded(name: str) -> str:
    """Spell a name as Emarsys compares it: whatever its case, and without white space around it."""
    return name.strip().casefold()
