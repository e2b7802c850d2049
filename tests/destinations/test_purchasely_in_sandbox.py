"""The Purchasely adapter against the sandbox's Purchasely: promises, seen from inside the vendor."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.delivery import Audience
from dbt_activate.destinations.purchasely import Purchasely
from dbt_activate.destinations.purchasely_api import PersonId
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.purchasely import App, PurchaselySettings
from dbt_activate.sandbox.purchasely import Purchasely as Vendor
from dbt_activate.throttle import Retry, Throttles
from tests.destinations import deliveries
from tests.destinations.deliveries import operations

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Purchasely]

WANTED = Purchasely.AudienceSettings(name="VIP customers")
PEOPLE = tuple(f"canary-{number}" for number in range(100))
RETRY = Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0, poll_seconds=(0.001,))
add = partial(deliveries.add, kind="user_id")
remove = partial(deliveries.remove, kind="user_id")


@pytest.fixture
def vendor() -> Vendor:
    """The sandbox's Purchasely."""
    return Vendor(PurchaselySettings(rate_limit=None))


@pytest.fixture
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short, and minutes of a fiftieth of a second."""
    return Throttles(RETRY, window_seconds=0.02)


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("purchasely"), "requests_per_minute": None}
    return partial(connect_as, Purchasely, **keys)


@pytest.fixture
def purchasely(connect: Connect) -> Purchasely:
    """The adapter with the sandbox's own key."""
    return connect()


@pytest.fixture
def audience(purchasely: Purchasely) -> Audience:
    """An audience that we made."""
    return purchasely.create(WANTED)


def everybody(purchasely: Purchasely, audience: Audience) -> set[str]:
    """Read back who is in an audience."""
    return {person for page in purchasely.members(audience, "user_id") for person in page}


def test_an_audience_from_its_making_to_its_end(vendor: Vendor, purchasely: Purchasely) -> None:
    """Made, found by name and by id, filled, changed, counted, read, emptied, archived."""
    assert purchasely.find(WANTED, None) is None
    audience = purchasely.create(WANTED)
    assert audience == Audience("vip_customers", "VIP customers")
    assert purchasely.find(WANTED, None) == purchasely.find(WANTED, audience.remote_id) == audience
    purchasely.push(audience, add(*PEOPLE[:3]))
    purchasely.push(audience, remove(PEOPLE[0], PEOPLE[9]))
    purchasely.push_together(audience, remove(PEOPLE[1]), add(PEOPLE[5]))
    assert vendor.members(audience.remote_id) == {"user_id": {PEOPLE[2], PEOPLE[5]}}
    assert purchasely.size(audience) == 2
    assert everybody(purchasely, audience) == {PEOPLE[2], PEOPLE[5]}
    purchasely.clear(audience)
    assert vendor.members(audience.remote_id) == {}
    purchasely.delete(audience)
    purchasely.delete(audience)
    assert purchasely.find(WANTED, audience.remote_id) is None


def test_twice_is_as_once_and_strangers_stay(
    vendor: Vendor, purchasely: Purchasely, audience: Audience
) -> None:
    """Adding who is in, and removing who is not, is harmless; nobody else is touched."""
    vendor.put_members(audience.remote_id, "user_id", ["stranger"])
    for _ in range(2):
        purchasely.push(audience, add(*PEOPLE[:2]))
        purchasely.push(audience, remove(PEOPLE[1], PEOPLE[7]))
    assert vendor.members(audience.remote_id) == {"user_id": {"stranger", PEOPLE[0]}}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=429),
        Fault(effect="error", status=429, retry_after=0),
        Fault(effect="reset"),
        Fault(effect="reset", applied=True),
        Fault(effect="truncate"),
        Fault(effect="garbage", applied=True),
        Fault(effect="delay", delay_seconds=0.6, applied=True),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status} {fault.applied}",
)
def test_a_fault_changes_nothing_in_the_end(
    sandbox: Sandbox, vendor: Vendor, connect: Connect, audience: Audience, fault: Fault
) -> None:
    """Whatever goes wrong on the way, and before or after it was carried out, all are in and once made."""
    purchasely = connect(timeout_seconds=0.3)
    faulty = ("create", "add", "remove", "change", "clear", "delete", "status", "search", "read")
    orders = [sandbox.faults.add(fault.model_copy(update={"operation": one})) for one in faulty]
    second = purchasely.create(Purchasely.AudienceSettings(name="Lapsed"))
    assert purchasely.find(Purchasely.AudienceSettings(name="Lapsed"), None) == second
    purchasely.push(second, add("x"))
    purchasely.clear(second)
    purchasely.push(second, add(*PEOPLE))
    purchasely.push(second, remove(PEOPLE[0]))
    purchasely.push_together(second, remove(PEOPLE[1]), add("y"))
    purchasely.delete(audience)
    assert [held.name for held in vendor.audiences()] == ["Lapsed"]
    assert everybody(purchasely, second) == vendor.members(second.remote_id)["user_id"] == {*PEOPLE[2:], "y"}
    assert all(order.hit for order in orders)


def test_a_change_waits_for_its_job(
    sandbox: Sandbox, vendor: Vendor, purchasely: Purchasely, audience: Audience
) -> None:
    """The status is noted before and read until the job is done, so that the next change is never refused."""
    vendor.configure(processing_reads=3)
    sandbox.traffic.clear()
    purchasely.push(audience, add(*PEOPLE))
    purchasely.push(audience, remove(*PEOPLE))
    assert operations(sandbox) == ["status", "add", *["status"] * 4, "status", "remove", *["status"] * 4]
    assert {exchange.status for exchange in sandbox.traffic.exchanges()} == {200, 202}


def test_a_job_is_given_a_moment(sandbox: Sandbox, connect: Connect, audience: Audience) -> None:
    """A look right after the request would see nothing new, and count towards the limit."""
    waits = Throttles(Retry(poll_seconds=(0.1,)))
    connect(waits=waits).push(audience, add(*PEOPLE))
    sent, *looks = sandbox.traffic.exchanges()[-3:]
    assert sent.operation == "add"
    assert (looks[0].at - sent.at).total_seconds() >= 0.1


def test_two_tools_at_work_on_one_audience(
    vendor: Vendor, sandbox: Sandbox, connect: Connect, audience: Audience
) -> None:
    """Who finds it busy waits for the other; in the end everybody is in."""
    vendor.configure(processing_reads=2)
    ours = [connect(), connect(), connect()]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: ours[number % 3].push(audience, add(PEOPLE[number])), range(12)))
    assert vendor.members(audience.remote_id) == {"user_id": {*PEOPLE[:12]}}


def test_archiving_waits_for_a_job(vendor: Vendor, purchasely: Purchasely, audience: Audience) -> None:
    """An audience that is being changed cannot be archived; that is waited for."""
    vendor.configure(processing_reads=5)
    vendor.audience(audience.remote_id).begin("ready", None, 5)
    purchasely.delete(audience)
    assert vendor.audiences() == []


def test_nobody_is_read_while_a_job_is_under_way(
    vendor: Vendor, purchasely: Purchasely, audience: Audience
) -> None:
    """The empty list that Purchasely shows meanwhile is not taken for an empty audience."""
    vendor.put_members(audience.remote_id, "user_id", PEOPLE)
    vendor.audience(audience.remote_id).begin("ready", None, 6)
    assert everybody(purchasely, audience) == {*PEOPLE}


def test_deliveries_shrink_to_what_passes(
    sandbox: Sandbox, vendor: Vendor, purchasely: Purchasely, audience: Audience
) -> None:
    """A limit on the size of a body halves requests until they pass, one after the other, and all are in."""
    vendor.configure(max_body_bytes=500)
    purchasely.push_together(audience, remove("stranger"), add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"user_id": {*PEOPLE}}
    accepted = [one for one in sandbox.traffic.exchanges(operation="add") if one.status == 202]
    assert [one.count for one in accepted] == [25] * 4


def test_the_largest_delivery_fits(vendor: Vendor, purchasely: Purchasely, audience: Audience) -> None:
    """As many identifiers as a delivery may have bytes, in both lists, stay below Purchasely's limit."""
    share = Purchasely.delivery_bytes // 2 // 512
    leave, enter = (tuple(f"{number:0509}" for number in range(start, start + share)) for start in (0, share))
    size = sum(len(json.dumps(part, separators=(",", ":"))) for part in (leave, enter))
    assert Purchasely.delivery_bytes - 1024 < size <= Purchasely.delivery_bytes
    vendor.configure(max_body_bytes=9_500_000)
    purchasely.push_together(audience, remove(*leave), add(*enter))
    assert len(vendor.members(audience.remote_id)["user_id"]) == share


def test_the_limit_of_a_key_is_kept(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """Two entries with one key, together and with all their questions, never run into its limit."""
    vendor.configure(rate_limit=10, rate_window_seconds=0.4)
    waits = Throttles(Retry(attempts=1, poll_seconds=(0.001,)), window_seconds=0.5)
    ours = [connect(waits=waits, requests_per_minute=10) for _ in range(2)]

    def fill(number: int) -> None:
        audience = ours[number].create(Purchasely.AudienceSettings(name=f"Audience {number}"))
        ours[number].push(audience, add(*PEOPLE))
        ours[number].push(audience, remove(*PEOPLE))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, range(2)))
    answers = {exchange.status for exchange in sandbox.traffic.exchanges()}
    assert answers == {200, 201, 202}


@pytest.mark.parametrize("says_when", [True, False])
def test_a_limit_that_others_use_up_is_waited_for(vendor: Vendor, connect: Connect, says_when: bool) -> None:
    """Where our own count is too high, a 429 slows us down and nothing fails."""
    vendor.configure(rate_limit=3, rate_window_seconds=0.2, says_when=says_when)
    purchasely = connect(waits=Throttles(RETRY, window_seconds=0.2))
    for _ in range(5):
        assert purchasely.find(WANTED, None) is None


def test_what_purchasely_skips_is_counted(vendor: Vendor, purchasely: Purchasely, audience: Audience) -> None:
    """Identifiers that are too long do not stop the others, and are counted."""
    vendor.configure(max_identifier_length=8)
    receipt = purchasely.push(audience, add("short", "much too long", "also too long"))
    assert (receipt.rejections, receipt.unnamed_rejections) == ((), 2)
    assert vendor.members(audience.remote_id) == {"user_id": {"short"}}


@pytest.mark.parametrize("silent", [True, False])
def test_a_delivery_of_which_all_is_skipped(
    vendor: Vendor, purchasely: Purchasely, audience: Audience, silent: bool
) -> None:
    """Whether or not Purchasely then says that it was at work, the run goes on."""
    vendor.configure(max_identifier_length=8, silent_when_all_skipped=silent)
    receipt = purchasely.push(audience, add("much too long"))
    assert receipt.unnamed_rejections == (0 if silent else 1)
    purchasely.push(audience, add("short"))
    assert vendor.members(audience.remote_id) == {"user_id": {"short"}}


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_job_that_fails(vendor: Vendor, purchasely: Purchasely, audience: Audience, share: float) -> None:
    """Whatever part of it was done, the error has the counts, and the same delivery goes through later."""
    vendor.configure(failing_jobs=1, failed_share=share)
    done = round(100 * share)
    with pytest.raises(UnavailableError, match=rf"{done} processed, 0 skipped, {100 - done} with errors"):
        purchasely.push(audience, add(*PEOPLE))
    purchasely.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"user_id": {*PEOPLE}}


def test_an_audience_of_the_other_type(vendor: Vendor, purchasely: Purchasely) -> None:
    """It takes members of its own type only; whoever comes with the other is told, and nothing is sent."""
    wanted = Purchasely.AudienceSettings(name=WANTED.name, identifier_type=PersonId.ANONYMOUS_ID)
    audience = purchasely.create(wanted)
    purchasely.push(audience, add("ABC", kind="anonymous_id"))
    for call in (
        lambda: purchasely.push(audience, add("cust-1")),
        lambda: purchasely.find(WANTED, None),
        lambda: purchasely.create(WANTED),
    ):
        with pytest.raises(RefusedError, match=r"anonymous_id.*user_id"):
            call()
    assert vendor.members(audience.remote_id) == {"anonymous_id": {"ABC"}}


@pytest.mark.parametrize("clash", [409, 422])
def test_the_race_for_a_key(vendor: Vendor, purchasely: Purchasely, clash: int) -> None:
    """Whoever makes it first, both end with the same audience, under the label that it got."""
    vendor.configure(clash_status=clash)
    theirs = vendor.add_audience("Their name", vendor_id="vip_customers", members={"user_id": ["a"]})
    assert purchasely.create(WANTED) == Audience(theirs, "Their name")


@pytest.mark.parametrize("reads", ["missing", "shown"])
@pytest.mark.parametrize("clash", [409, 422])
def test_a_key_that_an_archived_audience_keeps(
    vendor: Vendor, purchasely: Purchasely, audience: Audience, reads: str, clash: int
) -> None:
    """It is not found, and the message says what to set; where the key is free again, it is used again."""
    purchasely.delete(audience)
    vendor.configure(archived_keys="taken", archived_reads=reads, clash_status=clash)
    assert purchasely.find(WANTED, audience.remote_id) is None
    purchasely.delete(audience)
    with pytest.raises(RefusedError, match=r"archived.*another audience\.vendor_id"):
        purchasely.create(WANTED)
    vendor.configure(archived_keys="free")
    assert purchasely.create(WANTED) == audience


def test_an_audience_that_vanished(vendor: Vendor, purchasely: Purchasely, audience: Audience) -> None:
    """Every call on it says that it is gone, and finding it finds nothing."""
    vendor.delete_audience(audience.remote_id)
    calls: list[Callable[[], object]] = [
        lambda: purchasely.push(audience, add(*PEOPLE)),
        lambda: purchasely.clear(audience),
        lambda: purchasely.size(audience),
        lambda: list(purchasely.members(audience, "user_id")),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert purchasely.find(WANTED, audience.remote_id) is None


def test_one_among_many_audiences(vendor: Vendor, purchasely: Purchasely) -> None:
    """It is found on whichever page of the list it is."""
    for number in range(60):
        vendor.add_audience(f"Other {number}")
    audience = purchasely.create(WANTED)
    assert purchasely.find(WANTED, None) == audience


def test_wrong_keys_and_missing_options(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """A wrong key, another app's key and an option that is not paid for: each is told in its own words."""
    assert connect().check().passed
    with pytest.raises(AuthenticationError, match="Client API Keys") as caught:
        connect(api_key="wr0ng").check()
    assert "wr0ng" not in str(caught.value)
    assert "check app_id" in connect(api_key="other-key").check().lines[0]
    apps = {"app_sandbox": App(key="sandbox-key", has_custom_audiences=False)}
    vendor.configure(apps=apps)
    result = connect().check()
    assert not result.passed
    assert "Ask Purchasely to enable it" in result.lines[0]
    with pytest.raises(AccessError, match="Ask Purchasely to enable it"):
        connect().find(WANTED, None)


def test_two_apps_are_two_places(vendor: Vendor, connect: Connect, audience: Audience) -> None:
    """The same key in another app is another audience."""
    other = connect(api_key="other-key", app_id="app_other")
    assert other.find(WANTED, None) is None
    other.push(other.create(WANTED), add("theirs"))
    assert vendor.members(audience.remote_id) == {}
    assert vendor.members("app_other:vip_customers") == {"user_id": {"theirs"}}


@pytest.mark.parametrize("effect", ["error", "reset", "truncate", "garbage"])
def test_nobody_is_named(
    sandbox: Sandbox,
    vendor: Vendor,
    connect: Connect,
    audience: Audience,
    caplog: pytest.LogCaptureFixture,
    effect: Any,
) -> None:
    """Neither an identifier nor the key is in an error or a log, not even the cursor of a long list."""
    caplog.set_level(logging.DEBUG)
    vendor.put_members(audience.remote_id, "user_id", [f"canary-{number}" for number in range(12_000)])
    purchasely = connect()
    assert len(everybody(purchasely, audience)) == 12_000
    sandbox.faults.add(Fault(effect=effect, status=422, nth=3, times=None))
    told = []
    for call in (lambda: everybody(purchasely, audience), lambda: purchasely.push(audience, add(*PEOPLE))):
        with pytest.raises(DestinationError) as caught:
            call()
        told.append(f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")
    told += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert "canary" not in "\n".join(told)
    assert "sandbox-key" not in "\n".join(told)


def test_replace_is_never_used(sandbox: Sandbox, purchasely: Purchasely, audience: Audience) -> None:
    """Replacing all members is allowed once in twelve hours: no call of ours does it."""
    purchasely.push(audience, add(*PEOPLE))
    purchasely.push_together(audience, remove(PEOPLE[0]), add("new"))
    purchasely.clear(audience)
    assert "replace" not in operations(sandbox)
