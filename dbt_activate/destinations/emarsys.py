"""SAP Emarsys: an audience is a contact list, which only contacts that exist already can be in.

Reference: https://dev.emarsys.com/docs/core-api-reference, and SAP's Postman collection in the repository
emartech/Emarsys-postman-collection. Contacts are never created, and never deleted.
"""

from __future__ import annotations

import logging
import re
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations.emarsys_account import (
    E_MAIL,
    E_MAIL_FIELD,
    INTERNAL_KEYS,
    ContactLists,
    KeyFields,
    folded,
)
from dbt_activate.destinations.emarsys_api import (
    LABEL,
    ONE_CONTACT,
    WHERE_PERMISSIONS_ARE,
    WSSE_ENDS,
    Auth,
    EmarsysApi,
    EmarsysSettings,
    is_too_large,
    receipt,
    row_errors,
    rows,
)
from dbt_activate.errors import AccessError, AuthenticationError, RefusedError, UnavailableError
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.client import warm_up
from dbt_activate.http.portions import Portions
from dbt_activate.identifiers import CUSTOMER_ID, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

logger = logging.getLogger(__name__)

MEMBERS_PAGE = 10_000  # Emarsys's default; it would give up to 100,000 at once
CONTACTS_PAGE = 1_000  # the most contacts that one contact/getdata looks up

OPT_IN_FIELD = "31"
FIELD_NAME = re.compile(r"[^\s:](?:[^\x00-\x1f\x7f:]{0,126}[^\s:])?")


class Emarsys(Destination):
    """Contact lists of one account."""

    type_name = "emarsys"
    label = LABEL
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {E_MAIL.name: E_MAIL}
    other_identifiers = (
        "any contact field that tells contacts apart, by its string id, name or number, or id or uid"
    )
    one_identifier = True
    delivery_size = 10_000
    delivery_bytes = 9_900_000  # a body may have 10 MB; the rest of it is small
    concurrency = 1
    one_at_a_time = True
    names_rejections = True
    reads_members = True
    counts_members = True
    changes_descriptions = False
    clears = True
    deletes = True

    Settings = EmarsysSettings

    def __init__(self, settings: EmarsysSettings, throttles: Throttles) -> None:
        self._settings = settings
        self._api = EmarsysApi(settings, throttles)
        self._fields = KeyFields(self._api)
        self._lists = ContactLists(self._api)
        self._portions = Portions(self.delivery_size, is_too_large)
        if settings.auth is Auth.WSSE:
            logger.warning("%s: %s", LABEL, WSSE_ENDS)

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Take any name that a contact field may have; only e-mail addresses are folded."""
        if name in cls.identifier_types:
            return cls.identifier_types[name]
        if name == E_MAIL_FIELD:
            return replace(E_MAIL, name=name)
        if not FIELD_NAME.fullmatch(name):
            return None
        return replace(
            CUSTOMER_ID,
            name=name,
            description=f"value of the contact field {name}",
            folds_case="mail" in name.casefold(),
        )

    @classmethod
    def account(cls, settings: EmarsysSettings) -> tuple[str, ...]:
        """What an API user sees; Emarsys does not say which account is behind it."""
        return (cls.type_name, settings.host, settings.user)

    @classmethod
    def identity(cls, settings: EmarsysSettings, wanted: Wanted) -> tuple[str, ...]:
        """Names of lists are one whatever their case."""
        return (*cls.account(settings), folded(wanted.name))

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def prepare(self, wanted: Wanted, identifier_types: Sequence[str]) -> None:
        """Make sure that what is mapped is a contact field that can be a key."""
        del wanted
        for name in identifier_types:
            self._fields.key_id(name)

    def check(self) -> CheckResult:
        """Look whether lists and fields can be read."""
        try:
            lines = [f"The credentials are good. They see {len(self._lists.all())} contact lists."]
        except AccessError as error:
            return CheckResult(passed=False, lines=(str(error),))
        try:
            lines.append(f"{len(self._fields.all())} contact fields can be mapped by name.")
        except AccessError:
            lines.append(
                "Contact fields cannot be read: map email, id, uid or a field by its number, or tick "
                f"field.list for this API user, {WHERE_PERMISSIONS_ARE}."
            )
        if self._settings.auth is Auth.WSSE:
            lines.append(WSSE_ENDS)
        return CheckResult(passed=True, lines=tuple(lines))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find a list by id, or by name whatever its case."""
        if remote_id is None:
            return self._lists.find_by_name(wanted.name.strip())
        return self._lists.find_by_id(remote_id)

    def create(self, wanted: Wanted) -> Audience:
        """Make a list; where the name turns out to be taken, return the one that has it."""
        return self._lists.create(wanted)

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename a list. Its description cannot be changed."""
        if audience.name == wanted.name.strip():
            return audience
        return self._lists.rename(audience, wanted.name)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove contacts, in one request if Emarsys finds it not too large."""
        key_id = self._fields.key_id(delivery.identifier_type)
        with self._lists.gone_if_refused(audience):
            return self._portions.send(delivery, lambda part: self._change(audience, key_id, part))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the mapped field of the members; those in whom it is empty are only counted, in the log."""
        key_id = self._fields.key_id(identifier_type)
        without = 0
        with self._lists.gone_if_refused(audience):
            for page in self._contact_ids(audience):
                for start in range(0, len(page), CONTACTS_PAGE):
                    chunk = page[start : start + CONTACTS_PAGE]
                    values = chunk if key_id == "id" else self._values(chunk, key_id)
                    without += len(chunk) - len(values)
                    yield values
        if without:
            logger.warning(
                "%s: %d members of %r have no %s, and cannot be compared.",
                LABEL, without, audience.name, identifier_type,
            )  # fmt: skip

    def size(self, audience: Audience) -> int | None:
        """Return how many contacts are in a list."""
        path = f"contactlist/{audience.remote_id}/count"
        with self._lists.gone_if_refused(audience):
            count = str(self._api.call("contactlist.contact.count", "GET", path))
        return int(count) if re.fullmatch("[0-9]{1,18}", count) else None

    def clear(self, audience: Audience) -> None:
        """Take everybody out, one by one: Emarsys has no call for it."""
        with self._lists.gone_if_refused(audience):
            # All of them before the first is taken out, which might move those on later pages.
            everybody = array("q", (int(one) for page in self._contact_ids(audience) for one in page))
            for start in range(0, len(everybody), self.delivery_size):
                chunk = [str(one) for one in everybody[start : start + self.delivery_size]]
                leaving = Delivery(1, Operation.REMOVE, "id", chunk)
                taken = self._portions.send(leaving, lambda part: self._change(audience, "id", part))
                if stayed := len(taken.rejections) + taken.unnamed_rejections:
                    raise RefusedError(
                        f"{LABEL} did not take {stayed} contacts out of {audience.name!r}. "
                        "Look at the list there."
                    )

    def delete(self, audience: Audience) -> None:
        """Delete a list, and none of its contacts."""
        self._lists.delete(audience)

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    def _change(self, audience: Audience, key_id: str, delivery: Delivery) -> Receipt:
        try:
            return self._change_at_once(audience, key_id, delivery)
        except RefusedAnswerError as refused:
            if refused.code not in ONE_CONTACT:
                raise
            if len(delivery.identifiers) == 1:
                return receipt(delivery, {delivery.identifiers[0]: {refused.code: ""}})
        # It says of the whole what is true of somebody in it: look for whom, without smaller requests later.
        halves = Portions(len(delivery.identifiers) // 2, is_too_large)
        return halves.send(delivery, lambda part: self._change(audience, key_id, part))

    def _change_at_once(self, audience: Audience, key_id: str, delivery: Delivery) -> Receipt:
        verb = "add" if delivery.operation is Operation.ADD else "delete"
        data = self._api.call(
            f"contactlist.contact.{verb}",
            "POST",
            f"contactlist/{audience.remote_id}/{verb}",
            {"key_id": key_id, "external_ids": list(delivery.identifiers)},
            personal=True,
        )
        return receipt(delivery, row_errors(data))

    def _contact_ids(self, audience: Audience) -> Iterator[list[str]]:
        params: dict[str, str | int] = {"$skiptoken": 0, "$top": MEMBERS_PAGE}
        version, page = self._first_page(audience, params)
        while True:
            yield [str(one) for one in page.get("value") or ()]
            if not page.get("next"):
                return
            # Its path is not joined to base_url: what it begins with is not documented.
            following = dict(parse_qsl(urlsplit(str(page["next"])).query))
            if "$skiptoken" not in following or following == params:
                raise UnavailableError(
                    f"{LABEL} does not say how to read on in the members of {audience.name!r}. Run it again."
                )
            params = dict(following)
            page = self._page(audience, params, version)

    def _first_page(self, audience: Audience, params: Mapping[str, str | int]) -> tuple[str | None, Any]:
        """Read the first page of contact ids, and say in which version of the API it was found.

        SAP's own collection for v3 has this one call under v2; whether v3 has it is not documented.
        """
        older = self._api.older_version
        for version in (None, older) if older else (None,):
            try:
                return version, self._page(audience, params, version)
            except (AccessError, AuthenticationError):
                if version is None:
                    raise
            except RefusedAnswerError as refused:
                if refused.status not in (400, 404, 405) or refused.code not in ("", "1"):
                    raise
        raise RefusedAnswerError(
            f"{LABEL} does not give out the members of contact list {audience.name!r} ({audience.remote_id}) "
            "to this API user: they cannot be read back on this account. Ask SAP's support for the call "
            "contactlist/{listId}/contactIds.",
            status=404,
        )

    def _page(self, audience: Audience, params: Mapping[str, str | int], version: str | None) -> Any:
        path = f"contactlist/{audience.remote_id}/contactIds"
        page = self._api.call("contactlist.contact.ids", "GET", path, params=params, version=version)
        if not isinstance(page, dict) or not isinstance(page.get("value", ""), list | None):
            raise UnavailableError(f"{LABEL} gives no members of {audience.name!r}. Run it again later.")
        return page

    def _values(self, contact_ids: Sequence[str], key_id: str) -> list[str]:
        # A row has id and uid in any case. Without any field asked for, it would have all of them.
        fields = [OPT_IN_FIELD if key_id in INTERNAL_KEYS else key_id]
        body = {"keyId": "id", "keyValues": list(contact_ids), "fields": fields}
        data = self._api.call("contact.getdata", "POST", "contact/getdata", body, personal=True)
        found = data.get("result") if isinstance(data, dict) else ()  # false where nobody was found
        return [str(row[key_id]) for row in rows(found) if row.get(key_id) not in (None, "")]
