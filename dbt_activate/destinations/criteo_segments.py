"""Criteo's segments, be they of an ad account or of a retailer: found, made, renamed, counted, deleted.

Guides: https://developers.criteo.com/marketing-solutions/docs/audience-segments and
https://developers.criteo.com/retail-media/docs/audience-segment-endpoints. A segment of the type
``ContactList`` is an audience to us; the other types take no members, but share the names.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbt_activate.delivery import Audience
from dbt_activate.destinations.criteo_api import GONE_CODES, NAME_TAKEN_CODE, CriteoApi, attributes, items
from dbt_activate.errors import AccessError, AudienceGoneError, AudienceTakenError, RefusedError
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.making import make_audience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbt_activate.destination import Wanted


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the segments of one owner are, and what Criteo calls things there.

    Attributes:
        path: Where they are; follows the version.
        type: What one is called.
        owner: Whose they are, for messages.
        filters: What shows only the owner's in a search.
        facts: What makes a new one the owner's.
        page_size: The most that a search returns at once.
        statistics: Where one's members are counted; ``{}`` stands for its id.
        access_hint: What to look at where one is there and is not shown.
    """

    path: str
    type: str
    owner: str
    filters: Mapping[str, list[str]]
    facts: Mapping[str, str]
    page_size: int
    statistics: str
    access_hint: str


class Segments:
    """The segments on one shelf."""

    def __init__(self, api: CriteoApi, shelf: Shelf) -> None:
        self._api = api
        self._shelf = shelf
        self._contact_lists: dict[str, Mapping[str, Any]] = {}

    def search(self, *, limit: int | None = None, **filters: list[str]) -> Iterator[dict[str, Any]]:
        """Yield all segments that match all filters, as Criteo writes them.

        Args:
            limit: How many are asked for at once; as many as possible by default.
            filters: Criteo's own; there is none by name.
        """
        shelf, offset = self._shelf, 0
        data = {"type": shelf.type, "attributes": {**shelf.filters, **filters}}
        while True:
            params = {"limit": limit or shelf.page_size, "offset": offset}
            body = self._api.call("POST", f"{shelf.path}/search", data, params=params)
            page = items(body)
            yield from page
            offset += len(page)
            total = (body.get("meta") or {}).get("totalItems")
            if not page or (total is not None and offset >= int(total)):
                return

    def find_by_name(self, name: str) -> Audience | None:
        """Find the contact list of exactly this name.

        Raises:
            RefusedError: A segment of that name takes no members.
        """
        # A filter by type would hide a segment of another type, which has the name all the same.
        named = (segment for segment in self.search() if attributes(segment).get("name") == name)
        segment = next(named, None)
        return None if segment is None else self._contact_list(segment)

    def find_by_id(self, remote_id: str) -> Audience | None:
        """Find the contact list of this id.

        Raises:
            RefusedError: It takes no members.
            AccessError: It is there, but these credentials do not see it with this owner.
        """
        for segment in self.search(audienceSegmentIds=[remote_id]):
            if str(segment.get("id")) == remote_id:
                return self._contact_list(segment)
        # A search finds nothing where a permission is missing, too. Its statistics tell the difference.
        try:
            self.statistics(remote_id)
        except RefusedAnswerError as refused:
            # The search went through, so a 404 in Criteo's own words is about this very segment.
            if refused.code in GONE_CODES or (refused.status == 404 and refused.code):
                return None
            raise
        raise AccessError(
            f"Criteo has an audience {remote_id}, but not among the segments of {self._shelf.owner} that "
            f"these credentials see. {self._shelf.access_hint}"
        )

    def create(self, wanted: Wanted, contact_list: Mapping[str, str]) -> Audience:
        """Make a contact list, or return the one that has the name by now.

        That is so where somebody else was faster, or where the answer to our own request was lost.

        Args:
            wanted: Its name and description.
            contact_list: What Criteo must know of a contact list to make it; often nothing.

        Raises:
            AudienceTakenError: The name is taken by a segment that cannot be seen.
        """

        def taken(refused: RefusedAnswerError) -> AudienceTakenError | None:
            if refused.code != NAME_TAKEN_CODE:
                return None
            return AudienceTakenError(
                f"Criteo says that the name {wanted.name!r} is taken, but among those of "
                f"{self._shelf.owner} it shows no such segment. Choose another name.",
                reference=refused.reference,
            )

        return make_audience(
            lambda: self._create(wanted, contact_list), lambda: self.find_by_name(wanted.name), taken
        )

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename or describe a contact list; what is right already is not sent.

        Raises:
            AudienceTakenError: Another segment has the new name.
        """
        changes: dict[str, Any] = {}
        if audience.name != wanted.name:
            changes["name"] = wanted.name
        if (audience.description or "") != wanted.description:
            changes["description"] = {"value": wanted.description or None}
        if not changes:
            return audience
        change = {"id": audience.remote_id, "type": self._shelf.type, "attributes": changes}
        try:
            with self.gone_if_refused(audience):
                self._api.call_for_one("PATCH", self._shelf.path, change)
        except RefusedAnswerError as refused:
            if refused.code != NAME_TAKEN_CODE:
                raise
            raise AudienceTakenError(
                f"{audience.name!r} cannot be renamed to {wanted.name!r}: another segment has "
                "that name. Choose another one.",
                reference=refused.reference,
            ) from None
        return replace(audience, name=wanted.name, description=wanted.description or None)

    def delete(self, audience: Audience) -> None:
        """Delete a contact list; one that is gone is fine."""
        item = {"id": audience.remote_id, "type": self._shelf.type}
        with suppress(AudienceGoneError), self.gone_if_refused(audience):
            self._api.call_for_one("POST", f"{self._shelf.path}/delete", item)

    def size(self, audience: Audience) -> int | None:
        """Return how many identifiers Criteo counts, hours late; None where it does not say."""
        with self.gone_if_refused(audience):
            count = self.statistics(audience.remote_id).get("numberOfIdentifiers")
        return None if count is None else int(count)

    def match_rate(self, audience: Audience) -> float | None:
        """Return the share of identifiers that Criteo matches, hours late; None where it does not say.

        The schema calls ``matchRate`` a percentage, and examples show a share: whichever is nearer to the
        counts beside it is believed.
        """
        with self.gone_if_refused(audience):
            told = self.statistics(audience.remote_id)
        rate, matches, total = map(told.get, ("matchRate", "numberOfMatches", "numberOfIdentifiers"))
        counted = matches / total if matches is not None and total else None
        if rate is None or counted is None:
            return counted if rate is None else rate / 100 if rate > 1 else float(rate)
        return float(min(rate, rate / 100, key=lambda one: abs(one - counted)))

    def contact_list(self, audience: Audience) -> Mapping[str, Any]:
        """Return what Criteo said of a contact list when it was found or made; asks where it was not.

        Raises:
            AudienceGoneError: It is not there any more.
        """
        if audience.remote_id not in self._contact_lists and self.find_by_id(audience.remote_id) is None:
            raise _gone(audience)
        return self._contact_lists[audience.remote_id]

    def statistics(self, remote_id: str) -> dict[str, Any]:
        """Return what Criteo counts of a contact list, hours late; any figure may be missing."""
        return self._api.call_for_facts("GET", self._shelf.statistics.format(remote_id))

    @contextmanager
    def gone_if_refused(self, audience: Audience) -> Iterator[None]:
        """Tell that the audience is gone, where that is why a request was refused."""
        try:
            yield
        except RefusedAnswerError as refused:
            if not self._is_gone(audience, refused):
                raise
            raise _gone(audience, refused.reference) from None

    def _is_gone(self, audience: Audience, refused: RefusedAnswerError) -> bool:
        if refused.code in GONE_CODES:
            return True
        # With which code products other than Marketing Solutions say so is not documented.
        return refused.status == 404 and bool(refused.code) and self.find_by_id(audience.remote_id) is None

    def _contact_list(self, segment: Mapping[str, Any]) -> Audience:
        facts = attributes(segment)
        kind, details = facts.get("type") or "ContactList", facts.get("contactList") or {}
        place = f"segment {facts.get('name')!r} of Criteo {self._shelf.owner}"
        if kind != "ContactList":
            raise RefusedError(
                f"The {place} is of type {kind}, and only contact lists take members. Choose another name."
            )
        if details.get("isReadOnly"):
            raise RefusedError(f"The {place} is read-only at Criteo. Choose another name.")
        remote_id = str(segment.get("id"))
        self._contact_lists[remote_id] = details
        return Audience(remote_id, str(facts.get("name")), facts.get("description") or None)

    def _create(self, wanted: Wanted, contact_list: Mapping[str, str]) -> Audience:
        facts = {
            **self._shelf.facts,
            "name": wanted.name,
            "contactList": dict(contact_list),  # what makes it a contact list
        } | ({"description": wanted.description} if wanted.description else {})
        segment = self._api.call_for_one(
            "POST",
            f"{self._shelf.path}/create",
            {"type": self._shelf.type, "attributes": facts},
            idempotent=False,
        )
        remote_id = str(segment["id"])
        told = attributes(segment).get("contactList") or {}
        self._contact_lists[remote_id] = {
            **contact_list,
            **{key: value for key, value in told.items() if value is not None},
        }
        return Audience(remote_id, wanted.name, wanted.description or None)


def _gone(audience: Audience, reference: str | None = None) -> AudienceGoneError:
    return AudienceGoneError(
        f"The audience {audience.name!r} ({audience.remote_id}) is no longer there at Criteo. "
        "Run dbt-activate sync again to make it anew.",
        reference=reference,
    )
