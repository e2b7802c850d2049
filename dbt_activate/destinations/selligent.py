"""Selligent (Marigold Engage, Selligent by Zeta): an audience is a static segment of a list of profiles.

The Portal API v1: https://developers.meetmarigold.com/engage/api/smc-v1. A segment refers to records of its
list. Who is no record of the list is never made one, and who leaves the segment stays in the list.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations.selligent_api import (
    Place,
    Portal,
    SelligentSettings,
    count_of,
    failed_rows,
    first_value,
    invalid_records,
    is_missing,
    is_too_large,
    is_wrong,
    list_path,
    reason_of,
    underscored,
)
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.client import warm_up
from dbt_activate.http.making import make_audience
from dbt_activate.http.portions import Portions
from dbt_activate.identifiers import CUSTOMER_ID, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

logger = logging.getLogger(__name__)

API_NAME = r"[A-Za-z][A-Za-z0-9_]{0,49}"  # Selligent publishes no rule: on the safe side
PAGE_SIZE = 1_000  # the most that a search takes at once is not documented

INDEX_HINT = (
    "If it names no other reason: Selligent may refuse large calls whose key field has no unique index. Ask "
    "its support for one on {field}, or set a smaller delivery_size."
)


class Selligent(Destination):
    """Static segments of the lists of one organization."""

    type_name = "selligent"
    label = "Selligent"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {}
    other_identifiers = "the name of any field of the list, such as CUSTOMER_ID or MAIL"
    one_identifier = True  # two fields may lead to one record
    # What another public client sends at most; the entry's delivery_size is 1,000 unless set.
    delivery_size = 2_500
    concurrency = 1
    one_at_a_time = True
    reads_members = True
    renames = False
    changes_descriptions = False
    clears = True
    deletes = True

    Settings = SelligentSettings

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            name: Defaults to the model's name. White space becomes an underscore.
            list: The API name of the list that the segment belongs to.
            api_name: The API name of the segment; by default made from its name when it is created.
            remote_id: A segment that exists already: ``<list>/<segment>``, in API names.
        """

        list: str | None = Field(default=None, pattern=r"^[^/]+$")
        api_name: str | None = Field(default=None, pattern=r"^[^/]+$")
        remote_id: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+$")

    def __init__(self, settings: SelligentSettings, throttles: Throttles) -> None:
        self._settings = settings
        self._portal = Portal(settings, throttles)
        self._portions = Portions(self.delivery_size, is_too_large)
        self._fields: dict[str, tuple[str, ...]] = {}
        self._told: set[tuple[str, str]] = set()

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Take the name of any field; one with "mail" in it holds addresses, whose case does not matter."""
        if not re.fullmatch(r"[^\x00-\x20\x7f:,]+( +[^\x00-\x20\x7f:,]+)*", name):
            return None
        about = f"value of the field {name} of the list"
        return replace(CUSTOMER_ID, name=name, description=about, folds_case="mail" in name.lower())

    @classmethod
    def account(cls, settings: SelligentSettings) -> tuple[str, ...]:
        """An organization of a tenant has lists by name."""
        return (cls.type_name, settings.host, settings.organization)

    @classmethod
    def identity(cls, settings: SelligentSettings, wanted: Any) -> tuple[str, ...]:
        """A list has segments by API name; whether case tells them apart is not documented."""
        place = Place.of(settings, wanted)
        return (*cls.account(settings), place.list.lower(), place.segment.lower())

    @classmethod
    def lane(cls, settings: SelligentSettings, wanted: Any) -> Hashable | None:
        """A list takes one bulk call at a time, whichever of its segments it is for.

        https://developers.meetmarigold.com/engage/changelog/smc-v1/smc-v1-changelog
        """
        return (*cls.account(settings), Place.of(settings, wanted).list.lower())

    @classmethod
    def check_audience(
        cls, settings: SelligentSettings, wanted: Any, mapping: Mapping[str, str]
    ) -> Sequence[str]:
        """Refuse an audience without a list, with two places, or with an API name that may not pass."""
        del mapping
        place = Place.of(settings, wanted)
        if wanted.remote_id:
            parts = (("list", wanted.list, place.list), ("api_name", wanted.api_name, place.segment))
            return [
                f"remote_id {wanted.remote_id!r} and {key} {given!r} name different places. Leave one out."
                for key, given, part in parts
                if given not in (None, part)
            ]
        problems = []
        if not place.list:
            problems.append(
                "It needs the list that the segment belongs to. Set list, by its API name, here or in the "
                "destination's entry; dbt-activate debug shows the lists."
            )
        if not re.fullmatch(API_NAME, place.segment):
            problems.append(
                f"The API name {place.segment!r} must begin with a letter and hold at most 50 letters "
                f"without accents, digits and underscores. Set api_name to {_suggestion(place.segment)}, say."
            )
        return problems

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def prepare(self, wanted: Any, identifier_types: Sequence[str]) -> None:
        """Make sure that what is mapped is a field of the list."""
        for name in identifier_types:
            self._field(Place.of(self._settings, wanted).list, name)

    def check(self) -> CheckResult:
        """Look at the organization, at the list and at its fields."""
        organization = self._settings.organization
        try:
            self._portal.call("GET", "")
        except RefusedAnswerError as refused:
            return CheckResult(passed=False, lines=(str(refused),))
        lines = [f"The credentials are good. They reach the organization {organization}."]
        try:
            lines += self._look_at_list(self._settings.list)
        except (AccessError, AuthenticationError, RefusedError) as error:
            return CheckResult(passed=False, lines=(*lines, str(error)))
        return CheckResult(passed=True, lines=tuple(lines))

    def can_be(self, wanted: Any, remote_id: str) -> bool:
        """Tell whether a segment lies in the wanted list, and has the API name or id that is set, if any."""
        there, place = Place.read(remote_id), Place.of(self._settings, wanted)
        return (
            there.list.lower() == place.list.lower()
            and (wanted.api_name or there.segment).lower() == there.segment.lower()
            and wanted.remote_id in (None, remote_id)
        )

    def find(self, wanted: Any, remote_id: str | None) -> Audience | None:
        """Find a static segment by its list and its API name."""
        return self._find(Place.read(remote_id) if remote_id else Place.of(self._settings, wanted))

    def create(self, wanted: Any) -> Audience:
        """Make a static segment; where it turns out to be there, return it."""
        place = Place.of(self._settings, wanted)
        body = {"api_name": place.segment, "name": underscored(wanted.name)}
        body |= {"description": wanted.description} if wanted.description else {}

        def create() -> Audience:
            self._portal.call("POST", f"{place.list_path}/segments/static", body, idempotent=False)
            return Audience(place.remote_id, body["name"], body.get("description"))

        # How a taken name is refused is not documented: after any refusal it is looked for.
        return make_audience(create, lambda: self._find(place), lambda refused: refused)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove records of the list, in one request if it is not too large or too slow."""
        place = Place.read(audience.remote_id)
        field = self._field(place.list, delivery.identifier_type)
        with self._gone_or_refused(audience, INDEX_HINT.format(field=field)):
            return self._portions.send(delivery, lambda part: self._send_rows(place, field, part))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield what the segment's records hold in the field, page by page."""
        place = Place.read(audience.remote_id)
        field = self._field(place.list, identifier_type)
        with self._gone_or_refused(audience):
            for page in self._pages(place, field):
                yield [str(value) for value in page if value is not None]

    def clear(self, audience: Audience) -> None:
        """Take everybody out of a segment."""
        with self._gone_or_refused(audience):
            self._portal.call("DELETE", f"{Place.read(audience.remote_id).path}/data/clear")

    def delete(self, audience: Audience) -> None:
        """Delete a segment; its records stay in the list."""
        place = Place.read(audience.remote_id)
        try:
            self._portal.call("DELETE", place.path)
        except RefusedAnswerError:
            if self._segment(place) is not None:
                raise

    def close(self) -> None:
        """Close all connections."""
        self._portal.close()

    def _look_at_list(self, name: str | None) -> list[str]:
        if name is None:
            return [*self._lists(), "Set list to one of them, here or in audience: of each activation."]
        try:
            kind = self._portal.call("GET", list_path(name)).get("type")
        except RefusedAnswerError as refused:
            if not is_missing(refused):
                raise
            raise RefusedError("\n".join((f"There is no list {name}.", *self._lists()))) from None
        note = "" if kind == "Userlist" else f" It is a {kind}; audiences usually are segments of a Userlist."
        return [f"The list {name} is there.{note}", f"Its fields: {', '.join(self._field_names(name))}."]

    def _lists(self) -> list[str]:
        body = self._portal.call("GET", "/lists", params={"filter": "Userlist"})
        # Selligent's own description says `list`; a public client reads `lists`.
        found = body.get("list") or body.get("lists") or []
        return [
            "Lists of the organization:",
            *(f"  {each.get('api_name')}  {each.get('name')}" for each in found),
        ]

    def _field_names(self, list_name: str) -> tuple[str, ...]:
        if list_name not in self._fields:
            found = self._portal.call("GET", f"{list_path(list_name)}/fields").get("fields") or []
            self._fields[list_name] = tuple(str(each.get("name")) for each in found)
        return self._fields[list_name]

    def _field(self, list_name: str, wanted: str) -> str:
        """Return the exact name of a field."""
        names = self._field_names(list_name)
        spelled = {name.lower(): name for name in names} | {name: name for name in names}
        if found := spelled.get(wanted) or spelled.get(wanted.lower()):
            return found
        near = get_close_matches(wanted.lower(), [name.lower() for name in names])
        raise RefusedError(
            f"The list {list_name} of Selligent has no field {wanted}. Map one that it has"
            f"{', such as ' + ', '.join(spelled[name] for name in near) if near else ''}; dbt-activate debug "
            "shows the fields of the entry's list."
        )

    def _segment(self, place: Place) -> dict[str, Any] | None:
        # How a segment that is not there is told is not documented: a 404, a result code, or nothing.
        try:
            body = self._portal.call("GET", place.path)
        except RefusedAnswerError as refused:
            if not is_missing(refused):
                raise
            return None
        return body if body.get("type") else None

    def _find(self, place: Place) -> Audience | None:
        segment = self._segment(place)
        if segment is None:
            return None
        if segment["type"] != "Static":
            raise RefusedError(
                f"The segment {place.segment} of Selligent's list {place.list} is of type {segment['type']}, "
                "and only static ones take members. Choose another api_name."
            )
        name = str(segment.get("name") or place.segment)
        return Audience(place.remote_id, name, segment.get("description") or None)

    def _send_rows(self, place: Place, field: str, part: Delivery) -> Receipt:
        method, end = ("POST", "/data/load") if part.operation is Operation.ADD else ("DELETE", "/data")
        counted = self._portal.call(
            method,
            place.path + end,
            [[identifier] for identifier in part.identifiers],
            # Only the key field, so that nothing can be written to a profile.
            params={"keyFields": field, "fields": field, "mode": "Sync"},
            divisible=len(part.identifiers) > 1,
            personal=True,
        )
        if "result_code" not in counted:
            raise UnavailableError(
                f"Selligent did not say whether it carried out {method} {place.path}{end}: there is no "
                "result_code in the answer. Run it again; if that stays so, check base_url."
            )
        if part.operation is Operation.REMOVE and failed_rows(counted):
            self._make_sure(place, field, part)
        return self._receipt(place, part, counted)

    def _make_sure(self, place: Place, field: str, removal: Delivery) -> None:
        """Look who is still there, since Selligent does not say which rows of a removal failed.

        Raises:
            UnavailableError: Some are.
        """
        # A record may hold the value in another spelling, and be found by ours all the same.
        kind = self.identifier_type(removal.identifier_type) or CUSTOMER_ID
        leaving = set(removal.identifiers)
        try:
            values = (str(value) for page in self._pages(place, field) for value in page)
            left = sum(kind.normalise(value) in leaving for value in values)
        except (AccessError, AuthenticationError, RefusedAnswerError):
            return  # it cannot be told; the failed rows are counted
        if left:
            raise UnavailableError(
                f"Selligent failed to remove {left} of {len(leaving)} members of {place.remote_id}. "
                "The next sync tries again."
            )

    def _receipt(self, place: Place, part: Delivery, counted: Mapping[str, Any]) -> Receipt:
        adding = part.operation is Operation.ADD
        unknown = count_of(counted, "number_of_records_not_found") if adding else 0
        failed = failed_rows(counted)
        if unknown:
            self._tell(place, "some members are no records of the list. They are not made ones")
        reasons = sorted({reason_of(record) for record in invalid_records(counted)})
        for reason in reasons or ["no reason given"] * bool(failed):
            self._tell(place, f"some members were not {'added' if adding else 'removed'}: {reason}")
        # Whether `record_index` begins at 0 or at 1 is not documented: nobody is named by it.
        return Receipt(unnamed_rejections=min(unknown + failed, len(part.identifiers)))

    def _tell(self, place: Place, what: str) -> None:
        """Log each thing of each segment once a run."""
        if (place.remote_id, what) not in self._told:
            self._told.add((place.remote_id, what))
            logger.warning("Selligent, segment %s: %s. They are counted.", place.remote_id, what)

    def _pages(self, place: Place, field: str) -> Iterator[list[Any]]:
        skip, take, last = 0, PAGE_SIZE, None
        while True:
            try:
                page = self._search(place, field, skip, take)
            except DestinationError as error:
                if take == 1 or not (is_too_large(error) or is_wrong(error)):
                    raise
                take //= 2
                continue
            if not page:
                return
            if page == last and page[-1] is not None:
                raise UnavailableError(
                    f"Selligent shows the same members of {place.remote_id} over and over."
                )
            yield page
            skip, last = skip + len(page), page

    def _search(self, place: Place, field: str, skip: int, take: int) -> list[Any]:
        paging = {"skip": skip, "take": take, "order_by": field, "order_by_direction": "ASC"}
        wanted = {"fields": [field], "filters": [], **paging}
        body = self._portal.call(
            "POST",
            f"{place.path}/data/search",
            wanted,
            params={"mode": "Sync"},
            divisible=take > 1,
            personal=True,
        )
        if "data" not in body:
            raise UnavailableError(f"Selligent's answer on the members of {place.remote_id} holds no data.")
        return [first_value(row) for row in body["data"] or []]

    @contextmanager
    def _gone_or_refused(self, audience: Audience, hint: str = "") -> Iterator[None]:
        """Tell that the segment is gone where that is why a request was refused; else add a hint."""
        try:
            yield
        except RefusedAnswerError as refused:
            if self._segment(Place.read(audience.remote_id)) is not None:
                raise RefusedAnswerError(
                    f"{refused} {hint}".rstrip(), status=refused.status, code=refused.code
                ) from None
            raise AudienceGoneError(
                f"The segment {audience.name!r} ({audience.remote_id}) is no longer there at Selligent. "
                "Run dbt-activate sync again to make it anew."
            ) from None


def _suggestion(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "audience"
    return (words if words[0].isalpha() else f"a_{words}")[:50]
