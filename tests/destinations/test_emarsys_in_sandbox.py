"""The Emarsys adapter against the sandbox's Emarsys: promises, seen from inside the vendor."""

from __future__ import annotations

import logging
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.delivery import Audience
from dbt_activate.destinations.emarsys import Emarsys
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.emarsys import ApiUser, ContactField
from dbt_activate.sandbox.emarsys import Emarsys as Vendor
from dbt_activate.sandbox.emarsys.settings import FIELDS, PERMISSIONS
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.deliveries import add, operations, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Emarsys]

WANTED = Emarsys.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = tuple(f"p{n}@example.com" for n in range(60))
OPERATIONS = ("create", "add", "remove", "rename", "find", "read", "count", "search", "delete")
WSSE = {"auth": "wsse", "username": "sandbox001", "secret": "sandbox-secret"}


@pytest.fixture
def vendor() -> Vendor:
    """Emarsys, seen from inside."""
    return Vendor()


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("emarsys"), "requests_per_minute": None}
    without_oauth = {"client_id": None, "client_secret": None, "base_url": f"{sandbox.url}/emarsys/api/v2"}

    def make(**more: Any) -> Emarsys:
        return connect_as(Emarsys, **keys | (without_oauth if "auth" in more else {}) | more)

    return make


@pytest.fixture
def emarsys(connect: Connect) -> Emarsys:
    """The adapter with the sandbox's own credentials."""
    return connect()


@pytest.fixture
def audience(emarsys: Emarsys) -> Audience:
    """A list that we made."""
    return emarsys.create(WANTED)


def everybody(emarsys: Emarsys, audience: Audience, kind: str = "email") -> set[str]:
    """Read all members back."""
    return {value for page in emarsys.members(audience, kind) for value in page}


@pytest.mark.parametrize("proof", [{}, WSSE], ids=["oauth", "wsse"])
def test_a_list_from_its_making_to_its_end(vendor: Vendor, connect: Connect, proof: dict[str, Any]) -> None:
    """Made, found by name and by id, renamed, filled, read, counted, emptied, deleted."""
    emarsys = connect(**proof)
    assert emarsys.find(WANTED, None) is None
    audience = emarsys.create(WANTED)
    assert vendor.audience(audience.remote_id).description == "Spenders"
    found = emarsys.find(WANTED, None)
    assert found == emarsys.find(WANTED, audience.remote_id) == Audience(audience.remote_id, WANTED.name)
    other = Emarsys.AudienceSettings(name="VIPs")
    assert emarsys.update(found, other) == emarsys.find(other, None)
    for _ in range(2):
        emarsys.push(audience, add(*PEOPLE[:3]))
        emarsys.push(audience, remove(PEOPLE[0], PEOPLE[9]))
    assert vendor.members(audience.remote_id) == {"email": set(PEOPLE[1:3])}
    assert everybody(emarsys, audience) == set(PEOPLE[1:3])
    assert emarsys.size(audience) == 2
    emarsys.clear(audience)
    assert emarsys.size(audience) == 0
    for _ in range(2):
        emarsys.delete(audience)
    assert vendor.audiences() == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=502),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=200),
        Fault(effect="error", status=423),
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
    sandbox: Sandbox, vendor: Vendor, connect: Connect, audience: Audience, fault: Fault
) -> None:
    """Whatever goes wrong on the way, and before or after it was carried out, the right people are in."""
    emarsys = connect(timeout_seconds=0.4)
    orders = [
        sandbox.faults.add(fault.model_copy(update={"operation": each}))
        for each in (OPERATIONS if fault.reset_after_seconds is None else ("add",))  # each takes a second
    ]
    second = emarsys.create(Emarsys.AudienceSettings(name="Lapsed"))
    second = emarsys.update(second, Emarsys.AudienceSettings(name="Lapsed customers"))
    assert emarsys.find(WANTED, audience.remote_id)
    emarsys.push(second, add(*PEOPLE, kind="customer_number"))
    emarsys.push(second, remove(*PEOPLE[:20], kind="customer_number"))
    assert [held.name for held in vendor.audiences()] == [audience.name, "Lapsed customers"]
    assert vendor.members(second.remote_id) == {"customer_number": set(PEOPLE[20:])}
    assert everybody(emarsys, second, "customer_number") == set(PEOPLE[20:])
    assert emarsys.size(second) == 40
    emarsys.delete(second)
    assert [held.name for held in vendor.audiences()] == [audience.name]
    assert all(order.hit == fault.times for order in orders)


def test_strangers_stay(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """Who was put in by somebody else, by whichever field, is not touched by what we add and remove."""
    vendor.put_members(audience.remote_id, "customer_number", ["C1"])
    vendor.put_members(audience.remote_id, "email", ["stranger@example.com"])
    emarsys.push(audience, add(*PEOPLE))
    emarsys.push(audience, remove(*PEOPLE))
    assert vendor.members(audience.remote_id) == {
        "customer_number": {"C1"},
        "email": {"stranger@example.com"},
    }


@pytest.mark.parametrize("status", [400, 500])
def test_deliveries_shrink_to_what_passes(
    vendor: Vendor, emarsys: Emarsys, audience: Audience, status: int
) -> None:
    """A limit that is lower than documented halves requests until they pass, and clearing with them."""
    vendor.configure(max_ids=7, list_error_status=status)
    emarsys.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"email": set(PEOPLE)}
    emarsys.clear(audience)
    assert vendor.members(audience.remote_id) == {}


def test_a_limit_on_the_body(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """A request that is too large in bytes is halved, too."""
    vendor.configure(max_body_bytes=300)
    emarsys.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"email": set(PEOPLE)}


@pytest.mark.parametrize("spelling", ["sent", "lower", "upper"])
@pytest.mark.parametrize("present", [True, False])
def test_people_who_are_no_contacts(
    vendor: Vendor, emarsys: Emarsys, audience: Audience, spelling: str, present: bool
) -> None:
    """They are rejected by name and not created, and get in once they are contacts."""
    vendor.configure(contacts=[{"email": "THOR@example.com"}], error_keys=spelling, counts_present=present)
    delivery = add("thor@example.com", "loki@example.com")
    for _ in range(2):
        (rejection,) = emarsys.push(audience, delivery).rejections
        assert (rejection.position, rejection.code, rejection.reason) == (1, "2008", "not an Emarsys contact")
    vendor.add_contact({"email": "loki@example.com"})
    assert emarsys.push(audience, delivery).rejections == ()
    assert vendor.members(audience.remote_id) == {"email": {"thor@example.com", "loki@example.com"}}


def test_removing_people_who_are_no_contacts(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """They are in no list, so that there is nothing to reject."""
    vendor.configure(contacts=[{"email": "thor@example.com"}])
    emarsys.push(audience, add("thor@example.com"))
    receipt = emarsys.push(audience, remove("thor@example.com", "ghost@example.com"))
    assert (receipt.rejections, receipt.unnamed_rejections) == ((), 0)
    assert vendor.members(audience.remote_id) == {}


def test_people_who_are_several_contacts(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """A value that is not unique is rejected when it enters and when it leaves, with advice."""
    vendor.configure(contacts=[{"email": "twin@example.com"}, {"email": "Twin@example.com"}])
    for delivery in (add("twin@example.com"), remove("twin@example.com")):
        (rejection,) = emarsys.push(audience, delivery).rejections
        assert (rejection.code, "map a key field that is unique" in rejection.reason) == ("2010", True)


@pytest.mark.parametrize("mapped", ["customer_number", "Customer Number", "10569"])
def test_a_key_field(vendor: Vendor, emarsys: Emarsys, audience: Audience, mapped: str) -> None:
    """People can be known by any indexed field, named in any of its ways."""
    vendor.configure(contacts=[{"customer_number": "C1", "email": "thor@example.com"}])
    emarsys.push(audience, add("C1", "C2", kind=mapped))
    assert vendor.members(audience.remote_id) == {"customer_number": {"C1"}}
    assert everybody(emarsys, audience, mapped) == {"C1"}
    assert everybody(emarsys, audience, "email") == {"thor@example.com"}


@pytest.mark.parametrize("told", ["400", "200", "<NO_KEY_ID>"])
@pytest.mark.parametrize("code", ["2004", "2015"])
def test_a_field_without_an_index(
    vendor: Vendor, emarsys: Emarsys, audience: Audience, told: str, code: str
) -> None:
    """In whichever way Emarsys says so, the message says what to ask for, and nobody got in."""
    vendor.configure(bad_key=told, not_indexed=code)
    with pytest.raises(RefusedError, match=f"{code}.*indexed: SAP's support does that on request"):
        emarsys.push(audience, add("K1", kind="loyalty_card"))
    assert vendor.members(audience.remote_id) == {}


def test_a_name_that_two_fields_have(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """It is refused with both numbers, and works by the string id."""
    double = ContactField(id=99, string_id="card_2", name="customer number")
    vendor.configure(fields=(*FIELDS, double))
    with pytest.raises(RefusedError, match="10569, 99"):
        emarsys.push(audience, add("C1", kind="Customer number"))
    emarsys.push(audience, add("C1", kind="card_2"))
    assert vendor.members(audience.remote_id) == {"card_2": {"C1"}}


@pytest.mark.parametrize("enveloped", [True, False])
@pytest.mark.parametrize("on_v3", [True, False])
def test_reading_members(
    sandbox: Sandbox, vendor: Vendor, emarsys: Emarsys, audience: Audience, enveloped: bool, on_v3: bool
) -> None:
    """Wherever and in whichever shape the ids are, a list of several pages is read and cleared whole."""
    vendor.configure(contact_ids_enveloped=enveloped, contact_ids_on_v3=on_v3, bearer_on_v2=True)
    people = {f"p{n}@example.com" for n in range(10_500)}
    vendor.put_members(audience.remote_id, "email", people)
    assert everybody(emarsys, audience) == people
    assert operations(sandbox).count("read") == 2 + 11 + (not on_v3)
    emarsys.clear(audience)
    assert vendor.members(audience.remote_id) == {}
    assert [exchange.count for exchange in sandbox.traffic.exchanges(operation="remove")] == [10_000, 500]


def test_members_that_cannot_be_read_back(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """Where only v2 has them, and takes no access tokens, the message says so."""
    vendor.configure(contact_ids_on_v3=False)
    for call in (lambda: everybody(emarsys, audience), lambda: emarsys.clear(audience)):
        with pytest.raises(RefusedError, match="cannot be read back on this account"):
            call()


def test_members_without_the_mapped_field(
    vendor: Vendor, emarsys: Emarsys, audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """They are left out and counted, and cleared all the same."""
    vendor.put_members(audience.remote_id, "customer_number", ["C1"])
    emarsys.push(audience, add("thor@example.com"))
    assert everybody(emarsys, audience) == {"thor@example.com"}
    assert "1 members of 'VIP customers' have no email" in caplog.text
    emarsys.clear(audience)
    assert emarsys.size(audience) == 0


@pytest.mark.parametrize("status", [400, 500])
def test_the_race_for_a_name(vendor: Vendor, emarsys: Emarsys, status: int) -> None:
    """Whoever makes it first, in whichever case, both end with the same list."""
    vendor.configure(list_error_status=status)
    theirs = vendor.add_audience("vip CUSTOMERS")
    assert emarsys.create(WANTED) == Audience(theirs, "vip CUSTOMERS")
    assert emarsys.find(WANTED, None) == Audience(theirs, "vip CUSTOMERS")


def test_names_that_differ_by_case_only(vendor: Vendor, emarsys: Emarsys) -> None:
    """Where Emarsys tells them apart after all, the exact one is found."""
    vendor.configure(names_fold_case=False)
    vendor.add_audience("vip customers")
    theirs = vendor.add_audience("VIP customers")
    assert emarsys.find(WANTED, None) == Audience(theirs, "VIP customers")
    with pytest.raises(RefusedError, match=r"Set audience\.remote_id to one"):
        emarsys.find(Emarsys.AudienceSettings(name="VIP CUSTOMERS"), None)


@pytest.mark.parametrize("status", [400, 500])
def test_a_new_name(vendor: Vendor, emarsys: Emarsys, audience: Audience, status: int) -> None:
    """One that another list has, or that Emarsys does not take, is refused in words; another case is fine."""
    vendor.configure(list_error_status=status)
    vendor.add_audience("VIPs")
    with pytest.raises(AudienceTakenError, match="cannot be renamed to 'vips'"):
        emarsys.update(audience, Emarsys.AudienceSettings(name="vips"))
    with pytest.raises(RefusedError, match="letters, digits, spaces"):
        emarsys.update(audience, Emarsys.AudienceSettings(name="VIP / customers"))
    with pytest.raises(RefusedError, match="letters, digits, spaces"):
        emarsys.create(Emarsys.AudienceSettings(name="VIP / customers"))
    assert emarsys.update(audience, Emarsys.AudienceSettings(name="vip customers")).name == "vip customers"


@pytest.mark.parametrize("told", ["400 3004", "400 3006", "404 3006"])
def test_a_list_that_was_deleted(vendor: Vendor, emarsys: Emarsys, audience: Audience, told: str) -> None:
    """Every call on it says that it is gone, finding it finds nothing, and deleting it is done."""
    vendor.configure(unknown_list=told)
    vendor.delete_audience(audience.remote_id)
    calls = [
        lambda: emarsys.push(audience, add(*PEOPLE)),
        lambda: emarsys.push(audience, remove(*PEOPLE)),
        lambda: emarsys.update(audience, Emarsys.AudienceSettings(name="VIPs")),
        lambda: everybody(emarsys, audience),
        lambda: emarsys.clear(audience),
        lambda: emarsys.size(audience),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert emarsys.find(WANTED, audience.remote_id) is None
    emarsys.delete(audience)


def test_an_id_that_is_no_number(emarsys: Emarsys) -> None:
    """A list of such an id is not there, and never was."""
    assert emarsys.find(WANTED, "vips") is None
    with pytest.raises(AudienceGoneError):
        emarsys.size(Audience("vips", "VIPs"))


def test_a_list_in_a_segment(vendor: Vendor, emarsys: Emarsys, audience: Audience) -> None:
    """It is not deleted, and the message says where it is used."""
    vendor.configure(in_segments=[audience.remote_id])
    with pytest.raises(RefusedError, match="used in a combined segment"):
        emarsys.delete(audience)
    assert emarsys.find(WANTED, audience.remote_id)


@pytest.mark.parametrize(
    ("permission", "call"),
    [
        ("contactlist.list", lambda emarsys, audience: emarsys.find(WANTED, None)),
        ("contactlist.create", lambda emarsys, audience: emarsys.create(WANTED)),
        (
            "contactlist.rename",
            lambda emarsys, audience: emarsys.update(audience, Emarsys.AudienceSettings(name="VIPs")),
        ),
        ("contactlist.delete", lambda emarsys, audience: emarsys.delete(audience)),
        ("contactlist.contact.add", lambda emarsys, audience: emarsys.push(audience, add("a@b.co"))),
        ("contactlist.contact.delete", lambda emarsys, audience: emarsys.push(audience, remove("a@b.co"))),
        ("contactlist.contact.count", lambda emarsys, audience: emarsys.size(audience)),
        ("contactlist.contact.ids", lambda emarsys, audience: everybody(emarsys, audience)),
        ("contact.getdata", lambda emarsys, audience: everybody(emarsys, audience)),
        ("field.list", lambda emarsys, audience: emarsys.push(audience, add("K", kind="loyalty_card"))),
    ],
)
def test_a_permission_that_is_missing(
    vendor: Vendor, emarsys: Emarsys, permission: str, call: Callable[[Emarsys, Audience], Any]
) -> None:
    """The message names it, and no token is asked for again."""
    audience = Audience(vendor.add_audience("Others", members={"email": PEOPLE}), "Others")
    secret = vendor.settings.clients["sandbox"].secret
    rest = tuple(one for one in PERMISSIONS if one != permission)
    vendor.configure(clients={"sandbox": ApiUser(secret=secret, permissions=rest)})
    with pytest.raises(AccessError, match=f"Tick {permission} .*Management > Security Settings"):
        call(emarsys, audience)


@pytest.mark.parametrize("proof", [{}, WSSE], ids=["oauth", "wsse"])
def test_the_permissions_that_the_docs_ask_for_are_all_that_is_needed(
    sandbox: Sandbox, connect: Connect, proof: dict[str, Any]
) -> None:
    """Debug is content with good credentials and changes nothing."""
    result = connect(**proof).check()
    assert result.passed
    assert result.lines[:2] == (
        "The credentials are good. They see 0 contact lists.",
        "11 contact fields can be mapped by name.",
    )
    assert {exchange.operation for exchange in sandbox.traffic.exchanges()} <= {"token", "find", "search"}


@pytest.mark.parametrize("proof", [{"client_secret": "wr0ng"}, WSSE | {"secret": "wr0ng"}])
def test_wrong_credentials(sandbox: Sandbox, connect: Connect, proof: dict[str, Any]) -> None:
    """A wrong secret is tried once, and is not in the message."""
    with pytest.raises(AuthenticationError) as caught:
        connect(**proof).check()
    assert "wr0ng" not in str(caught.value)
    assert len(sandbox.traffic.exchanges()) == 1


def test_tokens_that_expire_in_the_middle(
    sandbox: Sandbox, vendor: Vendor, emarsys: Emarsys, audience: Audience
) -> None:
    """Threads whose token dies under them go on with one new one."""
    sandbox.expire_tokens()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda person: emarsys.push(audience, add(person)), PEOPLE))
    assert vendor.members(audience.remote_id) == {"email": set(PEOPLE)}
    assert operations(sandbox).count("token") == 2


def test_two_destinations_share_the_limit_of_their_user(
    sandbox: Sandbox, vendor: Vendor, connect: Connect
) -> None:
    """Two entries with the same credentials, together, never run into the limit of one."""
    waits = Throttles(Retry(attempts=1), window_seconds=0.5)
    vendor.configure(rate_limit=10, rate_window_seconds=0.4)
    ours = [connect(waits=waits, requests_per_minute=10) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ours[number % 2].find(WANTED, None), range(24)))
    assert all(exchange.status == 200 for exchange in sandbox.traffic.exchanges())


@pytest.mark.parametrize("as_text", [True, False])
def test_a_limit_that_others_use_up_is_waited_for(
    sandbox: Sandbox, vendor: Vendor, connect: Connect, as_text: bool
) -> None:
    """Where our own count is too high, Emarsys's headers slow us down and nothing fails."""
    vendor.configure(rate_limit=3, rate_window_seconds=0.3, rate_limit_as_text=as_text)
    emarsys = connect(waits=Throttles(Retry(attempts=4, first_wait_seconds=0.01, total_seconds=30)))
    for _ in range(4):
        emarsys.find(WANTED, None)
    assert operations(sandbox).count("find") == 4


def test_nothing_personal_is_told(
    sandbox: Sandbox, vendor: Vendor, emarsys: Emarsys, audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither identifiers nor secrets are in any message or log line, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    told = []
    for status in (200, 400, 401, 403, 404, 413, 423, 429, 500, 502, 503):
        sandbox.faults.clear()
        sandbox.faults.add(Fault(effect="error", path="/api/", status=status, times=None))
        for call in (
            lambda: emarsys.push(audience, add(*PEOPLE[:3])),
            lambda: everybody(emarsys, audience),
        ):
            with pytest.raises(DestinationError) as caught:
                call()
            told += [*traceback.format_exception(caught.value), repr(caught.value)]
    sandbox.faults.clear()
    vendor.configure(contacts=[])
    told.append(repr(emarsys.push(audience, add(*PEOPLE[:3]))))
    everything = caplog.text + "".join(told)
    assert "attempt 1" in everything
    assert not re.search(r"example\.com|sandbox-secret|c2FuZGJveDp|sandbox-[\w-]{20,}", everything)


def test_a_sandbox_that_is_away(sandbox: Sandbox, emarsys: Emarsys, audience: Audience) -> None:
    """Nobody there is "run again later"."""
    sandbox.stop()
    with pytest.raises(UnavailableError, match="no connection could be made"):
        emarsys.push(audience, add(*PEOPLE))
