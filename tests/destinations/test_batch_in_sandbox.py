"""The Batch adapter against the sandbox's Batch: promises, seen from inside the vendor."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dbt_activate.delivery import Audience, Confirmation
from dbt_activate.destinations.batch import Batch
from dbt_activate.errors import (
    AudienceGoneError,
    AuthenticationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.batch import Batch as Vendor
from dbt_activate.sandbox.batch import BatchSettings
from dbt_activate.throttle import Retry, Throttles
from tests.destinations import deliveries
from tests.destinations.deliveries import operations

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Batch]

SHOP, OUTLET = BatchSettings().projects
WANTED = Batch.AudienceSettings(name="VIP customers", description="Spenders", api_name="vip")
PEOPLE = tuple(f"canary-{n}" for n in range(100))
add = partial(deliveries.add, kind="customer_id")
remove = partial(deliveries.remove, kind="customer_id")


@pytest.fixture
def vendor() -> Vendor:
    """The sandbox's Batch, without a rate limit."""
    return Vendor(BatchSettings(rate_limit=None))


@pytest.fixture
def connect(sandbox: Sandbox, connect_as: Connect) -> Connect:
    """Make adapters that talk to the sandbox."""
    keys = {**sandbox.entry("batch"), "requests_per_second": None, "confirm_seconds": 20}
    return partial(connect_as, Batch, **keys)


@pytest.fixture
def batch(connect: Connect) -> Batch:
    """The adapter with the sandbox's own keys."""
    return connect()


@pytest.fixture
def audience(batch: Batch) -> Audience:
    """An audience that we made."""
    return batch.create(WANTED)


def test_an_audience_from_its_making_to_its_end(vendor: Vendor, batch: Batch) -> None:
    """Made, found, filled, confirmed, counted, emptied, deleted; whoever else is in it stays until then."""
    assert batch.find(WANTED, None) is None
    audience = batch.create(WANTED)
    assert batch.find(WANTED, None) == batch.find(WANTED, audience.remote_id) == audience
    vendor.put_members("vip", "customer_id", ["stranger"])
    receipts = [batch.push(audience, one) for one in (add(*PEOPLE[:3]), remove(PEOPLE[0], PEOPLE[9])) * 2]
    receipts += batch.push_together(audience, remove(PEOPLE[1]), add(PEOPLE[4]))
    assert batch.confirm(audience, [str(one.reference) for one in receipts]) == Confirmation()
    assert vendor.members("vip") == {"customer_id": {"stranger", PEOPLE[1 + 1], PEOPLE[4]}}
    assert batch.size(audience) == 3
    batch.clear(audience)
    assert vendor.members("vip") == {}
    batch.delete(audience)
    batch.delete(audience)
    assert vendor.audiences() == []


def test_a_whole_delivery(sandbox: Sandbox, vendor: Vendor, batch: Batch, audience: Audience) -> None:
    """10,000 ids go in one request, as what they are: case, spaces and accents stay."""
    people = ["Ädá Ω 7", *(f"c{number}" for number in range(batch.delivery_size - 1))]
    batch.push(audience, add(*people))
    assert vendor.members("vip") == {"customer_id": set(people)}
    assert operations(sandbox).count("add") == 1


@pytest.mark.parametrize("knob", [{"too_many_ids_status": 413, "max_ids": 30}, {"max_body_bytes": 2000}])
def test_deliveries_shrink_to_what_passes(
    vendor: Vendor, batch: Batch, audience: Audience, knob: dict[str, Any]
) -> None:
    """What Batch finds too large is halved until it passes, and every token is followed."""
    vendor.configure(indexing_polls=2, **knob)
    receipt = batch.push(audience, add(*PEOPLE))
    removed, added = batch.push_together(audience, remove(*PEOPLE[:60]), add("last"))
    assert vendor.members("vip") == {"customer_id": {*PEOPLE[60:], "last"}}
    tokens = [str(one.reference) for one in (receipt, removed, added)]
    assert batch.confirm(audience, tokens) == Confirmation()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="error", status=500, times=2),
        Fault(effect="error", status=502, applied=True),
        Fault(effect="error", status=503),
        Fault(effect="error", status=504, applied=True),
        Fault(effect="error", status=200),
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
    sandbox: Sandbox, vendor: Vendor, connect: Connect, fault: Fault
) -> None:
    """Whatever goes wrong on the way, and before or after it was carried out, all are in and once made."""
    batch = connect(timeout_seconds=0.4)
    for operation in ("create", "find", "add", "change", "status", "clear", "delete"):
        sandbox.faults.add(fault.model_copy(update={"operation": operation}))
    audience = batch.create(WANTED)
    vendor.put_members("vip", "customer_id", ["stranger"])
    batch.clear(audience)
    receipts = [
        batch.push(audience, add(*PEOPLE)),
        *batch.push_together(audience, remove(PEOPLE[0]), add("x")),
    ]
    assert batch.confirm(audience, [str(one.reference) for one in receipts]) == Confirmation()
    assert [held.name for held in vendor.audiences()] == ["VIP customers"]
    assert vendor.members("vip") == {"customer_id": {*PEOPLE[1:], "x"}}
    batch.delete(audience)
    assert vendor.audiences() == []


def test_nothing_private_is_told(
    sandbox: Sandbox, connect: Connect, audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """No identifier and no key is in any message or log, whatever fails, also where Batch quotes it."""
    caplog.set_level(logging.DEBUG)
    batch = connect()
    told = []
    for status in (400, 401, 403, 404, 413, 429, 500, 503):
        sandbox.faults.clear()
        sandbox.faults.add(Fault(effect="error", status=status, operation="add", times=None))
        with pytest.raises((RefusedError, AuthenticationError, UnavailableError)) as caught:
            batch.push(audience, add("canary-1"))
        told.append(f"{caught.value!r} {caught.value}")
    told.append(repr([batch.push(audience, remove("canary-1"))]))
    everything = "\n".join(told) + caplog.text
    assert "update" in everything
    assert "canary" not in everything
    assert "sandbox-rest-key" not in everything


def test_audiences_of_a_project_share_its_limit(sandbox: Sandbox, vendor: Vendor, connect: Connect) -> None:
    """Two entries of one project, together, never run into its limit; another project has its own."""
    vendor.configure(rate_limit=1, rate_window_seconds=0.95)
    waits = Throttles(Retry(attempts=1))
    entries = [connect(waits=waits, requests_per_second=1, project_key=key) for key in (SHOP, SHOP, OUTLET)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: entries[number % 3].find(WANTED, None), range(6)))
    assert [exchange.status for exchange in sandbox.traffic.exchanges()] == [404] * 6


def test_a_limit_that_others_use_up_is_waited_for(vendor: Vendor, connect: Connect) -> None:
    """Where our own count is too high, we slow down, with a header and without."""
    waits = Throttles(Retry(attempts=6, first_wait_seconds=0.05, total_seconds=30))
    batch = connect(waits=waits)
    vendor.configure(rate_limit=1, rate_window_seconds=0.2)
    assert [batch.find(WANTED, None) for _ in range(3)] == [None] * 3
    vendor.configure(retry_after=True)
    assert [batch.find(WANTED, None) for _ in range(2)] == [None] * 2


def test_a_limit_that_stays_used_up(sandbox: Sandbox, batch: Batch) -> None:
    """A wait beyond our patience is an error that says how long it is."""
    sandbox.faults.add(Fault(effect="error", operation="find", status=429, retry_after=600, times=None))
    with pytest.raises(UnavailableError) as caught:
        batch.find(WANTED, None)
    assert caught.value.retry_after == 600


@pytest.mark.parametrize("shape", ["prefixed", "plain", "text"])
@pytest.mark.parametrize("status", [202, 400, 409])
def test_the_race_for_a_name(vendor: Vendor, batch: Batch, status: int, shape: str) -> None:
    """Whoever makes it first, and however Batch says so, both end with the same audience."""
    vendor.configure(taken_name_status=status, error_shape=shape)
    vendor.add_audience("Theirs", api_name="vip", members={"customer_id": ["stranger"]})
    assert batch.create(WANTED) == Audience("vip", "Theirs")
    assert vendor.members("vip") == {"customer_id": {"stranger"}}


@pytest.mark.parametrize("held", ["EMAIL", "INSTALL_ID"])
def test_a_name_that_something_else_has(vendor: Vendor, batch: Batch, held: str) -> None:
    """An audience of another type is in the way of its name, and the message says so."""
    vendor.add_audience("vip", type=held)
    for attempt in (lambda: batch.find(WANTED, None), lambda: batch.create(WANTED)):
        with pytest.raises(RefusedError, match=f"is of type {held}"):
            attempt()


@pytest.mark.parametrize("status", [400, 404])
def test_an_audience_that_was_deleted(vendor: Vendor, batch: Batch, audience: Audience, status: int) -> None:
    """Every call on it says that it is gone, and finding it finds nothing."""
    vendor.configure(unknown_audience_status=status)
    vendor.delete_audience("vip")
    calls: list[Callable[[], object]] = [
        lambda: batch.push(audience, add(*PEOPLE)),
        lambda: batch.push_together(audience, remove("a"), add("b")),
        lambda: batch.clear(audience),
        lambda: batch.size(audience),
        lambda: batch.confirm(audience, ["t1"]),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="no longer there"):
            call()
    assert batch.find(WANTED, "vip") is None
    batch.delete(audience)


def test_an_audience_that_shows_late(sandbox: Sandbox, vendor: Vendor, batch: Batch) -> None:
    """What was just made is waited for, so that the first delivery finds it."""
    vendor.configure(hidden_views=2)
    batch.push(batch.create(WANTED), add(*PEOPLE))
    assert operations(sandbox) == ["create", "find", "find", "find", "add"]


@pytest.mark.parametrize("habit", ["clears", "refused", "ignored"])
@pytest.mark.parametrize("lingering_views", [0, 2])
def test_clearing(vendor: Vendor, batch: Batch, audience: Audience, habit: str, lingering_views: int) -> None:
    """However Batch takes it, the audience is empty afterwards, and takes what comes next."""
    vendor.configure(
        empty_replace=habit, lingering_views=lingering_views, applies_late=True, indexing_polls=2
    )
    vendor.put_members("vip", "customer_id", ["stranger"])
    batch.clear(audience)
    receipt = batch.push(audience, add(*PEOPLE))
    assert batch.confirm(audience, [str(receipt.reference)]) == Confirmation()
    assert vendor.members("vip") == {"customer_id": set(PEOPLE)}
    assert [(held.api_name, held.name) for held in vendor.audiences()] == [("vip", "VIP customers")]


@pytest.mark.parametrize("word", ["IN_PROGRESS", "IN_PROCESS"])
def test_changes_that_are_never_applied(
    vendor: Vendor, connect: Connect, audience: Audience, word: str
) -> None:
    """They are accepted, waited for as long as the settings say, and then counted as not confirmed."""
    batch = connect(confirm_seconds=0.2)
    vendor.configure(indexing_polls=None, indexing_state=word)
    tokens = [str(batch.push(audience, one).reference) for one in (add("a"), add("b"))]
    assert batch.confirm(audience, tokens) == Confirmation(unconfirmed=2)


def test_a_token_that_batch_does_not_know(connect: Connect, audience: Audience) -> None:
    """As long as the audience is there, it is only not confirmed."""
    assert connect(confirm_seconds=0.5).confirm(audience, ["0" * 32]) == Confirmation(unconfirmed=1)


def test_members_that_somebody_replaced(sandbox: Sandbox, batch: Batch, audience: Audience) -> None:
    """A change that was overwritten meanwhile is told in words."""
    receipt = batch.push(audience, add(*PEOPLE))
    headers = {"Authorization": "Bearer sandbox-rest-key", "X-Batch-Project": SHOP}
    body = {"name": "vip", "ids": [{"id": "stranger"}]}
    requests.post(f"{sandbox.url}/batch/2.11/audiences/replace", json=body, headers=headers, timeout=10)
    confirmation = batch.confirm(audience, [str(receipt.reference)])
    assert confirmation.unconfirmed == 0
    assert "Somebody replaced the members of 'VIP customers'" in confirmation.note


def test_errors_inside_a_success_are_counted(vendor: Vendor, batch: Batch, audience: Audience) -> None:
    """Should Batch name ids that it did not take, as for profiles, the receipt counts them."""
    vendor.configure(partial_errors=2)
    assert batch.push(audience, add(*PEOPLE)).unnamed_rejections == 2


def test_debug_counts_the_audiences(sandbox: Sandbox, batch: Batch, audience: Audience) -> None:
    """Good keys: the project and how many audiences it has, by one look at their list."""
    sandbox.traffic.clear()
    result = batch.check()
    assert result.passed
    assert result.lines == (f"The keys are good, and open the project {SHOP} (audiences in it: 1).",)
    assert operations(sandbox) == ["search"]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("wrong", [{"rest_api_key": "wr0ng"}, {"project_key": "project_wr0ng"}])
def test_wrong_keys(
    sandbox: Sandbox, vendor: Vendor, connect: Connect, wrong: dict[str, str], status: int
) -> None:
    """A wrong key, or one of another company's project, is tried once, and is not in the message."""
    vendor.configure(refused_keys_status=status)
    with pytest.raises(AuthenticationError, match="Settings > General") as caught:
        connect(**wrong).check()
    assert "wr0ng" not in str(caught.value)
    assert operations(sandbox) == ["search"]


def test_a_version_that_is_not_there(connect: Connect) -> None:
    """The message names the settings to check."""
    with pytest.raises(RefusedError, match="check base_url and api_version"):
        connect(api_version="9.9").check()


def test_deliveries_side_by_side(vendor: Vendor, batch: Batch, audience: Audience) -> None:
    """Deliveries of several threads all arrive, and each has a token of its own."""
    with ThreadPoolExecutor(batch.concurrency) as pool:
        receipts = list(pool.map(lambda person: batch.push(audience, add(person)), PEOPLE[:40]))
    assert vendor.members("vip") == {"customer_id": set(PEOPLE[:40])}
    assert len({receipt.reference for receipt in receipts}) == 40
