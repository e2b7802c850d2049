"""Purchasely's Custom Audiences API: settings, the audiences of one app, and the jobs that change them.

Facts are from https://docs.purchasely.com/docs/custom-audiences-api. A change of members is a job: it is
answered at once, and done when the audience is ``ready`` again. An audience takes one job at a time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr

from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.errors import UnavailableError
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
from dbt_activate.http.client import Client
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.polling import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dbt_activate.throttle import Throttles

Found = TypeVar("Found")

AUDIENCES_OF_A_PAGE = 25
"""Fewer than so many, and a page is the last one."""

USERS_OF_A_PAGE = 10_000  # the most that can be asked for

QUIET_READS = 7
"""So often an audience may be ``ready`` without a sign of our job, before the job counts as done.

By Purchasely's word ``last_synced_at`` moves. Whether it does where every identifier was skipped is not said.
"""

GONE_CODE = "CUSTOM_AUDIENCE_NOT_FOUND"
"""What Purchasely calls an audience that does not exist."""

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

Key = Annotated[
    # No slash and no dot at the start: either would change the path of a request.
    str, Field(pattern=r"^[^\s/.\x00-\x1f\x7f][^\s/\x00-\x1f\x7f]{0,254}$", coerce_numbers_to_str=True)
]
"""What can stand in a path: a vendor_id, or the id of an app."""


class PersonId(StrEnum):
    """By what an audience knows people; fixed when it is made."""

    USER_ID = "user_id"
    ANONYMOUS_ID = "anonymous_id"


class PurchaselySettings(DestinationSettings):
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

    def __init__(self, settings: PurchaselySettings, throttles: Throttles) -> None:
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


def _part(key: str) -> str:
    return f"/{quote(key, safe='')}"


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
