"""Purchasely: an audience is a custom audience of one app, under a key that we choose, its ``vendor_id``.

Facts are from https://docs.purchasely.com/docs/custom-audiences-api. A change of members is a job: it is
answered at once, and done when the audience is ``ready`` again. An audience takes one job at a time.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import BaseUrl, CheckResult, Destination, DestinationSettings, Wanted
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Kind,
    LostAnswerError,
    RefusedAnswerError,
    Request,
    as_code,
    kind_of,
)
from dbt_activate.http.client import Client, warm_up
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.making import make_audience
from dbt_activate.http.polling import poll
from dbt_activate.http.portions import Portions, is_content_too_large
from dbt_activate.identifiers import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

Found = TypeVar("Found")

AUDIENCES_OF_A_PAGE = 25
USERS_OF_A_PAGE = 10_000  # the most that can be asked for

FRAME_BYTES = 100
"""More than what stands around the identifiers of a request: ``{"add":[],"remove":[]}``."""

QUIET_READS = 7
"""So often an audience may be ``ready`` without a sign of our job, before the job counts as done.

By Purchasely's word ``last_synced_at`` moves. Whether it does where every identifier was skipped is not said.
"""

GONE_CODE = "CUSTOM_AUDIENCE_NOT_FOUND"
KEYS_PLACE = "under Settings > Client API Keys in Purchasely's console"
REPORT_HINT = "This is a fault of dbt-activate; please report it."
HINTS: Mapping[str | int, str] = {
    401: f"Check api_key: keys are made {KEYS_PLACE}, and shown only once.",
    403: f"The key is not for this app: check app_id, or make a key of the app {KEYS_PLACE}.",
    404: "Nothing is at that address: check base_url and app_id.",
    "FEATURE_NOT_ENABLED": "The key is good, but the account lacks Custom Audiences, a paid option (the "
    "permission custom-audiences). Ask Purchasely to enable it.",
    GONE_CODE: "",
    "EMPTY_PAYLOAD": REPORT_HINT,
    "INVALID_PAYLOAD": REPORT_HINT,
}
"""What a person can do: by code, else by status."""

# A control character is skipped by Purchasely; how long an id may be is not published.
_PATTERN = r"[^\x00-\x1f\x7f-\x9f]{1,512}"

USER_ID = IdentifierType("user_id", _PATTERN, "the id that the app passes to Purchasely at login (userLogin)")
ANONYMOUS_ID = IdentifierType(
    "anonymous_id", _PATTERN, "the id that Purchasely's SDK gives an installation (anonymousUserId)"
)

Key = Annotated[
    # No slash and no dot at the start: either would change the path of a request.
    str, Field(pattern=r"^[^\s/.\x00-\x1f\x7f][^\s/\x00-\x1f\x7f]{0,254}$", coerce_numbers_to_str=True)
]


class PersonId(StrEnum):
    """By what an audience knows people; fixed when it is made."""

    USER_ID = "user_id"
    ANONYMOUS_ID = "anonymous_id"


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

    class Settings(DestinationSettings):
        """The keys of a Purchasely entry in ``destinations.yml``.

        Attributes:
            api_key: A client API key of the app, from Settings > Client API Keys in Purchasely's console.
            app_id: The app, as its page's address in the console has it (``app_...``).
            base_url: Where the API is.
            requests_per_minute: The rate limit. Purchasely allows a key 60, questions whether a change is
                done included (https://docs.purchasely.com/docs/custom-audiences-api). Null lifts it.
            mutation_seconds: How long Purchasely may be at work on one change of an audience, ours or
                somebody else's, before the run goes on without it.
        """

        api_key: SecretStr = Field(min_length=1)
        app_id: Key
        base_url: BaseUrl = "https://api.purchasely.io"
        requests_per_minute: int | None = Field(default=60, ge=1)
        mutation_seconds: float = Field(default=900.0, gt=0)

        @property
        def host(self) -> str:
            """The host of the API."""
            return urlsplit(self.base_url).netloc

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

    def __init__(self, settings: Settings, throttles: Throttles) -> None:
        self._settings = settings
        self._api = CustomAudiences(settings, throttles)
        self._portions = Portions(self.delivery_size)

    @classmethod
    def account(cls, settings: Settings) -> tuple[str, ...]:
        """Keys of audiences are unique in an app."""
        return (cls.type_name, settings.host, settings.app_id)

    @classmethod
    def identity(cls, settings: Settings, wanted: Wanted) -> tuple[str, ...]:
        """An audience is known by its vendor_id, whatever its name."""
        return (*cls.account(settings), _key_of(wanted))

    @classmethod
    def audience_defaults(cls, mapping: Mapping[str, str]) -> Mapping[str, Any]:
        """An audience knows people by what is mapped."""
        mapped = _mapped(mapping)
        return {"identifier_type": mapped[0]} if mapped else {}

    @classmethod
    def check_audience(cls, settings: Settings, wanted: Wanted, mapping: Mapping[str, str]) -> Sequence[str]:
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


@dataclass(frozen=True, slots=True)
class State:
    """What Purchasely says of an audience.

    Attributes:
        name: Its label in the console.
        identifier_type: By what it knows people.
        size: How many people are in it; None where that is not said.
        status: ``ready``, ``processing`` or ``failed``.
        synced_at: When a job was last done, as Purchasely writes it.
        result: The counts of the last job; empty where there was none.
    """

    name: str
    identifier_type: str
    size: int | None
    status: str
    synced_at: str | None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether no job is under way."""
        return self.status in ("ready", "failed")

    @property
    def last_job(self) -> object:
        """What tells the end of one job from that of another: there is no job id."""
        return self.status, self.synced_at, self.result

    @property
    def not_taken(self) -> int:
        """How many identifiers the last job left out; which ones, Purchasely does not say."""
        return self._count("skipped_count") + self.errors

    @property
    def errors(self) -> int:
        """For how many identifiers the last job could not be carried out, though they may be good."""
        return self._count("error_count")

    @property
    def counts(self) -> str:
        """The counts of the last job, in words."""
        words = {"processed_count": "processed", "skipped_count": "skipped", "error_count": "with errors"}
        return ", ".join(f"{self._count(key)} {word}" for key, word in words.items())

    def _count(self, key: str) -> int:
        return int(self.result.get(key) or 0)


class CustomAudiences:
    """The custom audiences of one app, and the jobs that change them."""

    def __init__(self, settings: Purchasely.Settings, throttles: Throttles) -> None:
        self._path = f"/client/mobile_applications/{quote(settings.app_id, safe='')}/custom_audiences"
        self._retry = throttles.retry
        self._mutation_seconds = settings.mutation_seconds
        # Purchasely counts by key; a key is one app's, and a secret.
        self._throttle = throttles.get(
            ("purchasely", settings.host, settings.app_id), settings.requests_per_minute
        )
        self._active: set[str] = set()
        self._client = Client(
            "Purchasely",
            settings.base_url,
            throttle=self._throttle,
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=FixedHeaders({"Authorization": f"Bearer {settings.api_key.get_secret_value()}"}),
            judge=self._judge,
        )

    def find(self, key: str) -> State | None:
        """Read an audience. None if there is none of that key, or only an archived one."""
        try:
            state = self.read(key)
        except RefusedAnswerError as refused:
            if refused.code != GONE_CODE:
                raise
            return None
        return state if self._is_active(key) else None

    def read(self, key: str) -> State:
        """Read an audience.

        Raises:
            RefusedAnswerError: There is none of that key.
        """
        facts = self._ask("GET", _part(key)).get("custom_audience") or {}
        return State(
            name=str(facts.get("name") or key),
            identifier_type=str(facts.get("identifier_type") or PersonId.USER_ID),
            size=facts.get("user_count"),
            status=str(facts.get("status") or ""),
            synced_at=facts.get("last_synced_at"),
            result=facts.get("last_job_result") or {},
        )

    def create(self, key: str, name: str, kind: PersonId) -> None:
        """Make an audience.

        Raises:
            LostAnswerError: It may have been made or not.
        """
        facts = {"vendor_id": key, "name": name, "identifier_type": kind.value}
        self._ask("POST", "", {"custom_audience": facts}, idempotent=False)

    def change(
        self,
        key: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        check: Callable[[State], None] = lambda _: None,
    ) -> State:
        """Change the members of an audience, and return what it was like when that was done.

        Args:
            key: The audience's vendor_id.
            method: The HTTP method.
            path: Follows the audience.
            body: The identifiers.
            check: Called right before anything is sent; may raise.

        Raises:
            UnavailableError: The job failed, or took too long. Sent again, it does no harm.
        """

        def send(state: State) -> None:
            check(state)
            self._ask(method, f"{_part(key)}/{path}", body, idempotent=False, personal=body is not None)

        return self._finished(key, self._in_turn(key, send))

    def archive(self, key: str) -> None:
        """Archive an audience. One that is gone, or archived already, is fine."""
        self._active.discard(key)
        try:
            self._in_turn(key, lambda _: self._ask("DELETE", _part(key)))
        except RefusedAnswerError:
            if self._is_active(key):
                raise

    def pages_of_audiences(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the audiences that are not archived, page by page; the first page may be empty."""
        before = None
        for number in itertools.count(1):
            listed = self._ask("GET", "", params={"page": number}).get("custom_audiences") or []
            yield listed
            if len(listed) < AUDIENCES_OF_A_PAGE or listed == before:
                return
            before = listed

    def pages_of_users(self, key: str) -> Iterator[list[str]]:
        """Yield who is in an audience, once no job is under way: meanwhile Purchasely shows nobody."""
        cursor = None
        while True:
            page = self._until(key, partial(self._page_of_users, key, cursor))
            yield [str(user) for user in page.get("users") or ()]
            if not page.get("has_more"):
                return
            before, cursor = cursor, page.get("next_cursor")
            if cursor in (None, before):
                raise UnavailableError(
                    f"Purchasely's list of who is in {key!r} breaks off: it has more, but does not say where "
                    "to go on. Run it again later."
                )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _is_active(self, key: str) -> bool:
        """Tell whether an audience is in the list: whether a read shows archived ones, too, is not said."""
        if key not in self._active:
            for page in self.pages_of_audiences():
                self._active |= {str(one.get("vendor_id")) for one in page}
                if key in self._active:
                    break
        return key in self._active

    def _in_turn(self, key: str, act: Callable[[State], object]) -> State:
        """Act once no job is under way, again where somebody else was faster; return the state before.

        Where an answer is lost, the audience is read, and what was sent is sent again: it may be another's
        job that is seen there, and twice is as good as once.
        """
        lost = itertools.count(1)

        def attempt() -> State | None:
            state = self.read(key)
            if not state.is_settled:
                return None
            try:
                act(state)
            except RefusedAnswerError as refused:
                if refused.status != 409:
                    raise
                return None
            except LostAnswerError:
                if next(lost) >= self._retry.attempts:
                    raise
                return None
            return state

        return self._until(key, attempt)

    def _finished(self, key: str, before: State) -> State:
        """Return the audience once the job that began after `before` is done."""
        quiet = itertools.count(1)

        def ask() -> State | None:
            now = self.read(key)
            if not now.is_settled or (now.last_job == before.last_job and next(quiet) < QUIET_READS):
                return None
            return now

        self._throttle.sleep(self._retry.poll_seconds[0])
        now = self._until(key, ask)
        if now.status == "failed":
            raise UnavailableError(
                f"Purchasely took a change of the audience {key!r} and then failed to carry it out "
                f"({now.counts}). Run it again later: what is sent twice does no harm."
            )
        return now if now.last_job != before.last_job else replace(now, result={})

    def _until(self, key: str, ask: Callable[[], Found | None]) -> Found:
        seconds = self._mutation_seconds
        found = poll(ask, throttle=self._throttle, retry=self._retry, limit_seconds=seconds)
        if found is None:
            raise UnavailableError(
                f"Purchasely was still at work on the audience {key!r} after {seconds:g} seconds "
                "(mutation_seconds). Run it again later: what is sent twice does no harm."
            )
        return found

    def _page_of_users(self, key: str, cursor: str | None) -> dict[str, Any] | None:
        params = {"limit": USERS_OF_A_PAGE} | ({} if cursor is None else {"cursor": cursor})
        page = self._ask("GET", f"{_part(key)}/users", params=params, personal=True)
        return None if page.get("warning") and not page.get("users") else page

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = self._client.send(Request(method, self._path + path, body, **more))
        return cast("dict[str, Any]", answer.body or {})

    def _judge(self, answer: Answer) -> Fault | None:
        if answer.succeeded:
            # What becomes of a job is asked for, whatever the 202 says.
            is_whole = answer.status == 202 or _is_whole(answer.body)
            return None if is_whole else Fault(Kind.MAYBE_TAKEN, title="there is no audience in the answer")
        code, detail = _error(answer.body)
        return Fault(
            kind_of(answer.status),
            code=code,
            detail=detail,
            hint=HINTS.get(code, HINTS.get(answer.status, "")),
            # Whether a 429 has a Retry-After is not documented; a used-up minute is over after a minute.
            wait_seconds=self._throttle.window_seconds if answer.status == 429 else None,
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


def _part(key: str) -> str:
    return f"/{quote(key, safe='')}"


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


def _is_whole(body: object) -> bool:
    keys = {"custom_audience", "custom_audiences", "users"}
    return isinstance(body, dict) and not keys.isdisjoint(body)


def _error(body: object) -> tuple[str, str]:
    """Read a code and the messages leniently: a rate limit or a proxy may answer anything."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    messages = error.get("messages")
    texts = messages if isinstance(messages, list) else [messages]
    return as_code(error.get("code")), "; ".join(str(text) for text in texts if text)
