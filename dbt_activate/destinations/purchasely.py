"""Purchasely: an audience is a custom audience of one app, under a key that we choose, its ``vendor_id``.

Facts are from https://docs.purchasely.com/docs/custom-audiences-api. A change of members is a job: it is
answered at once, and done when the audience is ``ready`` again. An audience takes one job at a time.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations.purchasely_api import (
    AUDIENCES_OF_A_PAGE,
    GONE_CODE,
    CustomAudiences,
    Key,
    PersonId,
    PurchaselySettings,
    State,
)
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.client import warm_up
from dbt_activate.http.making import make_audience
from dbt_activate.http.portions import Portions, is_content_too_large
from dbt_activate.identifiers import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

FRAME_BYTES = 100
"""More than what stands around the identifiers of a request: ``{"add":[],"remove":[]}``."""

# A control character is skipped by Purchasely; how long an id may be is not published.
_PATTERN = r"[^\x00-\x1f\x7f-\x9f]{1,512}"

USER_ID = IdentifierType("user_id", _PATTERN, "the id that the app passes to Purchasely at login (userLogin)")
ANONYMOUS_ID = IdentifierType(
    "anonymous_id", _PATTERN, "the id that Purchasely's SDK gives an installation (anonymousUserId)"
)


class Purchasely(Destination):
    """Custom audiences of one app."""

    type_name = "purchasely"
    label = "Purchasely"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {
        kind.name: kind for kind in (USER_ID, ANONYMOUS_ID)
    }
    one_identifier = True
    # Only the size of a request is limited, to 10 MB; what Purchasely counts as such is not said.
    delivery_size = 250_000
    delivery_bytes = 9_500_000 - FRAME_BYTES
    concurrency = 1
    one_at_a_time = True
    shares_requests = True
    reads_members = True
    counts_members = True
    count_note = "perhaps without people whom the app has not seen yet"
    has_descriptions = False
    changes_descriptions = False
    renames = False
    clears = True
    deletes = True

    Settings = PurchaselySettings

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            name: The label in Purchasely's console; it cannot be changed later. Defaults to the model's name.
            description: Not sent: Purchasely has none.
            vendor_id: The audience's key at Purchasely; made if there is none. Defaults to the name, in
                a-z, 0-9, ``-`` and ``_``, at most 64 of them, and stays as it was when the audience was made.
            identifier_type: By what the audience knows people; fixed when it is made. It follows from
                ``mapping:``, and need not be set.
            remote_id: The vendor_id of an audience that exists already.
        """

        vendor_id: Key | None = None
        identifier_type: PersonId = PersonId.USER_ID
        remote_id: Key | None = None

    def __init__(self, settings: PurchaselySettings, throttles: Throttles) -> None:
        self._settings = settings
        self._api = CustomAudiences(settings, throttles)
        self._portions = Portions(self.delivery_size)

    @classmethod
    def account(cls, settings: PurchaselySettings) -> tuple[str, ...]:
        """Keys of audiences are unique in an app."""
        return (cls.type_name, settings.host, settings.app_id)

    @classmethod
    def identity(cls, settings: PurchaselySettings, wanted: Wanted) -> tuple[str, ...]:
        """An audience is known by its vendor_id, whatever its name."""
        return (*cls.account(settings), _key_of(wanted))

    @classmethod
    def audience_defaults(cls, mapping: Mapping[str, str]) -> Mapping[str, Any]:
        """An audience knows people by what is mapped."""
        mapped = _mapped(mapping)
        return {"identifier_type": mapped[0]} if mapped else {}

    @classmethod
    def check_audience(
        cls, settings: PurchaselySettings, wanted: Wanted, mapping: Mapping[str, str]
    ) -> Sequence[str]:
        """Refuse two keys for one audience, and members of a type that it would not take."""
        del settings
        own, mapped, problems = _own(wanted), _mapped(mapping), []
        if None not in (own.vendor_id, own.remote_id) and own.vendor_id != own.remote_id:
            problems.append("names two audiences: keep remote_id if it exists already, else vendor_id.")
        if mapped and own.identifier_type not in mapped:
            problems.append(
                f"has identifier_type {own.identifier_type}, but {mapped[0]} is mapped: leave it out, or map "
                "the other."
            )
        return problems

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def check(self) -> CheckResult:
        """List the app's audiences, which needs the right key, the right app, and Custom Audiences."""
        try:
            listed = next(self._api.pages_of_audiences())
        except AccessError as error:
            return CheckResult(passed=False, lines=(str(error),))
        count = f"{len(listed)} or more" if len(listed) >= AUDIENCES_OF_A_PAGE else str(len(listed))
        app = f"The key is good for the app {self._settings.app_id}"
        return CheckResult(passed=True, lines=(f"{app}, which has Custom Audiences: {count} so far.",))

    def can_be(self, wanted: Wanted, remote_id: str) -> bool:
        """Tell whether the settings name this audience, or none."""
        own = _own(wanted)
        return (own.remote_id or own.vendor_id) in (None, remote_id)

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find an audience by its vendor_id; names are labels there.

        Raises:
            RefusedError: It knows people by another type of identifier than the wanted one.
        """
        key, kind = remote_id or _key_of(wanted), _own(wanted).identifier_type
        state = self._api.find(key)
        if state is None:
            return None
        if state.identifier_type != kind:
            raise RefusedError(
                f"The audience {state.name!r} of Purchasely's app {self._settings.app_id} (vendor_id {key}) "
                f"knows people by {state.identifier_type}, not by {kind}, and that is fixed. Map "
                f"{state.identifier_type}, or set another audience.vendor_id to have a new one made."
            )
        return Audience(key, state.name)

    def create(self, wanted: Wanted) -> Audience:
        """Make an audience, or return the one that has the vendor_id by now.

        Raises:
            RefusedError: It cannot be made, or the vendor_id is taken by one that cannot be seen.
        """
        key = _key_of(wanted)

        def create() -> Audience:
            self._api.create(key, wanted.name, _own(wanted).identifier_type)
            return Audience(key, wanted.name)

        def taken(refused: RefusedAnswerError) -> DestinationError | None:
            # How a taken vendor_id is refused is not documented: with these, by all likelihood.
            return _not_made(key, refused) if refused.status in (409, 422) else None

        return make_audience(create, lambda: self.find(wanted, key), taken)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove people, in one request if Purchasely finds it not too large, and wait until done."""
        with _gone_if_refused(audience):
            return self._portions.send(delivery, lambda part: self._change(audience, part))

    def push_together(
        self, audience: Audience, removal: Delivery, addition: Delivery
    ) -> tuple[Receipt, Receipt]:
        """Remove and add people in one request; apart, where Purchasely finds that too large."""
        # What one person in both lists comes to is not documented.
        if set(removal.identifiers).isdisjoint(addition.identifiers):
            try:
                with _gone_if_refused(audience):
                    return Receipt(), self._change(audience, removal, addition)
            except DestinationError as error:
                if not is_content_too_large(error):
                    raise
        return self.push(audience, removal), self.push(audience, addition)

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the people of an audience, 10,000 at a time, while nobody changes it."""
        with _gone_if_refused(audience):
            _check_type(audience, identifier_type, self._api.read(audience.remote_id))
            yield from self._api.pages_of_users(audience.remote_id)

    def size(self, audience: Audience) -> int | None:
        """Return how many people Purchasely counts."""
        with _gone_if_refused(audience):
            return self._api.read(audience.remote_id).size

    def clear(self, audience: Audience) -> None:
        """Take everybody out, and wait until done."""
        with _gone_if_refused(audience):
            self._api.change(audience.remote_id, "DELETE", "users/clear")

    def delete(self, audience: Audience) -> None:
        """Archive an audience: it is no longer listed, and Purchasely keeps its data."""
        self._api.archive(audience.remote_id)

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    def _change(self, audience: Audience, *deliveries: Delivery) -> Receipt:
        body = {delivery.operation.value: list(delivery.identifiers) for delivery in deliveries}
        check = partial(_check_type, audience, deliveries[0].identifier_type)
        state = self._api.change(audience.remote_id, "POST", "users", body, check=check)
        if state.errors and (leaving := body.get(Operation.REMOVE)):
            self._make_sure(audience, leaving)
        return Receipt(unnamed_rejections=state.not_taken)

    def _make_sure(self, audience: Audience, leaving: Sequence[str]) -> None:
        """Look who is still there, since Purchasely does not say for whom a change had errors.

        Raises:
            UnavailableError: Some are.
        """
        people = frozenset(leaving)
        pages = self._api.pages_of_users(audience.remote_id)
        if left := sum(user in people for page in pages for user in page):
            raise UnavailableError(
                f"Purchasely had errors with a change of the audience {audience.name!r} "
                f"({audience.remote_id}): {left} of {len(people)} people who leave it are still in it. The "
                "next sync tries again."
            )


def slug(name: str) -> str:
    """Make a vendor_id of a name: small letters a-z, digits, ``-`` and ``_``, at most 64.

    Which others Purchasely allows is not documented.
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9_-]+", "_", letters).strip("_")[:64].rstrip("_")
    return key or f"audience_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _own(wanted: Wanted) -> Purchasely.AudienceSettings:
    return cast("Purchasely.AudienceSettings", wanted)


def _key_of(wanted: Wanted) -> str:
    own = _own(wanted)
    return own.remote_id or own.vendor_id or slug(own.name)


def _mapped(mapping: Mapping[str, str]) -> list[PersonId]:
    return [kind for kind in PersonId if kind in mapping]


def _check_type(audience: Audience, identifier_type: str, state: State) -> None:
    if state.identifier_type != identifier_type:
        raise RefusedError(
            f"The audience {audience.name!r} ({audience.remote_id}) of Purchasely knows people by "
            f"{state.identifier_type}, and not by {identifier_type}. Nothing was sent. Map "
            f"{state.identifier_type}, or set another audience.vendor_id to have a new one made."
        )


def _not_made(key: str, refused: RefusedAnswerError) -> RefusedError:
    return RefusedError(
        f"{refused} No audience of the vendor_id {key!r} can be seen: an archived one may have it, or "
        "the name is not allowed. Set another audience.vendor_id, or another audience.name.",
    )


@contextmanager
def _gone_if_refused(audience: Audience) -> Iterator[None]:
    try:
        yield
    except RefusedAnswerError as refused:
        if refused.code != GONE_CODE:
            raise
        raise AudienceGoneError(
            f"The audience {audience.name!r} ({audience.remote_id}) is no longer there at Purchasely. "
            "Run dbt-activate sync again to make it anew."
        ) from None
