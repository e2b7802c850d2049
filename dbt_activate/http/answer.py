"""What a tool is asked, what it answers, and what an answer says went wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

from dbt_activate.errors import RefusedError, UnavailableError


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Its text form holds nothing that was sent but the method and the path.

    Attributes:
        method: The HTTP method.
        path: Follows the base URL and begins with a slash, or is empty; already percent-encoded.
        body: Sent as JSON; None for no body.
        form: Sent as a form, in place of a body.
        content: Sent as it is, in place of a body.
        headers: Sent besides the usual ones and those that prove who we are.
        params: The query.
        idempotent: Whether sending it twice ends as sending it once. What is not idempotent is sent
            again only when it was certainly not taken.
        divisible: Whether a smaller one may pass where this one takes too long. It is then not sent again
            whole, and the caller gets a `LateAnswerError`.
        personal: Whether the body or the query holds identifiers. What the tool then says in free text
            is kept out of messages, as it may quote them.
    """

    method: str
    path: str
    body: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    idempotent: bool = True
    divisible: bool = False
    personal: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}".rstrip()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: By name, without regard to case.
        body: The JSON in it, or None where there is none.
        readable: Whether the body is empty or JSON.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    readable: bool = True

    @property
    def succeeded(self) -> bool:
        """Whether the status says so. Some tools put failures into a 200 all the same."""
        return 200 <= self.status < 300


class Kind(Enum):
    """What can be done about a fault."""

    NOT_TAKEN = auto()
    """Try again: the request was certainly not carried out."""
    MAYBE_TAKEN = auto()
    """Try again, if it may be carried out twice."""
    UNKNOWN_CALLER = auto()
    """Prove once more who we are, then give up."""
    FORBIDDEN = auto()
    """Ask for a permission."""
    REFUSED = auto()
    """Nothing: it is wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What an answer says went wrong.

    Attributes:
        kind: What can be done about it.
        code: The tool's own code, or an empty text.
        title: The tool's fixed text for that code, or an empty text.
        detail: The tool's text on this very request; it may quote the request.
        hint: What a person can do, in our words.
        reference: The tool's own id of the request, for its support, or None.
        wait_seconds: How long to leave the tool alone where the answer's headers do not say, or None.
    """

    kind: Kind
    code: str = ""
    title: str = ""
    detail: str = ""
    hint: str = ""
    reference: str | None = None
    wait_seconds: float | None = None

    def describe(self, *, personal: bool) -> str:
        """Put what the tool said into one line, without its free text if that may quote somebody."""
        said = (self.code, self.title, "" if personal else self.detail)
        return ": ".join(_one_line(part) for part in said if part)


Judge = Callable[[Answer], Fault | None]
"""Reads an answer as one tool means it; None if the request was carried out."""


class RefusedAnswerError(RefusedError):
    """The tool refused a request for what is in it.

    Attributes:
        status: The HTTP status.
        code: The tool's own code, or an empty text.
    """

    def __init__(self, message: str, *, status: int, code: str = "", reference: str | None = None) -> None:
        self.status = status
        self.code = code
        super().__init__(message, reference=reference)


class LostAnswerError(UnavailableError):
    """A request that must not simply be sent again got no usable answer: it may have been carried out."""


class LateAnswerError(UnavailableError):
    """A divisible request took longer than the tool, or we, would wait: it may have been carried out."""


_FIRST_UNIX_TIME = 1_000_000_000
"""A smaller number in ``x-ratelimit-reset`` is no point in time, but counts seconds."""


def judge_status(answer: Answer) -> Fault | None:
    """Judge an answer by its status alone."""
    return None if answer.succeeded else Fault(kind_of(answer.status))


def kind_of(status: int) -> Kind:
    """Tell what can be done about a status that is not a success."""
    if status >= 500:
        return Kind.MAYBE_TAKEN
    return {
        401: Kind.UNKNOWN_CALLER,
        403: Kind.FORBIDDEN,
        408: Kind.MAYBE_TAKEN,
        429: Kind.NOT_TAKEN,
    }.get(status, Kind.REFUSED)


def demanded_wait(answer: Answer) -> float | None:
    """Return for how many seconds the tool wants to be left alone, or None if it does not say.

    ``Retry-After`` counts seconds or names a date; ``x-ratelimit-reset`` is the Unix time from which
    requests pass again, or the seconds until then, and means something once none remain: a 429 that
    says that some do is about something else. Times are compared with the tool's own ``Date``, so that
    a wrong clock on this side does no harm.
    """
    headers = answer.headers
    if retry_after := headers.get("Retry-After"):
        seconds = _number(retry_after)
        return seconds if seconds is not None else _until(_timestamp(retry_after), headers)
    remaining = _number(headers.get("x-ratelimit-remaining"))
    if remaining == 0 or (answer.status == 429 and remaining is None):
        reset = _number(headers.get("x-ratelimit-reset"))
        return reset if reset is not None and reset < _FIRST_UNIX_TIME else _until(reset, headers)
    return None


def _until(moment: float | None, headers: Mapping[str, str]) -> float | None:
    if moment is None:
        return None
    now = _timestamp(headers.get("Date", ""))
    return max(0.0, moment - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text or ""))
    except ValueError:
        return None


def _timestamp(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def as_code(value: object) -> str:
    """Return a tool's code for an error; an empty text where it looks like none, and may quote somebody."""
    code = "" if value is None else str(value)
    return code if re.fullmatch(r"[\w.-]{1,64}", code) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
