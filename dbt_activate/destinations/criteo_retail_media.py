"""Criteo Retail Media: an audience is a contact list of one retailer, held by a Retail Media account.

Guide: https://developers.criteo.com/retail-media/docs/audience-segment-endpoints. A list takes one type
of identifier, laid down when it is made. Its members cannot be read back, only counted.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from dbt_activate.delivery import Audience, Delivery, Receipt
from dbt_activate.destination import CheckResult, Wanted
from dbt_activate.destinations.criteo_api import (
    GONE_CODES,
    IDENTITY_LINK,
    CriteoApi,
    CriteoSettings,
    Digits,
    attributes,
    items,
    receipt,
)
from dbt_activate.destinations.criteo_contact_lists import ContactLists
from dbt_activate.destinations.criteo_segments import Segments, Shelf
from dbt_activate.errors import AccessError, DestinationError, RefusedError
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.portions import Portions, is_content_too_large
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, PHONE_NUMBER, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbt_activate.throttle import Throttles

USER_IDENTIFIER = IdentifierType(
    name="user_identifier", pattern=r"[!-~]{1,512}", description="Criteo's own id of a user"
)

SPELLINGS = {
    EMAIL: "Email",
    CUSTOMER_ID: "CustomerId",
    IDENTITY_LINK: "IdentityLink",
    PHONE_NUMBER: "PhoneNumber",
    USER_IDENTIFIER: "UserIdentifier",
}
"""How Criteo writes the types of identifier that a list can be made for; not as Marketing Solutions does."""

ELSEWHERE = ("madid", "gum")
"""What Criteo takes in contact lists of Marketing Solutions, and no list can be made for here."""

RETAILERS_PER_PAGE = 10  # the most that Criteo returns at once
CREDIBLE_LIMIT = 1_000
"""No limit on the identifiers of one request is published; one below this is not to be expected."""

PERMISSION_HINT = (
    "In the portal of Criteo's API, give the app the permissions Audiences = Manage "
    "(RetailMedia_Audience_Manage), Accounts = Read (RetailMedia_Accounts_Read) and Campaigns = Read "
    "(RetailMedia_Campaign_Read), and have an owner of the account open the app's consent link: an account "
    "is missing until then, and again once the consent is withdrawn."
)


class ListType(StrEnum):
    """What the members of a list are known by."""

    EMAIL = EMAIL.name
    CUSTOMER_ID = CUSTOMER_ID.name
    IDENTITY_LINK = IDENTITY_LINK.name
    PHONE_NUMBER = PHONE_NUMBER.name
    USER_IDENTIFIER = USER_IDENTIFIER.name


class CriteoRetailMedia(ContactLists):
    """Contact lists of one retailer in one Retail Media account."""

    type_name = "criteo_retail_media"
    label = "Criteo Retail Media"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {kind.name: kind for kind in SPELLINGS}
    one_identifier = True

    class Settings(CriteoSettings):
        """The keys of a Criteo Retail Media entry in ``destinations.yml``.

        Attributes:
            account_id: The Retail Media account; ``dbt-activate debug`` lists those that can be reached.
            retailer_id: The retailer in whose shop the lists are used; ``debug`` lists the account's.
        """

        account_id: Digits
        retailer_id: Digits

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            remote_id: The id of a contact list that exists already.
            identifier_type: What the list holds; by default what is mapped. Criteo fixes it when the list
                is made.
        """

        remote_id: Digits | None = None
        identifier_type: ListType = ListType.EMAIL

    def __init__(self, settings: Settings, throttles: Throttles) -> None:
        self._settings = settings
        self._account = f"retail-media/accounts/{settings.account_id}"
        self._api = CriteoApi(settings, throttles, forbidden_hint=PERMISSION_HINT)
        self._segments = Segments(self._api, _shelf(self._account, settings))
        self._portions = Portions(self.delivery_size, _is_too_large)

    @classmethod
    def account(cls, settings: Settings) -> tuple[str, ...]:
        """Name the retailer, too: lists of the same name may belong to two retailers of one account."""
        return (cls.type_name, settings.host, settings.account_id, settings.retailer_id)

    @classmethod
    def check_mapping(cls, settings: Settings, mapping: Mapping[str, str]) -> Sequence[str]:
        """Say where Criteo takes what no list can be made for here."""
        del settings
        return [
            f"{name} is taken by Criteo in contact lists of Marketing Solutions only (a destination of "
            "type: criteo), and these are Retail Media lists."
            for name in ELSEWHERE
            if name in mapping
        ]

    @classmethod
    def audience_defaults(cls, mapping: Mapping[str, str]) -> Mapping[str, Any]:
        """Let a list be of the type that is mapped."""
        known = [name for name in mapping if name in cls.identifier_types]
        return {"identifier_type": known[0]} if known else {}

    @classmethod
    def check_audience(cls, settings: Settings, wanted: Wanted, mapping: Mapping[str, str]) -> Sequence[str]:
        """Refuse a list of another type than what is mapped, before one is made."""
        del settings
        kind = _wanted_type(wanted).name
        return [
            f"maps {name}, and audience.identifier_type is {kind}: a list holds one type. Leave "
            "identifier_type out; it then follows from the mapping."
            for name in mapping
            if name in cls.identifier_types and name != kind
        ]

    def check(self) -> CheckResult:
        """List the accounts in reach and the account's retailers, and look whether lists can be read."""
        lines: list[str] = []
        try:
            steps = (self._look_for_account, self._look_for_retailer, self._look_at_lists)
            passed = all(step(lines) for step in steps)
        except AccessError as error:
            lines.append(str(error))
            passed = False
        return CheckResult(passed=passed, lines=tuple(lines))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find a contact list of the retailer by id or by exact name.

        Raises:
            RefusedError: It takes no members, or those of another type.
        """
        if remote_id is None:
            found = self._segments.find_by_name(wanted.name)
        else:
            found = self._segments.find_by_id(remote_id)
        return found and self._of_type(found, _wanted_type(wanted))

    def create(self, wanted: Wanted) -> Audience:
        """Make a contact list; where the name turns out to be taken, return the one that has it."""
        kind = _wanted_type(wanted)
        return self._of_type(self._segments.create(wanted, {"identifierType": SPELLINGS[kind]}), kind)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove identifiers, in one request if Criteo finds it not too large.

        Raises:
            RefusedError: The list takes another type of identifier; nothing was sent.
        """
        self._of_type(audience, self.identifier_types[delivery.identifier_type])
        with self._segments.gone_if_refused(audience):
            return self._portions.send(delivery, lambda part: self._send(audience, part))

    def clear(self, audience: Audience) -> None:
        """Take everybody out of a contact list."""
        with self._segments.gone_if_refused(audience):
            self._api.call_for_facts("POST", f"{_contact_list(audience)}/clear")

    def _of_type(self, audience: Audience, kind: IdentifierType) -> Audience:
        """Return the audience if its list takes this type, or does not say what it takes."""
        held = str(self._segments.contact_list(audience).get("identifierType") or "Unknown")
        if held.lower() in ("unknown", SPELLINGS[kind].lower()):
            return audience
        raise RefusedError(
            f"The contact list {audience.name!r} ({audience.remote_id}) of Criteo {_owner(self._settings)} "
            f"takes identifiers of type {held}, and not {SPELLINGS[kind]}. Criteo fixes the type when a list "
            "is made: map the one that it takes and set audience.identifier_type to it; or choose another "
            "audience.name, so that a new list is made (after a reset, if this one was filled before)."
        )

    def _send(self, audience: Audience, delivery: Delivery) -> Receipt:
        try:
            return self._amend(audience, delivery)
        except RefusedAnswerError as refused:
            if refused.code in GONE_CODES or len(delivery.identifiers) <= CREDIBLE_LIMIT:
                raise
            if refused.status not in (200, 400):
                raise
            raise _PerhapsTooLargeError(str(refused), status=refused.status, code=refused.code) from None

    def _amend(self, audience: Audience, delivery: Delivery) -> Receipt:
        facts = {
            "operation": delivery.operation.value,
            "identifierType": SPELLINGS[self.identifier_types[delivery.identifier_type]],
            "identifiers": list(delivery.identifiers),
        }
        data = {"type": "AddRemoveContactlist", "attributes": facts}
        path = f"{_contact_list(audience)}/add-remove"
        return receipt(self._api.call_for_facts("POST", path, data, personal=True))

    def _look_for_account(self, lines: list[str]) -> bool:
        wanted = self._settings.account_id
        reached = _all_pages(self._accounts)
        lines.append(f"The credentials are good. They reach {len(reached)} Retail Media accounts:")
        lines += _listed(reached)
        if wanted not in reached:
            lines += [f"account_id {wanted} is not among them.", PERMISSION_HINT]
        return wanted in reached

    def _look_for_retailer(self, lines: list[str]) -> bool:
        account, wanted = self._settings.account_id, self._settings.retailer_id
        reached = _all_pages(self._retailers)
        lines.append(f"account_id {account} has {len(reached)} retailers:")
        lines += _listed(reached)
        if wanted not in reached:
            lines += [
                f"retailer_id {wanted} is not among them.",
                "Name one of these, or the account that has the retailer; if none has, ask Criteo's team.",
            ]
        return wanted in reached

    def _look_at_lists(self, lines: list[str]) -> bool:
        next(self._segments.search(limit=1), None)
        lines.append(f"Contact lists go to {_owner(self._settings)}.")
        return True

    def _accounts(self, page: int, seen: int) -> Mapping[str, Any]:
        del seen
        return self._api.call("GET", "retail-media/accounts", params={"pageIndex": page, "pageSize": 25})

    def _retailers(self, page: int, seen: int) -> Mapping[str, Any]:
        del page
        data = {"type": "RetailerSearchRequest", "attributes": {"retailerIdFilter": None}}
        params = {"limit": RETAILERS_PER_PAGE, "offset": seen}
        return self._api.call("POST", f"{self._account}/retailers/search", data, params=params)


class _PerhapsTooLargeError(RefusedAnswerError):
    """A request was refused, and holds so many identifiers that their number may be why."""


def _is_too_large(error: DestinationError) -> bool:
    return isinstance(error, _PerhapsTooLargeError) or is_content_too_large(error)


def _shelf(account: str, settings: CriteoRetailMedia.Settings) -> Shelf:
    path = f"{account}/audience-segments"
    return Shelf(
        path=path,
        type="RetailMediaAudienceSegment",
        owner=_owner(settings),
        filters={"retailerIds": [settings.retailer_id]},
        facts={"retailerId": settings.retailer_id},
        page_size=500,
        statistics=f"{path}/{{}}/contact-list",
        access_hint="Check remote_id, account_id and retailer_id, and that the app may read audiences "
        "(RetailMedia_Audience_Read).",
    )


def _owner(settings: CriteoRetailMedia.Settings) -> str:
    return f"retailer {settings.retailer_id} of account {settings.account_id}"


def _contact_list(audience: Audience) -> str:
    return f"retail-media/audience-segments/{audience.remote_id}/contact-list"


def _wanted_type(wanted: Wanted) -> IdentifierType:
    if isinstance(wanted, CriteoRetailMedia.AudienceSettings):
        return CriteoRetailMedia.identifier_types[wanted.identifier_type]
    return EMAIL


def _all_pages(fetch: Callable[[int, int], Mapping[str, Any]]) -> dict[str, str]:
    """Read names by id, until a page brings no new ones: what the totals count is not documented.

    Args:
        fetch: Gets the number of the page and how many were seen before.
    """
    names: dict[str, str] = {}
    for page in count():
        found = {str(item.get("id")): _name(item) for item in items(fetch(page, len(names)))}
        if found.keys() <= names.keys():
            break
        names |= found
    return names


def _name(item: Mapping[str, Any]) -> str:
    facts = attributes(item)
    kind = f" ({facts['type']})" if facts.get("type") else ""
    return f"{facts.get('name') or '(no name)'}{kind}"


def _listed(names: Mapping[str, str]) -> list[str]:
    return [f"  {number}  {name}" for number, name in sorted(names.items())]
