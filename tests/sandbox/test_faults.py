"""Faults on order: which request they strike, and what a client sees of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import requests
from pydantic import ValidationError

from dbt_activate.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from conftest import CriteoClient

Outcome = Callable[[Callable[[], requests.Response]], str]


@pytest.fixture
def audience(sandbox: Sandbox) -> str:
    """The id of an empty contact list."""
    return sandbox.criteo.add_audience("list")


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(
    ("effect", "seen"),
    [("error", "500"), ("reset", "ConnectionError"), ("garbage", "200"), ("delay", "ReadTimeout")],
)
def test_effects_before_and_after_applying(
    sandbox: Sandbox,
    criteo: CriteoClient,
    audience: str,
    outcome: Outcome,
    effect: str,
    seen: str,
    applied: bool,
) -> None:
    """Whatever a fault looks like to the client, the change is made exactly where it was ordered so."""
    sandbox.faults.add(Fault(effect=effect, applied=applied, operation="add", delay_seconds=30))
    timeout = 1 if effect == "delay" else 30
    assert outcome(lambda: _add(criteo, audience, timeout=timeout)) == seen
    assert sandbox.criteo.members(audience) == ({"email": {"a@b.co"}} if applied else {})


def _add(criteo: CriteoClient, audience: str, *, timeout: float = 10) -> requests.Response:
    attributes = {"operation": "add", "identifierType": "email", "identifiers": ["a@b.co"]}
    data = {"type": "ContactlistAmendment", "attributes": attributes}
    return criteo.call("PATCH", f"/{audience}/contact-list", data, timeout=timeout)


def test_change_delayed_beyond_a_timeout_never_comes(
    sandbox: Sandbox, criteo: CriteoClient, audience: str, outcome: Outcome
) -> None:
    """A delay that is not applied drops the change as soon as the client gives up."""
    sandbox.faults.add(Fault(effect="delay", delay_seconds=1, operation="add"))
    assert outcome(lambda: _add(criteo, audience, timeout=0.1)) == "ReadTimeout"
    sandbox.faults.add(Fault(effect="delay", delay_seconds=1.5, operation="advertisers"))
    assert criteo.advertisers().status_code == 200
    assert sandbox.criteo.members(audience) == {}


@pytest.mark.parametrize("applied", [False, True])
def test_patient_client_gets_a_delayed_answer(
    sandbox: Sandbox, criteo: CriteoClient, audience: str, applied: bool
) -> None:
    """A client that waits gets its answer, late, and the change is made."""
    sandbox.faults.add(Fault(effect="delay", delay_seconds=0.3, applied=applied, operation="add"))
    begun = time.monotonic()
    assert _add(criteo, audience).status_code == 200
    assert time.monotonic() - begun >= 0.3
    assert sandbox.criteo.members(audience) == {"email": {"a@b.co"}}


def test_reset_is_a_tcp_reset(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """The client sees its connection reset by the peer, not an orderly end."""
    sandbox.faults.add(Fault(effect="reset"))
    with pytest.raises(requests.exceptions.ConnectionError, match="reset by peer"):
        criteo.advertisers()


def test_truncated_answer(sandbox: Sandbox, criteo: CriteoClient, audience: str, outcome: Outcome) -> None:
    """The answer breaks off after the change is made."""
    sandbox.faults.add(Fault(effect="truncate", operation="add"))
    assert outcome(lambda: _add(criteo, audience)) == "ChunkedEncodingError"
    assert sandbox.criteo.members(audience) == {"email": {"a@b.co"}}


def test_garbage_is_no_json(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Garbage calls itself JSON and is none."""
    sandbox.faults.add(Fault(effect="garbage"))
    answer = criteo.advertisers()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, "authorization", "authorization-token-expired"),
        (403, "authorization", "insufficient-advertiser-permissions"),
        (404, "access-control", "audience-invalid"),
        (410, "deprecation", "endpoint-deprecated"),
        (413, "validation", "request-too-large"),
        (429, "quota", "rate-limit-exceeded"),
        (500, "availability", "internal-error"),
        (502, "availability", "internal-error"),
        (503, "availability", "internal-error"),
        (504, "availability", "internal-error"),
        (200, "availability", "internal-error"),
    ],
)
def test_error_has_the_vendors_shape(
    sandbox: Sandbox, criteo: CriteoClient, status: int, kind: str, code: str
) -> None:
    """Each status comes with Criteo's own error body; with 200 it is an error inside a success."""
    sandbox.faults.add(Fault(effect="error", status=status))
    answer = criteo.advertisers()
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
    assert not answer.json().get("data")


def test_headers_of_a_rate_limit_on_order(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A 429 on order says when to come back in the ways that were ordered, and in no other."""
    sandbox.faults.add(Fault(effect="error", status=429))
    sandbox.faults.add(Fault(effect="error", status=429, retry_after=3, reset_after_seconds=5))
    bare, full = criteo.advertisers(), criteo.advertisers()
    assert not {"retry-after", "x-ratelimit-reset"} & set(bare.headers)
    assert (full.headers["retry-after"], full.headers["x-ratelimit-remaining"]) == ("3", "0")
    assert 0 < int(full.headers["x-ratelimit-reset"]) - time.time() <= 6


def test_token_endpoint_fails_in_its_own_shape(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A 401 for a token is an OAuth error."""
    sandbox.faults.add(Fault(effect="error", status=401, operation="token"))
    answer = criteo.ask_for_token()
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_nth_request_and_the_next(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A fault strikes from the n-th matching request on, as often as ordered."""
    order = sandbox.faults.add(Fault(effect="error", status=503, operation="advertisers", nth=3, times=2))
    assert [criteo.advertisers().status_code for _ in range(6)] == [200, 200, 503, 503, 200, 200]
    assert (order.seen, order.hit) == (6, 2)


def test_faults_queue_up(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Of several that are due, the first strikes and the next waits its turn; one may be for ever."""
    sandbox.faults.add(Fault(effect="error", status=502))
    sandbox.faults.add(Fault(effect="error", status=503))
    sandbox.faults.add(Fault(effect="error", status=500, times=None))
    assert [criteo.advertisers().status_code for _ in range(4)] == [502, 503, 500, 500]
    sandbox.faults.clear()
    assert criteo.advertisers().status_code == 200


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({"vendor": "criteo"}, True),
        ({"vendor": "emarsys"}, False),
        ({"method": "get"}, True),
        ({"method": "POST"}, False),
        ({"path": "advertisers/me"}, True),
        ({"path": r"^/\d{4}-\d{2}/advertisers"}, True),
        ({"path": "audience"}, False),
        ({"operation": "advertisers"}, True),
        ({"operation": "add"}, False),
        ({"operation": "advertisers", "method": "POST"}, False),
    ],
)
def test_match(sandbox: Sandbox, criteo: CriteoClient, match: dict[str, str], strikes: bool) -> None:
    """A fault strikes the requests that have all that was asked for, and no others."""
    sandbox.faults.add(Fault.model_validate({"effect": "error", "status": 503, **match}))
    assert criteo.advertisers().status_code == (503 if strikes else 200)


def test_other_requests_pass_during_a_delay(sandbox: Sandbox, criteo: CriteoClient, outcome: Outcome) -> None:
    """A request that is held up holds up no other."""
    sandbox.faults.add(Fault(effect="delay", applied=True, operation="search", delay_seconds=30))
    begun = time.monotonic()
    assert outcome(lambda: criteo.call("POST", "/search", {}, timeout=0.2)) == "ReadTimeout"
    assert criteo.advertisers().status_code == 200
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "wrong", [{"effect": "explode"}, {"effect": "error", "nth": 0}, {"effect": "reset", "path": "("}]
)
def test_senseless_order_is_refused(wrong: dict[str, object]) -> None:
    """An unknown effect, a count that cannot be and a pattern that is none are refused."""
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)
