"""The Criteo adapter against the sandbox's Criteo: promises, seen from inside the vendor."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.delivery import Audience
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.identifiers import hashed
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.criteo import Criteo as Vendor
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.deliveries import add, operations, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Criteo]

WANTED = Criteo.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = tuple(hashed(f"p{n}@example.com") for n in range(100))


@pytest.fixture
def vendor() -> Vendor:
    """The sandbox's Criteo."""
    return Vendor()


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("criteo"), "base_url": sandbox.url, "requests_per_minute": None}
    return partial(connect_as, Criteo, **keys)


@pytest.fixture
def criteo(connect: Connect) -> Criteo:
    """The adapter with the sandbox's own credentials."""
    return connect()


@pytest.fixture
def audience(criteo: Criteo) -> Audience:
    """An audience that we made."""
    return criteo.create(WANTED)


def test_an_audience_from_its_making_to_its_end(sandbox: Sandbox, criteo: Criteo) -> None:
    """Made, found by name and by id, renamed, described, filled, measured, emptied, deleted."""
    assert criteo.find(WANTED, None) is None
    audience = criteo.create(WANTED)
    assert criteo.find(WANTED, None) == criteo.find(WANTED, audience.remote_id) == audience
    other = Criteo.AudienceSettings(name="VIPs", description="")
    assert criteo.update(audience, other) == criteo.find(other, None)
    criteo.push(audience, add(*PEOPLE[:3]))
    criteo.push(audience, remove(PEOPLE[0], PEOPLE[9]))
    criteo.push(audience, add("AEBE52E7-03EE-455A-B3C4-E57283966239", kind="madid"))
    assert criteo.size(audience) == 3
    assert sandbox.criteo.members(audience.remote_id)["email"] == set(PEOPLE[1:3])
    criteo.clear(audience)
    assert sandbox.criteo.members(audience.remote_id) == {}
    criteo.delete(audience)
    criteo.delete(audience)
    assert sandbox.criteo.audiences() == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=200),
        Fault(effect="error", status=429, reset_after_seconds=0.2),
        Fault(effect="error", status=401),
        Fault(effect="reset"),
        Fault(effect="reset", applied=True),
        Fault(effect="truncate"),
        Fault(effect="garbage", applied=True),
        Fault(effect="delay", delay_seconds=0.6, applied=True),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status} {fault.applied}",
)
def test_a_fault_changes_nothing_in_the_end(
    sandbox: Sandbox, connect: Connect, audience: Audience, fault: Fault
) -> None:
    """Whatever goes wrong on the way, and before or after it was carried out, all are in and once made."""
    criteo = connect(timeout_seconds=0.4)
    for operation in ("create", "add", "search", "update"):
        sandbox.faults.add(fault.model_copy(update={"operation": operation}))
    second = criteo.create(Criteo.AudienceSettings(name="Lapsed"))
    second = criteo.update(second, Criteo.AudienceSettings(name="Lapsed customers"))
    criteo.push(second, add(*PEOPLE))
    assert [held.name for held in sandbox.criteo.audiences()] == [audience.name, "Lapsed customers"]
    assert sandbox.criteo.members(second.remote_id) == {"email": set(PEOPLE)}


def test_tokens_that_expire_in_the_middle(sandbox: Sandbox, criteo: Criteo, audience: Audience) -> None:
    """Eight threads whose token dies under them go on with one new one."""
    sandbox.expire_tokens()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda person: criteo.push(audience, add(person)), PEOPLE))
    assert sandbox.criteo.members(audience.remote_id) == {"email": set(PEOPLE)}
    assert operations(sandbox).count("token") == 2


def test_two_destinations_share_the_limit_of_their_app(sandbox: Sandbox, connect: Connect) -> None:
    """Two entries with the same credentials, together, never run into the limit of one."""
    waits = Throttles(Retry(attempts=1), window_seconds=0.5)
    sandbox.criteo.configure(rate_limit=10, rate_window_seconds=0.4)
    ours = [
        connect(waits=waits, requests_per_minute=10, advertiser_id=account) for account in ("73550", "99001")
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ours[number % 2].find(WANTED, None), range(24)))
    assert all(exchange.status == 200 for exchange in sandbox.traffic.exchanges())


def test_a_limit_that_others_use_up_is_waited_for(sandbox: Sandbox, connect: Connect) -> None:
    """Where our own count is too high, Criteo's headers slow us down and nothing fails."""
    sandbox.criteo.configure(rate_limit=3, rate_window_seconds=0.3)
    criteo = connect(waits=Throttles(Retry(attempts=4, first_wait_seconds=0.01, total_seconds=30)))
    for _ in range(5):
        criteo.find(WANTED, None)
    assert operations(sandbox).count("search") == 5


def test_a_limit_that_stays_used_up(sandbox: Sandbox, criteo: Criteo) -> None:
    """A wait beyond our patience is an error that says how long it is."""
    sandbox.faults.add(Fault(effect="error", operation="search", status=429, retry_after=600, times=None))
    with pytest.raises(UnavailableError) as caught:
        criteo.find(WANTED, None)
    assert caught.value.retry_after == 600


def test_deliveries_shrink_to_what_passes(sandbox: Sandbox, criteo: Criteo, audience: Audience) -> None:
    """A limit on the size of a body halves requests until they pass, and all are in."""
    sandbox.criteo.configure(max_body_bytes=2_000)
    criteo.push(audience, add(*PEOPLE))
    assert sandbox.criteo.members(audience.remote_id) == {"email": set(PEOPLE)}


@pytest.mark.parametrize("clash", ["error", "warning"])
def test_the_race_for_a_name(sandbox: Sandbox, criteo: Criteo, clash: str) -> None:
    """Whoever makes it first, both end with the same audience."""
    sandbox.criteo.configure(name_clash=clash)
    theirs = sandbox.criteo.add_audience("VIP customers")
    assert criteo.create(WANTED).remote_id == theirs


@pytest.mark.parametrize(
    ("segment", "message"),
    [({"type": "InMarket"}, "is of type InMarket"), ({"read_only": True}, "is read-only")],
)
def test_a_name_that_something_else_has(
    sandbox: Sandbox, criteo: Criteo, segment: dict[str, Any], message: str
) -> None:
    """A segment that takes no members is in the way of its name, and the message says so."""
    sandbox.criteo.add_audience("VIP customers", **segment)
    for attempt in (lambda: criteo.find(WANTED, None), lambda: criteo.create(WANTED)):
        with pytest.raises(RefusedError, match=f"'VIP customers'.*{message}"):
            attempt()


def test_a_new_name_that_is_taken(sandbox: Sandbox, criteo: Criteo, audience: Audience) -> None:
    """A rename onto another audience is refused in words, in both ways in which Criteo says it."""
    sandbox.criteo.add_audience("VIPs")
    for clash in ("error", "warning"):
        sandbox.criteo.configure(name_clash=clash)
        with pytest.raises(AudienceTakenError, match="cannot be renamed to 'VIPs'"):
            criteo.update(audience, Criteo.AudienceSettings(name="VIPs"))


def test_an_audience_that_was_deleted(sandbox: Sandbox, criteo: Criteo, audience: Audience) -> None:
    """Every call on it says that it is gone, and finding it finds nothing."""
    sandbox.criteo.delete_audience(audience.remote_id)
    calls = [
        lambda: criteo.push(audience, add(*PEOPLE)),
        lambda: criteo.update(audience, Criteo.AudienceSettings(name="VIPs")),
        lambda: criteo.clear(audience),
        lambda: criteo.size(audience),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert criteo.find(WANTED, audience.remote_id) is None


def test_an_audience_of_another_account(sandbox: Sandbox, criteo: Criteo) -> None:
    """An id from elsewhere is not "gone": a new audience beside it would be a surprise."""
    other = sandbox.criteo.add_audience("VIP customers", "99001")
    with pytest.raises(AccessError, match="not among the segments of advertiser 73550"):
        criteo.find(WANTED, other)


def test_what_criteo_finds_wrong_is_counted(criteo: Criteo, audience: Audience) -> None:
    """Wrong identifiers do not stop the others, and are shown masked."""
    receipt = criteo.push(audience, add(PEOPLE[0], "not an address"))
    assert (receipt.unnamed_rejections, receipt.sample) == (1, ("n… (14 characters)",))


def test_debug_lists_the_accounts_in_reach(criteo: Criteo) -> None:
    """Good credentials: every account by id and name, and nothing is changed."""
    result = criteo.check()
    assert result.passed
    assert "  99001  Shop DE" in result.lines


def test_debug_says_why_an_account_is_missing(sandbox: Sandbox, connect: Connect) -> None:
    """Consent and permission are the two reasons, and the message names both."""
    missing = connect(advertiser_id="12345").check()
    assert not missing.passed
    assert "advertiser_id 12345 is not among them." in missing.lines
    assert "consent link" in missing.lines[-1]
    clients = {
        name: client.model_copy(update={"permissions": ()})
        for name, client in sandbox.criteo.settings.clients.items()
    }
    sandbox.criteo.configure(clients=clients)
    forbidden = connect().check()
    assert not forbidden.passed
    assert "MarketingSolutions_Audience_Manage" in forbidden.lines[-1]


def test_wrong_credentials(sandbox: Sandbox, connect: Connect) -> None:
    """A wrong secret is tried once, and is not in the message."""
    with pytest.raises(AuthenticationError, match="invalid_client") as caught:
        connect(client_secret="wr0ng").check()
    assert "wr0ng" not in str(caught.value)
    assert operations(sandbox).count("token") == 1


def test_a_version_that_is_switched_off(connect: Connect) -> None:
    """The message names the setting to raise."""
    with pytest.raises(RefusedError, match="set a newer api_version"):
        connect(api_version="2025-01").find(WANTED, None)


def test_deliveries_side_by_side(sandbox: Sandbox, criteo: Criteo, audience: Audience) -> None:
    """As many requests as `concurrency` says are under way at once, over connections that are kept."""
    sandbox.latency_seconds = 0.05
    started_at = time.monotonic()
    with ThreadPoolExecutor(criteo.concurrency) as pool:
        list(pool.map(lambda person: criteo.push(audience, add(person)), PEOPLE[:40]))
    assert time.monotonic() - started_at < 40 * 0.05 / 2
