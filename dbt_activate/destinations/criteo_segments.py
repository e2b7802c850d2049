"""The segments of one ad account of Criteo Marketing Solutions: found, made, renamed, described.

Guide: https://developers.criteo.com/marketing-solutions/docs/audience-segments. A segment of the type
``ContactList`` is an audience to us; the other types take no members, but share the names.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_activate.delivery import Audience
from dbt_activate.destinations.answer import LostAnswerError, RefusedAnswerError
from dbt_activate.destinations.criteo_api import GONE_CODES, NAME_TAKEN_CODE, CriteoApi, attributes, items
from dbt_activate.errors import AccessError, AudienceGoneError, AudienceTakenError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbt_activate.destination import Wanted

PATH = "marketing-solutions/audience-segments"
TYPE = "AudienceSegment"
PAGE_SIZE = 100  # the most that a search returns at once
CREATE_ATTEMPTS = 3


class Segments:
    """The segments of one ad account."""

    def __init__(self, api: CriteoApi, advertiser_id: str) -> None:
        self._api = api
        self._advertiser_id = advertiser_id

    def search(self, *, limit: int = PAGE_SIZE, **filters: list[str]) -> Iterator[dict[str, Any]]:
        """Yield all segments that match all filters, as Criteo writes them.

        Args:
            limit: How many are asked for at once.
            filters: Criteo's own; there is none by name.
        """
        wanted = {"advertiserIds": [self._advertiser_id], **filters}
        data = {"type": TYPE, "attributes": wanted}
        offset = 0
        while True:
            body = self._api.call("POST", f"{PATH}/search", data, params={"limit": limit, "offset": offset})
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
            AccessError: It is there, but these credentials do not see it in this ad account.
        """
        for segment in self.search(audienceSegmentIds=[remote_id]):
            if str(segment.get("id")) == remote_id:
                return self._contact_list(segment)
        # A search finds nothing where a permission is missing, too. Its statistics tell the difference.
        try:
            self.statistics(remote_id)
        except RefusedAnswerError as refused:
            if refused.code in GONE_CODES:
                return None
            raise
        raise AccessError(
            f"Criteo has an audience {remote_id}, but not among the segments of advertiser "
            f"{self._advertiser_id} that these credentials see. Check remote_id and advertiser_id, and "
            "that the app may read audiences (MarketingSolutions_Audience_Read)."
        )

    def create(self, wanted: Wanted) -> Audience:
        """Make a contact list, or return the one that has the name by now.

        That is so where somebody else was faster, or where the answer to our own request was lost.

        Raises:
            AudienceTakenError: The name is taken by a segment that cannot be seen.
        """
        for _ in range(CREATE_ATTEMPTS):
            try:
                return self._create(wanted)
            except LostAnswerError as lost:
                failure: Exception = lost
            except RefusedAnswerError as refused:
                if refused.code != NAME_TAKEN_CODE:
                    raise
                failure = AudienceTakenError(
                    f"Criteo says that the name {wanted.name!r} is taken in advertiser "
                    f"{self._advertiser_id}, but shows no such segment. Choose another name.",
                    reference=refused.reference,
                )
            if found := self.find_by_name(wanted.name):
                return found
        raise failure

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
        change = {"id": audience.remote_id, "type": TYPE, "attributes": changes}
        try:
            with gone_if_refused(audience):
                self._api.call_for_one("PATCH", PATH, change)
        except RefusedAnswerError as refused:
            if refused.code != NAME_TAKEN_CODE:
                raise
            raise AudienceTakenError(
                f"{audience.name!r} cannot be renamed to {wanted.name!r}: another segment of advertiser "
                f"{self._advertiser_id} has that name. Choose another one.",
                reference=refused.reference,
            ) from None
        return replace(audience, name=wanted.name, description=wanted.description or None)

    def statistics(self, remote_id: str) -> dict[str, Any]:
        """Return what Criteo counts of a contact list, hours late; any figure may be missing."""
        body = self._api.call("GET", f"{contact_list_path(remote_id)}/statistics")
        return attributes(next(iter(items(body)), {}))

    def _contact_list(self, segment: Mapping[str, Any]) -> Audience:
        facts = attributes(segment)
        kind, details = facts.get("type") or "ContactList", facts.get("contactList") or {}
        place = f"segment {facts.get('name')!r} of Criteo advertiser {self._advertiser_id}"
        if kind != "ContactList":
            raise RefusedError(
                f"The {place} is of type {kind}, and only contact lists take members. Choose another name."
            )
        if details.get("isReadOnly"):
            raise RefusedError(f"The {place} is read-only at Criteo. Choose another name.")
        return Audience(str(segment.get("id")), str(facts.get("name")), facts.get("description") or None)

    def _create(self, wanted: Wanted) -> Audience:
        facts = {
            "advertiserId": self._advertiser_id,
            "name": wanted.name,
            "contactList": {},  # what makes it a contact list
        } | ({"description": wanted.description} if wanted.description else {})
        segment = self._api.call_for_one(
            "POST", f"{PATH}/create", {"type": TYPE, "attributes": facts}, idempotent=False
        )
        return Audience(str(segment["id"]), wanted.name, wanted.description or None)


def contact_list_path(remote_id: str) -> str:
    """Return where the members of a contact list are added, removed and counted."""
    return f"{PATH}/{remote_id}/contact-list"


@contextmanager
def gone_if_refused(audience: Audience) -> Iterator[None]:
    """Tell that the audience is gone, where that is why a request was refused."""
    try:
        yield
    except RefusedAnswerError as refused:
        if refused.code not in GONE_CODES:
            raise
        raise AudienceGoneError(
            f"The audience {audience.name!r} ({audience.remote_id}) is no longer there at Criteo. "
            "Run dbt-activate sync again to make it anew.",
            reference=refused.reference,
        ) from None
