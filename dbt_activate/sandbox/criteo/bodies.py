"""The request bodies of the audience API, as Criteo's OpenAPI document describes them."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.problems import failed, invalid

SegmentType = Literal[
    "Unknown",
    "InMarket",
    "Prospecting",
    "ContactList",
    "Location",
    "Behavioral",
    "Retargeting",
    "Lookalike",
]


class Body(BaseModel):
    """A part of a body. Keys that the document does not know are passed over."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, hide_input_in_errors=True)


class NewSegment(Body):
    """The attributes of a segment to create; exactly one of the last six makes it what it is."""

    advertiser_id: str
    name: str
    description: str | None = None
    contact_list: dict[str, Any] | None = None
    in_market: dict[str, Any] | None = None
    location: dict[str, Any] | None = None
    lookalike: dict[str, Any] | None = None
    prospecting: dict[str, Any] | None = None
    retargeting: dict[str, Any] | None = None

    @property
    def types(self) -> list[str]:
        """The types of segment that it asks for."""
        kinds = ("contact_list", "in_market", "location", "lookalike", "prospecting", "retargeting")
        return [kind.title().replace("_", "") for kind in kinds if getattr(self, kind) is not None]


class NewSegmentItem(Body):
    """One segment to create."""

    attributes: NewSegment


class NewSegments(Body):
    """The body of a create."""

    data: list[NewSegmentItem]


class NillableText(Body):
    """A text to set; None clears it."""

    value: str | None = None


class SegmentChange(Body):
    """The attributes of a segment to change. What is left out stays as it is."""

    name: str | None = None
    description: NillableText | None = None


class SegmentChangeItem(Body):
    """One segment to change."""

    id: str
    attributes: SegmentChange = SegmentChange()


class SegmentChanges(Body):
    """The body of an update."""

    data: list[SegmentChangeItem]


class SegmentId(Body):
    """One segment, by its id."""

    id: str


class SegmentIds(Body):
    """The body of a delete, and of a computation of sizes."""

    data: list[SegmentId]


class SearchFilters(Body):
    """What the segments of a search have in common; None for whatever it is."""

    audience_segment_ids: list[str] | None = None
    advertiser_ids: list[str] | None = None
    audience_segment_types: list[SegmentType] | None = None


class SearchItem(Body):
    """The data of a search."""

    attributes: SearchFilters = SearchFilters()


class Search(Body):
    """The body of a search."""

    data: SearchItem = SearchItem()


class Amendment(Body):
    """Identifiers of one type to add or to remove.

    The document does not require the type. What Criteo takes a missing one for is not documented;
    here it is ``email``.
    """

    operation: Literal["add", "remove"]
    identifiers: list[str] = Field(min_length=1)
    identifier_type: Literal["email", "madid", "identityLink", "gum", "phoneNumber"] = "email"
    gum_caller_id: int | None = None


class AmendmentItem(Body):
    """The data of an amendment."""

    type: str
    attributes: Amendment


class ContactListAmendment(Body):
    """The body of an amendment of a contact list."""

    data: AmendmentItem


Described = TypeVar("Described", bound=Body)


def read_body(call: Call, kind: type[Described]) -> Described:
    """Read a request's body.

    Raises:
        ProblemError: It is not JSON, or not what the API describes.
    """
    if call.media_type != "application/json":
        raise failed(415)
    try:
        document = call.json
    except ValueError as error:
        raise invalid(str(error)) from None
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise _first_problem(error) from None


def page_number(call: Call, name: str, default: int, maximum: int, minimum: int = 0) -> int:
    """Read a number of the query.

    Raises:
        ProblemError: It is none, or out of bounds.
    """
    text = call.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
        raise invalid(f"{name} must be between {minimum} and {maximum}.", code="invalid-range", pointer=name)
    return int(text)


def _first_problem(error: ValidationError) -> Exception:
    first = error.errors(include_input=False, include_url=False)[0]
    pointer = "/" + "/".join(str(part) for part in first["loc"])
    code = "required-field" if first["type"] == "missing" else "invalid"
    return invalid(f"{pointer}: {first['msg']}", code=code, pointer=pointer)
