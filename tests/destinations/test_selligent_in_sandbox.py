"""The Selligent adapter against the sandbox's Selligent: promises, seen from inside the vendor."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.delivery import Audience
from dbt_activate.destinations.selligent import Selligent
from dbt_activate.errors import (
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.selligent import Account, ProfileList, SelligentSettings
from dbt_activate.sandbox.selligent import Selligent as Vendor
from dbt_activate.throttle import Retry, Throttles
from tests.destinations import deliveries
from tests.destinations.deliveries import operations

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Selligent]

WANTED = Selligent.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = tuple(f"p{n:03}@example.com" for n in range(100))
add = partial(deliveries.add, kind="MAIL")
remove = partial(deliveries.remove, kind="MAIL")


@pytest.fixture
def vendor() -> Vendor:
    """The sandbox's Selligent."""
    return Vendor(SelligentSettings())


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("selligent"), "requests_per_minute": None}
    return partial(connect_as, Selligent, **keys)


@pytest.fixture
def selligent(connect: Connect) -> Selligent:
    """The adapter with the sandbox's own credentials."""
    return connect()


@pytest.fixture
def audience(selligent: Selligent) -> Audience:
    """A segment that we made."""
    return selligent.create(WANTED)


@pytest.mark.parametrize("missing", ["status", "result"])
def test_an_audience_from_its_making_to_its_end(vendor: Vendor, selligent: Selligent, missing: str) -> None:
    """Made, found by name and by id, filled, read, emptied, deleted twice."""
    vendor.configure(missing_segment=missing)
    assert selligent.find(WANTED, None) is None
    audience = selligent.create(WANTED)
    assert audience == Audience("CUSTOMERS/VIP_customers", "VIP_customers", "Spenders")
    assert selligent.find(WANTED, None) == selligent.find(WANTED, audience.remote_id) == audience
    selligent.push(audience, add(*PEOPLE[:3]))
    selligent.push(audience, remove(PEOPLE[0], PEOPLE[9]))
    assert vendor.members(audience.remote_id) == {"MAIL": set(PEOPLE[1:3])}
    assert list(selligent.members(audience, "MAIL")) == [list(PEOPLE[1:3])]
    selligent.clear(audience)
    assert vendor.members(audience.remote_id) == {}
    selligent.delete(audience)
    selligent.delete(audience)
    assert vendor.audiences() == []


def test_nothing_but_membership_changes(vendor: Vendor, selligent: Selligent, audience: Audience) -> None:
    """Doing it twice is doing it once, strangers stay, and no profile value is ever written."""
    vendor.put_members(audience.remote_id, "MAIL", ["stranger@example.com"])
    for delivery in (add(*PEOPLE[:5]), remove(*PEOPLE[3:8])):
        assert selligent.push(audience, delivery) == selligent.push(audience, delivery)
    assert vendor.members(audience.remote_id) == {"MAIL": {"stranger@example.com", *PEOPLE[:3]}}
    assert vendor.profile_writes == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=504, applied=True),
        Fault(effect="error", status=200),
        Fault(effect="error", status=429),
        Fault(effect="error", status=429, reset_after_seconds=0.2),
        Fault(effect="reset"),
        Fault(effect="reset", applied=True),
        Fault(effect="truncate"),
        Fault(effect="garbage", applied=True),
        Fault(effect="delay", delay_seconds=0.6, applied=True),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status} {fault.applied} {fault.reset_after_seconds}",
)
def test_a_fault_changes_nothing_in_the_end(
    sandbox: Sandbox, vendor: Vendor, connect: Connect, fault: Fault
) -> None:
    """Whatever goes wrong on the way, and before or after it was carried out, all are in and once made."""
    selligent = connect(timeout_seconds=0.4)
    for operation in ("find", "create", "fields", "add", "remove", "read"):
        sandbox.faults.add(fault.model_copy(update={"operation": operation}))
    assert selligent.find(WANTED, None) is None
    audience = selligent.create(WANTED)
    selligent.push(audience, add(*PEOPLE))
    selligent.push(audience, remove(*PEOPLE[:50]))
    assert vendor.members(audience.remote_id) == {"MAIL": set(PEOPLE[50:])}
    assert [person for page in selligent.members(audience, "MAIL") for person in page] == list(PEOPLE[50:])
    assert len(vendor.audiences()) == 1


@pytest.mark.parametrize(
    "knobs", [{"max_rows": 7}, {"slow_rows": 7}, {"slow_rows": 7, "slow_status": 408}], ids=repr
)
def test_deliveries_shrink_to_what_passes(
    sandbox: Sandbox, vendor: Vendor, selligent: Selligent, audience: Audience, knobs: dict[str, Any]
) -> None:
    """Calls that are too large or too slow are halved until they pass, and all are in."""
    vendor.configure(**knobs)
    selligent.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"MAIL": set(PEOPLE)}
    assert operations(sandbox).count("add") == 4 + 17


@pytest.mark.parametrize("knobs", [{}, {"busy_shows_quota": True}], ids=repr)
def test_two_who_share_a_list(vendor: Vendor, connect: Connect, knobs: dict[str, Any]) -> None:
    """Whoever comes while a list is busy waits for its turn, and all of both end up in."""
    vendor.configure(bulk_seconds=0.05, **knobs)
    ours = [connect() for _ in range(3)]
    made = [one.create(WANTED.model_copy(update={"name": f"a{n}"})) for n, one in enumerate(ours)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: ours[n].push(made[n], add(*PEOPLE)), range(3)))
    assert vendor.collisions > 0
    assert [vendor.members(each.remote_id) for each in made] == [{"MAIL": set(PEOPLE)}] * 3


def test_other_lists_are_not_held_up(vendor: Vendor, connect: Connect) -> None:
    """While one waits for a busy list, another with the same key works on another list."""
    vendor.occupy("CUSTOMERS", 600)
    waiting, free = connect(), connect(list="PROSPECTS")
    busy, idle = waiting.create(WANTED), free.create(WANTED)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(waiting.push, busy, add(*PEOPLE))
        free.push(idle, add(*PEOPLE))
        assert not late.done()
        vendor.occupy("CUSTOMERS", 0)
        late.result()
    assert {each.list: each.size for each in vendor.audiences()} == {"CUSTOMERS": 100, "PROSPECTS": 100}


def test_the_rate_limit_is_kept(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """Two entries with the same key, together, never run into the limit of one."""
    waits = Throttles(Retry(attempts=1), window_seconds=0.6)
    vendor.configure(rate_limit=11, rate_window_seconds=0.2)
    ours = [connect(waits=waits, requests_per_minute=10, organization=name) for name in ("ACME", "OTHER")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ours[number % 2].check(), range(8)))
    assert all(exchange.status == 200 for exchange in sandbox.traffic.exchanges())


def test_a_limit_that_others_use_up_is_waited_for(vendor: Vendor, connect: Connect) -> None:
    """Selligent's headers slow us down, in seconds, and nothing fails."""
    vendor.configure(rate_limit=2, rate_window_seconds=0.3)
    started_at = time.monotonic()
    assert connect(waits=Throttles(Retry(attempts=4, first_wait_seconds=0.01))).check().passed
    assert time.monotonic() - started_at >= 0.3


@pytest.mark.parametrize("counter", ["not_found", "failed"])
@pytest.mark.parametrize("result", ["Succeeded", "PartiallySucceeded", "Failed"])
def test_unknown_people_are_counted(
    vendor: Vendor, selligent: Selligent, audience: Audience, counter: str, result: str
) -> None:
    """They stop nobody, are never made, and do not matter when they leave, however Selligent counts them."""
    vendor.configure(unknown_counted_as=counter, unknown_result=result)
    vendor.know("CUSTOMERS", PEOPLE[:3])
    assert selligent.push(audience, add(*PEOPLE[:5])).unnamed_rejections == 2
    assert selligent.push(audience, add(*PEOPLE[5:8])).unnamed_rejections == 3
    selligent.push(audience, remove(*PEOPLE[2:8]))
    assert vendor.members(audience.remote_id) == {"MAIL": set(PEOPLE[:2])}


@pytest.mark.parametrize("base", [0, 1])
def test_invalid_keys_are_counted(
    vendor: Vendor, selligent: Selligent, audience: Audience, base: int
) -> None:
    """Too long, or not of the field's type: the others are in."""
    vendor.configure(first_index=base)
    assert selligent.push(audience, add(PEOPLE[0], "x" * 101)).unnamed_rejections == 1
    assert selligent.push(audience, add("12", "twelve", kind="loyalty_number")).unnamed_rejections == 1
    assert vendor.members(audience.remote_id) == {"MAIL": {PEOPLE[0]}, "LOYALTY_NUMBER": {"12"}}


def test_the_guard_of_the_index(vendor: Vendor, selligent: Selligent, audience: Audience) -> None:
    """A large call by a field without an index is refused, and the message says what to ask for."""
    vendor.configure(index_rows=3)
    selligent.push(audience, add(*PEOPLE))
    with pytest.raises(RefusedError, match=r"unique index.*one on LOYALTY_NUMBER, or set a smaller"):
        selligent.push(audience, add(*map(str, range(5)), kind="LOYALTY_NUMBER"))


@pytest.mark.parametrize("large_take", ["cut", "refused"])
@pytest.mark.parametrize("rows_as", ["arrays", "objects"])
def test_pages_of_any_size(
    vendor: Vendor, selligent: Selligent, audience: Audience, large_take: str, rows_as: str
) -> None:
    """All members are read, however few rows a search may take."""
    vendor.configure(max_take=13, large_take=large_take, rows_as=rows_as)
    vendor.put_members(audience.remote_id, "MAIL", PEOPLE)
    assert [person for page in selligent.members(audience, "MAIL") for person in page] == list(PEOPLE)


def test_the_race_for_a_name(vendor: Vendor, selligent: Selligent) -> None:
    """Whoever makes it first, both end with the same segment."""
    theirs = vendor.add_audience("VIP customers", description="Theirs")
    assert selligent.create(WANTED) == Audience(theirs, "VIP customers", "Theirs")


def test_a_segment_of_another_type(vendor: Vendor, selligent: Selligent) -> None:
    """A dynamic segment is in the way of its name, and the message says so."""
    vendor.add_audience("VIP customers", read_only=True)
    for attempt in (lambda: selligent.find(WANTED, None), lambda: selligent.create(WANTED)):
        with pytest.raises(RefusedError, match=r"segment VIP_customers .* list CUSTOMERS is of type Dynamic"):
            attempt()


@pytest.mark.parametrize("missing", ["status", "result"])
def test_an_audience_that_was_deleted(
    vendor: Vendor, selligent: Selligent, audience: Audience, missing: str
) -> None:
    """Every call on it says that it is gone, and finding it finds nothing."""
    vendor.configure(missing_segment=missing)
    vendor.delete_audience(audience.remote_id)
    calls = [
        lambda: selligent.push(audience, add(*PEOPLE)),
        lambda: selligent.push(audience, remove(*PEOPLE)),
        lambda: selligent.clear(audience),
        lambda: list(selligent.members(audience, "MAIL")),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert selligent.find(WANTED, audience.remote_id) is None


def test_a_list_of_another_activation(vendor: Vendor, selligent: Selligent) -> None:
    """The activation's list goes before the entry's."""
    audience = selligent.create(Selligent.AudienceSettings(name="VIPs", list="PROSPECTS", api_name="vip_1"))
    assert (audience.remote_id, vendor.audiences()[0].list) == ("PROSPECTS/vip_1", "PROSPECTS")


def test_a_list_that_is_not_there(connect: Connect) -> None:
    """A new segment in it is refused, with the settings to check; debug shows the lists there are."""
    selligent = connect(list="CLIENTS")
    assert selligent.find(WANTED, None) is None
    with pytest.raises(RefusedError, match="Check base_url, organization and list"):
        selligent.create(WANTED)
    result = selligent.check()
    assert not result.passed
    assert "  CUSTOMERS  Customers" in result.lines[-1]


@pytest.mark.parametrize("key", ["list", "lists"])
def test_debug_without_a_list(vendor: Vendor, connect: Connect, key: str) -> None:
    """It shows those that there are, whatever the key they stand under."""
    vendor.configure(lists_key=key)
    result = connect(list=None).check()
    assert result.passed
    assert "  NEWSLETTER  Newsletter" in result.lines


def test_debug_on_a_list_of_another_type(vendor: Vendor, selligent: Selligent) -> None:
    """It says that people are in another type of list."""
    vendor.configure(lists={"CUSTOMERS": ProfileList(type="Datalist")})
    assert "It is a Datalist" in selligent.check().lines[1]


def test_debug_says_which_right_is_missing(vendor: Vendor, selligent: Selligent) -> None:
    """A right that is missing is told as a wrong key is, and the message says so."""
    some = Account(secret="sandbox-secret", organizations=("ACME",), rights=("organization", "lists"))
    vendor.configure(accounts={"sandbox": some})
    result = selligent.check()
    assert not result.passed
    assert "the same of a wrong key and of a missing right" in result.lines[-1]
    assert "/lists/CUSTOMERS/fields" in result.lines[-1]


@pytest.mark.parametrize("wrong", [{"api_secret": "wr0ng"}, {"api_key": "wr0ng"}], ids=repr)
def test_wrong_credentials(sandbox: Sandbox, connect: Connect, wrong: dict[str, str]) -> None:
    """They are tried once, and are not in the message."""
    with pytest.raises(AuthenticationError, match="Check api_key and api_secret") as caught:
        connect(**wrong).check()
    assert "wr0ng" not in str(caught.value)
    assert len(sandbox.traffic.exchanges()) == 1


def test_nobody_is_named(
    sandbox: Sandbox, connect: Connect, audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """No message and no line of the log holds an identifier or a secret, whatever fails."""
    caplog.set_level(logging.DEBUG)
    selligent, said = connect(timeout_seconds=0.4, busy_seconds=0.05), []
    for fault in (
        *(Fault(effect="error", status=status, times=None) for status in (200, 400, 401, 404, 413, 429, 500)),
        *(Fault(effect=effect, times=None) for effect in ("reset", "truncate", "garbage")),
        Fault(effect="delay", delay_seconds=0.5, times=None),
    ):
        sandbox.faults.clear()
        sandbox.faults.add(fault.model_copy(update={"operation": "add"}))
        with pytest.raises(DestinationError) as caught:
            selligent.push(audience, add("canary@example.com", "canary2@example.com"))
        said.append(str(caught.value))
    text = "\n".join((*said, caplog.text))
    assert "canary" not in text
    assert "sandbox-secret" not in text


def test_a_list_that_stays_busy(vendor: Vendor, connect: Connect) -> None:
    """The wait has an end, and the message says what to turn."""
    selligent = connect(busy_seconds=0.1)
    audience = selligent.create(WANTED)
    vendor.occupy("CUSTOMERS", 600)
    with pytest.raises(UnavailableError, match=r"the list is busy.*raise busy_seconds"):
        selligent.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {}
