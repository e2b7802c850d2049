"""Criteo Marketing Solutions: an audience is a contact list, a segment that belongs to an ad account.

Guides: https://developers.criteo.com/marketing-solutions/docs/contact-list and .../audience-segments.
The members of a contact list cannot be read back, only counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dbt_activate.delivery import Audience, Delivery, Receipt
from dbt_activate.destination import CheckResult, Wanted
from dbt_activate.destinations.criteo_api import (
    IDENTITY_LINK,
    CriteoApi,
    CriteoSettings,
    Digits,
    receipt,
)
from dbt_activate.destinations.criteo_contact_lists import ContactLists
from dbt_activate.destinations.criteo_segments import Segments, Shelf
from dbt_activate.errors import AccessError
from dbt_activate.http.portions import Portions
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, MADID, PHONE_NUMBER, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbt_activate.throttle import Throttles

PATH = "marketing-solutions/audience-segments"

GUM = IdentifierType(name="gum", pattern=r"[!-~]{1,512}", description="Criteo cookie id, from a cookie sync")

SPELLINGS = {
    EMAIL: "email",
    MADID: "madid",
    IDENTITY_LINK: "identityLink",
    GUM: "gum",
    PHONE_NUMBER: "phoneNumber",
}
"""How Criteo writes the types of identifier that we send."""

PERMISSION_HINT = (
    "In the portal of Criteo's API, give the app the permission Audiences = Manage "
    "(MarketingSolutions_Audience_Manage), and have an owner of the ad account open the app's consent "
    "link: an account is missing until then, and again once the consent is withdrawn."
)


class Criteo(ContactLists):
    """Contact lists of one ad account."""

    type_name = "criteo"
    label = "Criteo"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {kind.name: kind for kind in SPELLINGS}

    class Settings(CriteoSettings):
        """The keys of a Criteo entry in ``destinations.yml``.

        Attributes:
            advertiser_id: The ad account; ``dbt-activate debug`` lists those that can be reached.
            gum_caller_id: Needed where ``gum`` is mapped; Criteo's account team gives it.
        """

        advertiser_id: Digits
        gum_caller_id: int | None = Field(default=None, ge=0)

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            remote_id: The id of a contact list that exists already.
        """

        remote_id: Digits | None = None

    def __init__(self, settings: Settings, throttles: Throttles) -> None:
        self._settings = settings
        self._api = CriteoApi(settings, throttles, forbidden_hint=PERMISSION_HINT)
        self._segments = Segments(self._api, _shelf(settings))
        self._portions = Portions(self.delivery_size)

    @classmethod
    def account(cls, settings: Settings) -> tuple[str, ...]:
        """Names of segments are unique in an ad account."""
        return (cls.type_name, settings.host, settings.advertiser_id)

    @classmethod
    def check_mapping(cls, settings: Settings, mapping: Mapping[str, str]) -> Sequence[str]:
        """Refuse what Criteo takes only with another setting, or in another product."""
        problems = []
        if GUM.name in mapping and settings.gum_caller_id is None:
            problems.append(
                "gum needs gum_caller_id in destinations.yml: a number that Criteo's account team gives."
            )
        if CUSTOMER_ID.name in mapping:
            problems.append(
                "customer_id is taken by Criteo's Retail Media lists only (a destination of "
                "type: criteo_retail_media), and these are contact lists of Marketing Solutions. Map an "
                "e-mail, a mobile advertising id or an identity link."
            )
        return problems

    def check(self) -> CheckResult:
        """List the ad accounts in reach, and look whether segments of ours can be read."""
        reached = self._api.advertisers()
        wanted = self._settings.advertiser_id
        lines = [f"The credentials are good. They reach {len(reached)} ad accounts:"]
        lines += [f"  {number}  {name}" for number, name in sorted(reached.items())]
        if wanted not in reached:
            lines += [f"advertiser_id {wanted} is not among them.", PERMISSION_HINT]
            return CheckResult(passed=False, lines=tuple(lines))
        try:
            next(self._segments.search(limit=1), None)
        except AccessError as error:
            return CheckResult(passed=False, lines=(*lines, str(error)))
        return CheckResult(passed=True, lines=(*lines, f"advertiser_id {wanted} is {reached[wanted]}."))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find a contact list by id or by exact name."""
        if remote_id is None:
            return self._segments.find_by_name(wanted.name)
        return self._segments.find_by_id(remote_id)

    def create(self, wanted: Wanted) -> Audience:
        """Make a contact list; where the name turns out to be taken, return the one that has it."""
        return self._segments.create(wanted, {})

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove identifiers, in one request if Criteo finds it not too large."""
        with self._segments.gone_if_refused(audience):
            return self._portions.send(delivery, lambda part: self._amend(audience, part))

    def clear(self, audience: Audience) -> None:
        """Take everybody out of a contact list."""
        with self._segments.gone_if_refused(audience):
            self._api.call_for_facts("DELETE", _contact_list(audience))

    def _amend(self, audience: Audience, delivery: Delivery) -> Receipt:
        kind = self.identifier_types[delivery.identifier_type]
        facts: dict[str, Any] = {
            "operation": delivery.operation.value,
            "identifierType": SPELLINGS[kind],
            "identifiers": list(delivery.identifiers),
        } | ({"gumCallerId": self._settings.gum_caller_id} if kind is GUM else {})
        data = {"type": "ContactlistAmendment", "attributes": facts}
        return receipt(self._api.call_for_facts("PATCH", _contact_list(audience), data, personal=True))


def _shelf(settings: Criteo.Settings) -> Shelf:
    return Shelf(
        path=PATH,
        type="AudienceSegment",
        owner=f"advertiser {settings.advertiser_id}",
        filters={"advertiserIds": [settings.advertiser_id]},
        facts={"advertiserId": settings.advertiser_id},
        page_size=100,
        statistics=f"{PATH}/{{}}/contact-list/statistics",
        access_hint="Check remote_id and advertiser_id, and that the app may read audiences "
        "(MarketingSolutions_Audience_Read).",
    )


def _contact_list(audience: Audience) -> str:
    return f"{PATH}/{audience.remote_id}/contact-list"
