"""The HTTP destination against the sandbox's endpoint: promises, seen from inside."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.delivery import Audience, Delivery, Operation, Rejection
from dbt_activate.destinations.http_endpoint.endpoint import Http
from dbt_activate.errors import (
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
)
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.http import ONE_BY_ONE, REQUESTS, HttpEndpoint, HttpEndpointSettings
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.deliveries import add, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Http]

WANTED = Http.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = tuple(f"canary-{n}@people.example" for n in range(30))
STRANGER = "stranger@people.example"

both_ways = pytest.mark.parametrize("requests", [REQUESTS, ONE_BY_ONE], ids=["together", "one by one"])


@pytest.fixture
def vendor() -> HttpEndpoint:
    """The endpoint, seen from inside."""
    return HttpEndpoint(HttpEndpointSettings(rate_limit=None))


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make destinations that talk to the endpoint."""
    return partial(connect_as, Http, **sandbox.entry("http"))


@pytest.fixture
def http(connect: Connect) -> Http:
    """The destination with the entry that the sandbox gives."""
    return connect()


@pytest.fixture
def audience(http: Http) -> Audience:
    """An audience that we made, with a stranger in it."""
    made = http.create(WANTED)
    http.push(made, Delivery(1, Operation.ADD, "email", (STRANGER,)))
    return made


def test_an_audience_from_its_making_to_its_end(vendor: HttpEndpoint, http: Http) -> None:
    """Made, found by name and by id, renamed, described, filled, read, measured, emptied, deleted."""
    assert http.find(WANTED, None) is None
    audience = http.create(WANTED)
    assert http.find(WANTED, None) == http.find(WANTED, audience.remote_id) == audience
    other = Http.AudienceSettings(name="VIPs", description="Rich")
    assert http.update(audience, other) == http.find(other, None) == Audience("list-1", "VIPs", "Rich")
    http.push(audience, add(*PEOPLE))
    http.push(audience, add("0042", kind="crm_id"))
    assert http.size(audience) == 31
    assert vendor.members("list-1") == {"email": set(PEOPLE), "crm_id": {"0042"}}
    assert sorted(who for page in http.members(audience, "email") for who in page) == sorted(PEOPLE)
    http.clear(audience)
    assert vendor.members("list-1") == {}
    http.delete(audience)
    http.delete(audience)
    assert vendor.audiences() == []


@both_ways
def test_pushes_are_idempotent_and_leave_strangers_alone(
    vendor: HttpEndpoint, connect: Connect, audience: Audience, requests: Any
) -> None:
    """Adding who is in and removing who is not change nothing, and nobody else is touched."""
    http = connect(requests=requests)
    for _ in range(2):
        assert not http.push(audience, add(*PEOPLE)).rejections
    for _ in range(2):
        assert not http.push(audience, remove(*PEOPLE[:10])).rejections
    assert vendor.members(audience.remote_id) == {"email": {STRANGER, *PEOPLE[10:]}}


@both_ways
@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=200),
        Fault(effect="error", status=200, applied=True),
        Fault(effect="error", status=429),
        Fault(effect="reset"),
        Fault(effect="reset", applied=True),
        Fault(effect="truncate"),
        Fault(effect="garbage", applied=True),
        Fault(effect="delay", delay_seconds=0.3, applied=True),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status} {fault.applied}",
)
def test_a_fault_changes_nothing_in_the_end(
    sandbox: Sandbox, vendor: HttpEndpoint, connect: Connect, fault: Fault, requests: Any
) -> None:
    """Whatever goes wrong, before or after it was carried out: the list is made once, and all are in."""
    http = connect(timeout_seconds=0.2, requests=requests)
    for operation in ("find", "create", "add", "remove", "rename"):
        sandbox.faults.add(fault.model_copy(update={"operation": operation, "times": 1}))
    audience = http.find(WANTED, None) or http.create(WANTED)
    audience = http.update(audience, Http.AudienceSettings(name="Lapsed"))
    http.push(audience, add(*PEOPLE))
    http.push(audience, remove(*PEOPLE[:5]))
    assert [held.name for held in vendor.audiences()] == ["Lapsed"]
    assert vendor.members(audience.remote_id) == {"email": set(PEOPLE[5:])}


def test_deliveries_shrink_to_what_passes(vendor: HttpEndpoint, http: Http, audience: Audience) -> None:
    """A 413 halves requests until they pass."""
    vendor.configure(max_members=4)
    http.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"email": {STRANGER, *PEOPLE}}


def test_pages_are_followed(vendor: HttpEndpoint, http: Http, audience: Audience) -> None:
    """An audience is found on a later page, and members are read to the last one."""
    vendor.configure(page_size=7)
    for number in range(20):
        vendor.add_audience(f"Other {number}")
    theirs = vendor.add_audience("Lapsed", members={"email": PEOPLE})
    found = http.find(Http.AudienceSettings(name="Lapsed"), None)
    assert found == Audience(theirs, "Lapsed")
    assert [len(page) for page in http.members(found, "email")] == [7, 7, 7, 7, 2]


@pytest.mark.parametrize(("how", "statuses"), [("named", ()), ("refused", (422,))])
def test_people_whom_the_endpoint_does_not_know(
    vendor: HttpEndpoint, connect: Connect, audience: Audience, how: str, statuses: tuple[int, ...]
) -> None:
    """They are rejected by name, and all others are in, also where the endpoint refuses all at once."""
    vendor.configure(known=set(PEOPLE[:20]), unknown_members=how)
    adding = {**REQUESTS["add"], "rejected": {**REQUESTS["add"]["rejected"], "statuses": statuses}}
    http = connect(requests={**REQUESTS, "add": adding})
    receipt = http.push(audience, add(*reversed(PEOPLE)))
    reason = "… is not known here"
    assert receipt.rejections == tuple(Rejection(n, "unknown_member", reason) for n in range(10))
    assert vendor.members(audience.remote_id) == {"email": {STRANGER, *PEOPLE[:20]}}


def test_people_whom_the_endpoint_does_not_know_one_by_one(
    vendor: HttpEndpoint, connect: Connect, audience: Audience
) -> None:
    """Sent one by one, a 422 is a rejection with the endpoint's code and words."""
    vendor.configure(known=set(PEOPLE[:2]))
    receipt = connect(requests=ONE_BY_ONE).push(audience, add(*PEOPLE[:3]))
    reason = "There are members whom this API does not know."
    assert receipt.rejections == (Rejection(2, "unknown_member", reason),)


@both_ways
def test_an_audience_that_was_deleted(
    vendor: HttpEndpoint, connect: Connect, audience: Audience, requests: Any
) -> None:
    """Every call on it says that it is gone, and finding it finds nothing."""
    http = connect(requests=requests)
    vendor.delete_audience(audience.remote_id)
    for call in (
        lambda: http.push(audience, add(*PEOPLE)),
        lambda: http.push(audience, remove(*PEOPLE)),
        lambda: http.update(audience, Http.AudienceSettings(name="VIPs")),
        lambda: http.clear(audience),
        lambda: http.size(audience),
        lambda: list(http.members(audience, "email")),
    ):
        with pytest.raises(AudienceGoneError, match=r"'VIP customers' \(list-1\) is not there"):
            call()
    assert http.find(WANTED, audience.remote_id) is http.find(WANTED, None) is None


def test_the_race_for_a_name(vendor: HttpEndpoint, http: Http) -> None:
    """Whoever makes it first, both end with the same audience; a rename onto another one is refused."""
    theirs = vendor.add_audience("VIP customers")
    assert http.create(WANTED) == Audience(theirs, "VIP customers")
    mine = http.create(Http.AudienceSettings(name="Mine"))
    with pytest.raises(AudienceTakenError, match="cannot be renamed to 'VIP customers'"):
        http.update(mine, WANTED)


def test_wrong_credentials(sandbox: Sandbox, connect: Connect) -> None:
    """A wrong token is sent once, and is not in the message."""
    with pytest.raises(AuthenticationError, match=r"unauthor|Check the credentials") as caught:
        connect(bearer_token="canary-secret").find(WANTED, None)
    assert "canary-secret" not in str(caught.value)
    assert len(sandbox.traffic.exchanges(vendor="http")) == 1


def test_tokens_by_client_credentials(sandbox: Sandbox, vendor: HttpEndpoint, connect: Connect) -> None:
    """Tokens are fetched, and fetched anew once they expire; a wrong secret is tried once."""
    keys = {"bearer_token": None, "client_id": "sandbox", "token_url": f"{sandbox.url}/http/oauth/token"}
    http = connect(**keys, client_secret="sandbox-secret")
    assert http.check().passed
    sandbox.expire_tokens()
    assert http.check().passed
    assert len(sandbox.traffic.exchanges(operation="token")) == 2
    with pytest.raises(AuthenticationError, match="invalid_client"):
        connect(**keys, client_secret="canary-secret").check()


def test_check(http: Http, connect: Connect) -> None:
    """A check sends its request, and without one says that nothing was asked."""
    assert http.check().lines[0].endswith("answered GET /account with a success.")
    unchecked = connect(requests={**REQUESTS, "check": None}).check()
    assert unchecked.passed
    assert unchecked.lines[0].startswith("Nothing was asked of 127.0.0.1")
    wrong = connect(requests={**REQUESTS, "check": {"method": "GET", "path": "/nowhere"}}).check()
    assert not wrong.passed
    assert "There is no such path. Check base_url and requests.check.path" in wrong.lines[0]


def test_the_rate_limit_is_kept(sandbox: Sandbox, vendor: HttpEndpoint, connect: Connect) -> None:
    """With the limit in the settings, the endpoint never has to say that it is used up."""
    vendor.configure(rate_limit=5, rate_window_seconds=0.2)
    http = connect(waits=Throttles(Retry(attempts=1), window_seconds=0.3), requests_per_minute=5)
    for _ in range(12):
        http.check()
    assert {exchange.status for exchange in sandbox.traffic.exchanges()} == {200}


@both_ways
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413, 422, 429, 500])
def test_no_identifier_and_no_secret_in_any_message(
    sandbox: Sandbox,
    connect: Connect,
    audience: Audience,
    requests: Any,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever goes wrong, in no error, log line or receipt stands who was sent, or a key."""
    caplog.set_level(logging.DEBUG)
    http = connect(requests=requests, headers={"X-Key": "canary-key"})
    sandbox.faults.add(Fault(effect="error", status=status, times=None))
    told = ""
    for delivery in (add(*PEOPLE[:3]), remove(*PEOPLE[:3])):
        try:
            told += repr(http.push(audience, delivery))
        except DestinationError as error:
            told += f"{error!r} {error.__cause__!r} {error.__context__!r}"
    told += caplog.text
    assert told
    assert not [word for word in ("canary", "sandbox-token", "people.example") if word in told]
