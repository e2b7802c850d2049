"""The Criteo Retail Media adapter against the sandbox: promises, seen from inside the vendor."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dbt_activate.delivery import Audience
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.destinations.criteo_retail_media import CriteoRetailMedia
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.identifiers import hashed
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.criteo_retail_media import Account
from dbt_activate.sandbox.criteo_retail_media import CriteoRetailMedia as Vendor
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.deliveries import add, operations, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., CriteoRetailMedia]

WANTED = CriteoRetailMedia.AudienceSettings(name="Loyalty gold", description="Spenders")
CUSTOMERS = CriteoRetailMedia.AudienceSettings(name="Loyalty gold", identifier_type="customer_id")
PEOPLE = tuple(hashed(f"p{n}@example.com") for n in range(100))
ACCOUNT, OTHER_ACCOUNT = "342345123523334144", "342345123523334145"


@pytest.fixture
def vendor() -> Vendor:
    """Criteo Retail Media, to look into."""
    return Vendor()


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("criteo_retail_media"), "requests_per_minute": None}
    return partial(connect_as, CriteoRetailMedia, **keys)


@pytest.fixture
def retail(connect: Connect) -> CriteoRetailMedia:
    """The adapter with the sandbox's own credentials."""
    return connect()


@pytest.fixture
def audience(retail: CriteoRetailMedia) -> Audience:
    """An audience that we made."""
    return retail.create(WANTED)


def test_an_audience_from_its_making_to_its_end(vendor: Vendor, retail: CriteoRetailMedia) -> None:
    """Made, found by name and by id, renamed, described, filled, counted, emptied, deleted."""
    assert retail.find(CUSTOMERS, None) is None
    audience = retail.create(CUSTOMERS)
    assert int(audience.remote_id) > 2**53
    assert retail.find(CUSTOMERS, None) == retail.find(CUSTOMERS, audience.remote_id) == audience
    other = CUSTOMERS.model_copy(update={"name": "Gold", "description": "The best"})
    assert retail.update(audience, other) == retail.find(other, None)
    for _ in range(2):
        retail.push(audience, add("8436881", "17", "18", kind="customer_id"))
        retail.push(audience, remove("17", "99", kind="customer_id"))
    assert vendor.members(audience.remote_id) == {"CustomerId": {"8436881", "18"}}
    assert retail.size(audience) == 2
    retail.clear(audience)
    assert vendor.members(audience.remote_id) == {}
    retail.delete(audience)
    retail.delete(audience)
    assert vendor.audiences() == []


def test_strangers_stay(vendor: Vendor, retail: CriteoRetailMedia, audience: Audience) -> None:
    """Whoever somebody else put in is not touched by what we add and remove."""
    vendor.put_members(audience.remote_id, "Email", ["stranger@example.com"])
    retail.push(audience, add(*PEOPLE[:3]))
    retail.push(audience, remove(*PEOPLE[:2]))
    assert vendor.members(audience.remote_id) == {"Email": {"stranger@example.com", PEOPLE[2]}}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=503, applied=True),
        Fault(effect="error", status=200),
        Fault(effect="error", status=429, retry_after=0),
        Fault(effect="error", status=401),
        Fault(effect="reset"),
        Fault(effect="reset", applied=True),
        Fault(effect="truncate"),
        Fault(effect="garbage", applied=True),
        Fault(effect="delay", delay_seconds=0.4, applied=True),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status} {fault.applied}",
)
def test_a_fault_changes_nothing_in_the_end(
    sandbox: Sandbox, vendor: Vendor, connect: Connect, audience: Audience, fault: Fault
) -> None:
    """Whatever goes wrong on the way, before or after it was carried out, all is as it should be."""
    retail = connect(timeout_seconds=0.25)
    vendor.put_members(audience.remote_id, "Email", PEOPLE)
    operations = ("create", "add", "remove", "search", "rename", "delete", "clear")
    orders = [
        sandbox.faults.add(fault.model_copy(update={"operation": operation})) for operation in operations
    ]
    second = retail.create(CriteoRetailMedia.AudienceSettings(name="Lapsed"))
    second = retail.update(second, CriteoRetailMedia.AudienceSettings(name="Lapsed customers"))
    retail.push(second, add(*PEOPLE))
    retail.push(second, remove(*PEOPLE[:50]))
    assert retail.find(CriteoRetailMedia.AudienceSettings(name="Lapsed customers"), None) == second
    assert vendor.members(second.remote_id) == {"Email": set(PEOPLE[50:])}
    retail.clear(audience)
    assert vendor.members(audience.remote_id) == {}
    retail.delete(audience)
    assert [held.name for held in vendor.audiences()] == ["Lapsed customers"]
    assert all(order.hit for order in orders)


def test_tokens_that_expire_in_the_middle(
    sandbox: Sandbox, vendor: Vendor, retail: CriteoRetailMedia, audience: Audience
) -> None:
    """Eight threads whose token dies under them go on with one new one."""
    sandbox.expire_tokens()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda person: retail.push(audience, add(person)), PEOPLE))
    assert vendor.members(audience.remote_id) == {"Email": set(PEOPLE)}
    assert operations(sandbox).count("token") == 2


def test_both_products_share_the_limit_of_their_app(sandbox: Sandbox, connect: Connect) -> None:
    """Marketing Solutions and Retail Media, under one client id, together keep to the limit of one."""
    waits = Throttles(Retry(attempts=1), window_seconds=0.5)
    entry = {**sandbox.entry("criteo"), "targets": (), "requests_per_minute": 10}
    advertiser = Criteo(Criteo.Settings(**entry), waits)
    retail = connect(waits=waits, requests_per_minute=10)
    finds = [
        lambda: retail.find(WANTED, None),
        lambda: advertiser.find(Criteo.AudienceSettings(name="x"), None),
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: finds[number % 2](), range(24)))
    advertiser.close()
    times = [exchange.at for exchange in sandbox.traffic.exchanges()]
    assert {exchange.vendor for exchange in sandbox.traffic.exchanges()} == {"criteo", "criteo_retail_media"}
    close = timedelta(seconds=0.4)
    assert all(later - earlier > close for earlier, later in zip(times, times[10:], strict=False))


def test_a_limit_that_others_use_up_is_waited_for(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """Where our own count is too high, Criteo's headers slow us down and nothing fails."""
    vendor.configure(rate_limit=3, rate_window_seconds=0.3)
    retail = connect(waits=Throttles(Retry(attempts=4, first_wait_seconds=0.01, total_seconds=30)))
    for _ in range(5):
        retail.find(WANTED, None)
    assert [each.status for each in sandbox.traffic.exchanges(operation="search")].count(200) == 5


def test_a_limit_that_stays_used_up(sandbox: Sandbox, retail: CriteoRetailMedia) -> None:
    """A wait beyond our patience is an error that says how long it is."""
    sandbox.faults.add(Fault(effect="error", operation="search", status=429, retry_after=600, times=None))
    with pytest.raises(UnavailableError) as caught:
        retail.find(WANTED, None)
    assert caught.value.retry_after == 600


@pytest.mark.parametrize("status", [400, 413])
def test_deliveries_shrink_to_what_passes(
    vendor: Vendor, retail: CriteoRetailMedia, audience: Audience, status: int
) -> None:
    """Whatever the real limit, and however it is told, requests are halved until all are in."""
    vendor.configure(max_identifiers=1_500, too_many_identifiers_status=status)
    many = tuple(hashed(str(number)) for number in range(5_000))
    retail.push(audience, add(*many))
    assert vendor.members(audience.remote_id) == {"Email": set(many)}


def test_a_body_that_is_too_large(vendor: Vendor, retail: CriteoRetailMedia, audience: Audience) -> None:
    """A limit on bytes halves requests, too."""
    vendor.configure(max_body_bytes=2_000)
    retail.push(audience, add(*PEOPLE))
    assert vendor.members(audience.remote_id) == {"Email": set(PEOPLE)}


@pytest.mark.parametrize("failures", ["warnings", "errors", "status"])
def test_names_that_are_taken(vendor: Vendor, retail: CriteoRetailMedia, failures: str) -> None:
    """Whoever is faster, both end with the same list; a rename onto another list is refused in words."""
    vendor.configure(failures=failures)
    theirs = vendor.add_audience("Loyalty gold")
    vendor.add_audience("Silver")
    ours = retail.create(WANTED)
    assert ours.remote_id == theirs
    with pytest.raises(AudienceTakenError, match="cannot be renamed to 'Silver'"):
        retail.update(ours, CriteoRetailMedia.AudienceSettings(name="Silver"))


def test_a_name_of_another_retailer(vendor: Vendor, retail: CriteoRetailMedia) -> None:
    """A list of another retailer is never taken for ours, wherever names have to be unique."""
    theirs = vendor.add_audience("Loyalty gold", retailer="3239")
    assert retail.find(WANTED, None) is None
    with pytest.raises(AudienceTakenError, match=f"retailer 1234 of account {ACCOUNT} it shows no such"):
        retail.create(WANTED)
    vendor.configure(name_scope="retailer")
    assert retail.create(WANTED).remote_id != theirs


def test_an_audience_of_another_account_or_retailer(vendor: Vendor, retail: CriteoRetailMedia) -> None:
    """An id from elsewhere is not filled; one of another retailer is not "gone", either."""
    with pytest.raises(AccessError, match="Check remote_id, account_id and retailer_id"):
        retail.find(WANTED, vendor.add_audience("theirs", retailer="3239"))
    assert retail.find(WANTED, vendor.add_audience("elsewhere", OTHER_ACCOUNT)) is None


def test_a_list_of_another_type(vendor: Vendor, retail: CriteoRetailMedia) -> None:
    """A list of customer ids takes no e-mails: nothing is sent, whether it was found or made."""
    audience = retail.create(CUSTOMERS)
    for attempt in (
        lambda: retail.push(audience, add(*PEOPLE)),
        lambda: retail.find(WANTED, None),
        lambda: retail.find(WANTED, audience.remote_id),
        lambda: retail.create(WANTED),
    ):
        with pytest.raises(RefusedError, match="type CustomerId, and not Email"):
            attempt()
    assert vendor.members(audience.remote_id) == {}


def test_a_list_that_does_not_say_its_type(vendor: Vendor, connect: Connect) -> None:
    """It is believed to be what the project says."""
    vendor.configure(tells_identifier_type=False)
    theirs = vendor.add_audience("Loyalty gold", identifier_type="CustomerId")
    found = connect().find(CUSTOMERS, None)
    assert found is not None
    connect().push(found, add("17", kind="customer_id"))
    assert vendor.members(theirs) == {"CustomerId": {"17"}}


def test_a_list_that_is_read_only(vendor: Vendor, retail: CriteoRetailMedia) -> None:
    """It is found, and refused in words."""
    vendor.add_audience("Loyalty gold", read_only=True)
    for attempt in (lambda: retail.find(WANTED, None), lambda: retail.create(WANTED)):
        with pytest.raises(RefusedError, match=r"'Loyalty gold'.*is read-only"):
            attempt()


@pytest.mark.parametrize("failures", ["warnings", "errors", "status"])
@pytest.mark.parametrize("missing", ["status", "errors", "warnings"])
@pytest.mark.parametrize("code", ["audience-invalid", "segment-not-found"])
def test_an_audience_that_was_deleted(
    vendor: Vendor, retail: CriteoRetailMedia, audience: Audience, failures: str, missing: str, code: str
) -> None:
    """However Criteo says it, every call on it says that it is gone, and finding it finds nothing."""
    vendor.configure(failures=failures, missing_list=missing, missing_list_code=code)
    vendor.delete_audience(audience.remote_id)
    calls = [
        lambda: retail.push(audience, add(*PEOPLE)),
        lambda: retail.update(audience, CriteoRetailMedia.AudienceSettings(name="Gold")),
        lambda: retail.clear(audience),
        lambda: retail.size(audience),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert retail.find(WANTED, audience.remote_id) is None
    retail.delete(audience)


def test_gone_in_words_that_we_do_not_know(
    vendor: Vendor, retail: CriteoRetailMedia, audience: Audience
) -> None:
    """A 404 with any code of Criteo's is looked into by a search."""
    vendor.configure(missing_list_code="list-unknown")
    vendor.delete_audience(audience.remote_id)
    for call in (lambda: retail.push(audience, add(*PEOPLE)), lambda: retail.clear(audience)):
        with pytest.raises(AudienceGoneError):
            call()
    assert retail.find(WANTED, audience.remote_id) is None


def test_what_criteo_finds_wrong_is_counted(retail: CriteoRetailMedia, audience: Audience) -> None:
    """Wrong identifiers do not stop the others, and are shown masked."""
    receipt = retail.push(audience, add(PEOPLE[0], "not an address"))
    assert (receipt.unnamed_rejections, receipt.sample) == (1, ("n… (14 characters)",))


def test_debug_lists_what_is_in_reach(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """Good credentials: every account and every retailer of ours by id and name; nothing is changed."""
    vendor.configure(
        accounts={ACCOUNT: Account(name="Grocer FR", retailers={str(n): f"Shop {n}" for n in range(23)})}
    )
    result = connect(retailer_id="22").check()
    assert result.passed
    assert {f"  {ACCOUNT}  Grocer FR (supply)", "  22  Shop 22"} <= set(result.lines)
    assert result.lines[-1] == f"Contact lists go to retailer 22 of account {ACCOUNT}."
    assert {exchange.operation for exchange in sandbox.traffic.exchanges()} == {
        *("token", "accounts", "retailers", "search")
    }


def test_debug_says_what_is_missing(connect: Connect) -> None:
    """An account without consent, and a retailer that the account does not have."""
    missing = connect(account_id="12345").check()
    assert (missing.passed, "account_id 12345 is not among them." in missing.lines) == (False, True)
    assert "consent link" in missing.lines[-1]
    missing = connect(retailer_id="99").check()
    assert (missing.passed, "retailer_id 99 is not among them." in missing.lines) == (False, True)
    assert f"  {ACCOUNT}  Grocer FR (supply)" in missing.lines


@pytest.mark.parametrize(
    ("permissions", "name"),
    [
        (("campaigns", "read", "manage"), "RetailMedia_Accounts_Read"),
        (("accounts", "read", "manage"), "RetailMedia_Campaign_Read"),
        (("accounts", "campaigns", "manage"), "RetailMedia_Audience_Manage"),
    ],
)
def test_debug_names_the_permission(
    vendor: Vendor, connect: Connect, permissions: tuple[str, ...], name: str
) -> None:
    """Each of the three that may be missing is named, and what was found so far is shown."""
    clients = {
        key: client.model_copy(update={"permissions": permissions})
        for key, client in vendor.settings.clients.items()
    }
    vendor.configure(clients=clients)
    result = connect().check()
    assert not result.passed
    assert name in result.lines[-1]


def test_an_account_that_answers_with_nothing(vendor: Vendor, connect: Connect) -> None:
    """Where a missing consent is an empty success, nothing is taken for made, changed or deleted."""
    vendor.configure(without_consent="empty")
    elsewhere = connect(account_id="12345")
    audience = Audience("568708742535471104", "Loyalty gold")
    assert elsewhere.find(WANTED, None) is None
    attempts: list[Callable[[], object]] = [
        lambda: elsewhere.create(WANTED),
        lambda: elsewhere.update(audience, CriteoRetailMedia.AudienceSettings(name="Gold")),
        lambda: elsewhere.delete(audience),
    ]
    for attempt in attempts:
        with pytest.raises(AccessError, match="gave no reason"):
            attempt()


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


def test_nobody_is_named(
    sandbox: Sandbox, connect: Connect, audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, no identifier and no secret is in a message, a log or a receipt."""
    caplog.set_level(logging.DEBUG)
    retail = connect(waits=Throttles(Retry(attempts=2, first_wait_seconds=0.001)), timeout_seconds=0.2)
    said = [str(retail.push(audience, add("ada lovelace@example.com")))]
    for effect in (
        {"status": 400},
        {"status": 403},
        {"status": 500},
        {"effect": "garbage"},
        {"effect": "reset"},
    ):
        sandbox.faults.add(Fault(**{"effect": "error", "operation": "add", "times": 2, **effect}))
        with pytest.raises(DestinationError) as caught:
            retail.push(audience, add("ada@example.com"))
        said.append(f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")
        sandbox.faults.clear()
    everything = " ".join([*said, *(record.getMessage() for record in caplog.records)])
    for secret in ("ada@", "lovelace", "sandbox-secret"):
        assert secret not in everything
