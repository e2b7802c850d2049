"""The request bodies that are Retail Media's own, as Criteo's OpenAPI document describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from dbt_activate.sandbox.criteo.bodies import Body

ListType = Literal["Email", "UserIdentifier", "IdentityLink", "CustomerId", "PhoneNumber"]


class NewContactList(Body):
    """The settings of a contact list. What it is without a type is not documented; here it is e-mail."""

    identifier_type: ListType = "Email"


class NewSegment(Body):
    """The attributes of a segment to create; exactly one of the last two makes it what it is."""

    name: str
    retailer_id: str
    description: str | None = None
    contact_list: NewContactList | None = None
    events: dict[str, Any] | None = None


class NewSegmentItem(Body):
    """One segment to create."""

    attributes: NewSegment


class NewSegments(Body):
    """The body of a create."""

    data: list[NewSegmentItem]


class SearchFilters(Body):
    """What the segments of a search have in common; None for whatever it is."""

    audience_segment_ids: list[str] | None = None
    retailer_ids: list[str] | None = None
    audience_segment_types: list[Literal["Unknown", "ContactList", "Events"]] | None = None


class SearchItem(Body):
    """The data of a search."""

    attributes: SearchFilters = SearchFilters()


class Search(Body):
    """The body of a search."""

    data: SearchItem = SearchItem()


class RetailerFilter(Body):
    """Which retailers to list; None for all."""

    retailer_id_filter: list[str] | None = None


class RetailerSearchItem(Body):
    """The data of a search for retailers."""

    attributes: RetailerFilter = RetailerFilter()


class RetailerSearch(Body):
    """The body of a search for retailers."""

    data: RetailerSearchItem = RetailerSearchItem()


class Amendment(Body):
    """Identifiers of one type to add or to remove. A missing type is taken for the list's own."""

    operation: Literal["add", "remove"]
    identifiers: list[str] = Field(min_length=1)
    identifier_type: Literal[ListType, "Gum"] | None = None


class AmendmentItem(Body):
    """The data of an amendment."""

    attributes: Amendment


class ContactListAmendment(Body):
    """The body of an amendment of a contact list."""

    data: AmendmentItem
