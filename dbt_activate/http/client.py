"""The one way in which destinations talk to their tool: at its pace, and again where that is safe.

What is sent again, and what never is:

- *certainly not carried out* (no connection, rate limit, "busy"): again, whatever it was;
- *perhaps carried out* (time-out, broken connection, 5xx, an answer that cannot be read): again only if
  it is idempotent; else it is a `LostAnswerError`, and the caller looks what became of it. What can be
  divided is not sent again whole after a time-out: it is a `LateAnswerError`, and the caller sends less;
- refused credentials: once, if other credentials can be had (a new token), and never after that;
- everything else is final.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import threading
import time
from functools import cache, cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from dbt_activate.errors import AccessError, AuthenticationError, UnavailableError
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Judge,
    Kind,
    LateAnswerError,
    LostAnswerError,
    RefusedAnswerError,
    Request,
    demanded_wait,
    judge_status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenacity import RetryCallState, Retrying

    from dbt_activate.http.wire import Wire
    from dbt_activate.throttle import Retry, Throttle

logger = logging.getLogger("dbt_activate.http")


class Credentials(Protocol):
    """What proves to a tool who we are."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers that prove it; asked for each attempt anew."""

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Take note that the tool refused these headers; tell whether others can be had."""

    def close(self) -> None:
        """Close connections."""


class NoCredentials:
    """Proves nothing: for requests that bring their own proof."""

    def headers(self) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """There are no others."""
        del headers
        return False

    def close(self) -> None:
        """Nothing to close."""


class Client:
    """Talks to one tool with one set of credentials, from any number of threads."""

    def __init__(
        self,
        label: str,
        base_url: str,
        *,
        throttle: Throttle,
        retry: Retry,
        timeout_seconds: float,
        credentials: Credentials | None = None,
        judge: Judge = judge_status,
        json_only: bool = True,
    ) -> None:
        """Make ready to talk; sends nothing yet.

        Args:
            label: The tool's name, for messages.
            base_url: What every path is put behind; may have a path of its own, as behind a proxy.
            throttle: The rate limit of these credentials.
            retry: How often a request is tried again.
            timeout_seconds: How long the tool may take to answer one request.
            credentials: What proves who we are.
            judge: Reads an answer as this tool means it, also one that claims success.
            json_only: Whether a success that is no JSON is no answer of this tool's, but of a proxy's.
        """
        self._label = label
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._opening = threading.Lock()
        self._throttle = throttle
        self._retry = retry
        self._credentials = credentials or NoCredentials()
        self._judge = judge
        self._json_only = json_only
        self._deprecation_told = False

    def send(self, request: Request) -> Answer:
        """Send a request, again where that is safe, until it is answered or hope is lost.

        Raises:
            AuthenticationError: The tool does not accept the credentials.
            AccessError: The credentials may not do this.
            RefusedAnswerError: The request is wrong; the caller can look at status and code.
            LateAnswerError: It is divisible, and took too long.
            LostAnswerError: It is not idempotent, and may have been carried out or not.
            UnavailableError: Tried again already, or the tool demands a longer wait than ours.
        """
        attempts = itertools.count(1)
        try:
            return _retrying(self._retry, self._throttle)(lambda: self._attempt(request, next(attempts)))
        except _AgainError as again:
            tries = next(attempts) - 1
            message = f"{again} Tried {tries} times." if tries > 1 else str(again)
            error = UnavailableError(message, retry_after=again.wait, reference=again.reference)
        raise error

    def close(self) -> None:
        """Close all connections."""
        self._credentials.close()
        self._wire.close()

    @cached_property
    def _wire(self) -> Wire:
        # Here and not above: a command that sends nothing need not wait for the import of requests.
        from dbt_activate.http.wire import Wire

        return Wire(self._base_url, self._timeout_seconds)

    def _attempt(self, request: Request, number: int) -> Answer:
        answer, fault, headers = self._ask(request, number)
        if fault and fault.kind is Kind.UNKNOWN_CALLER and self._credentials.refused(headers):
            answer, fault, _ = self._ask(request, number)
        if fault is None:
            return answer
        raise self._error(request, answer, fault)

    def _ask(self, request: Request, number: int) -> tuple[Answer, Fault | None, Mapping[str, str]]:
        if seconds := self._throttle.wait(self._retry.total_seconds):
            raise UnavailableError(
                f"{self._label} wants to be left alone for {seconds:.0f} more seconds, so that {request} was "
                "not sent. Run it again then.",
                retry_after=seconds,
            )
        headers = self._credentials.headers()
        answer = self._exchange(request, headers, number)
        fault = self._find_fault(answer)
        self._heed(request, answer, fault)
        return answer, fault, headers

    def _exchange(self, request: Request, headers: Mapping[str, str], number: int) -> Answer:
        from dbt_activate.http.wire import NoAnswerError

        with self._opening:
            wire = self._wire
        started_at = time.monotonic()
        outcome = "no answer"
        try:
            answer = wire.exchange(request, headers)
            outcome = str(answer.status)
        except NoAnswerError as failure:
            message = f"{self._label} ({wire.host}) did not answer {request}: {failure}."
            error = _unanswered(request, message, taken=failure.sent, late=failure.late)
        else:
            return answer
        finally:
            milliseconds = (time.monotonic() - started_at) * 1000
            logger.debug("%s: %s in %.0f ms (attempt %d)", request, outcome, milliseconds, number)
        # Outside of the except clause: the failure behind it leads to the request, with all that was sent.
        raise error

    def _heed(self, request: Request, answer: Answer, fault: Fault | None) -> None:
        """Keep to what the answer says, for all who share these credentials."""
        if (seconds := _wanted_wait(answer, fault)) is not None:
            self._throttle.hold(seconds)
        if "Deprecation" in answer.headers and not self._deprecation_told:
            self._deprecation_told = True
            sunset = answer.headers.get("Sunset", "a date that it does not name")
            logger.warning(
                "%s will switch off %s on %s. Set a newer version in destinations.yml.",
                self._label, request, sunset,
            )  # fmt: skip

    def _find_fault(self, answer: Answer) -> Fault | None:
        if answer.succeeded and self._json_only and not answer.readable:
            return Fault(Kind.MAYBE_TAKEN, title="the answer is not JSON")
        if 300 <= answer.status < 400:
            target = urlsplit(answer.headers.get("Location", ""))
            place = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
            return Fault(
                Kind.REFUSED, hint=f"It redirects to {place}. Set base_url or token_url to the final one."
            )
        return self._judge(answer)

    def _error(self, request: Request, answer: Answer, fault: Fault) -> Exception:
        said = fault.describe(personal=request.personal)
        message = f"{self._label} answered {request} with {answer.status}{': ' if said else ''}{said}."
        text, reference = f"{message} {fault.hint}".rstrip(), fault.reference
        match fault.kind:
            case Kind.UNKNOWN_CALLER:
                return AuthenticationError(text, reference=reference)
            case Kind.FORBIDDEN:
                return AccessError(text, reference=reference)
            case Kind.REFUSED:
                return RefusedAnswerError(text, status=answer.status, code=fault.code, reference=reference)
        return _unanswered(
            request,
            text,
            taken=fault.kind is Kind.MAYBE_TAKEN,
            late=answer.status in (408, 504),
            wait=_wanted_wait(answer, fault),
            reference=reference,
        )


def _wanted_wait(answer: Answer, fault: Fault | None) -> float | None:
    told = demanded_wait(answer)
    return fault.wait_seconds if told is None and fault else told


class _AgainError(Exception):
    """An attempt failed, and another may be made.

    Attributes:
        wait: Seconds that the tool wants to be left alone, or None.
        reference: The tool's own id of the request, or None.
    """

    def __init__(self, message: str, wait: float | None, reference: str | None) -> None:
        self.wait = wait
        self.reference = reference
        super().__init__(message)


def _unanswered(
    request: Request,
    message: str,
    *,
    taken: bool,
    late: bool,
    wait: float | None = None,
    reference: str | None = None,
) -> Exception:
    if late and request.divisible:
        return LateAnswerError(message, retry_after=wait, reference=reference)
    if taken and not request.idempotent:
        return LostAnswerError(message, retry_after=wait, reference=reference)
    return _AgainError(message, wait, reference)


def _retrying(retry: Retry, throttle: Throttle) -> Retrying:
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        stop_before_delay,
        wait_exponential,
        wait_random,
    )

    first = retry.first_wait_seconds
    back_off = wait_exponential(first, max=retry.total_seconds) + wait_random(0, first)
    return Retrying(
        retry=retry_if_exception_type(_AgainError),
        stop=stop_after_attempt(retry.attempts) | stop_before_delay(retry.total_seconds),
        wait=lambda state: max(back_off(state), _demanded(state)),
        sleep=throttle.sleep,
        reraise=True,
    )


@cache
def warm_up() -> None:
    """Import in the background what the first request needs, once a process."""

    def work() -> None:
        # The rate limiter last: a client without a limit of its own need not wait for it.
        for module in ("tenacity", "dbt_activate.http.wire", "pyrate_limiter"):
            importlib.import_module(module)

    threading.Thread(target=work, name="warm-up").start()


def _demanded(state: RetryCallState) -> float:
    error = state.outcome and state.outcome.exception()
    return (isinstance(error, _AgainError) and error.wait) or 0.0
