"""One segment in every destination: sync, change, verify, prune, and nothing private anywhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dbt_activate import Project
from dbt_activate.sandbox import Fault
from tests.everywhere import ACTIVATIONS, AUDIENCE, MODEL, activate_everywhere, as_sent, members
from tests.shop import VIPS, Shop

READING = ["emarsys", "purchasely", "selligent"]


@pytest.fixture
def everywhere(shop: Shop) -> Shop:
    """A shop whose segment goes into every destination."""
    activate_everywhere(shop)
    return shop


def only(shop: Shop, destination: str) -> None:
    """Let the segment go into one destination alone."""
    keys = {"destination": destination, "audience": AUDIENCE, **ACTIVATIONS[destination]}
    shop.configure(MODEL, keys)


def test_one_segment_in_all_of_them(everywhere: Shop) -> None:
    """Everybody is in each audience; after a change, exactly the new segment is."""
    result = everywhere.activate("sync", "--threads", "4")
    assert result.exit_code == 0, result.output
    for destination in ACTIVATIONS:
        assert members(everywhere, destination) == as_sent(destination, VIPS), destination
    people = {*sorted(VIPS)[10:], "guest@shop.test"}
    everywhere.hold(MODEL, people)
    changed = everywhere.activate("sync", "--threads", "4")
    assert changed.exit_code == 0, changed.output
    for destination in ACTIVATIONS:
        assert members(everywhere, destination) == as_sent(destination, people), destination
    rows = everywhere.query("select distinct added, removed from prod_activate.runs where removed > 0")
    assert rows == [(1, 10)]


def test_what_shares_a_request_takes_one(everywhere: Shop) -> None:
    """Who enters and who leaves go to Batch and Purchasely in one request."""
    everywhere.activate("sync")
    everywhere.sandbox.traffic.clear()
    everywhere.hold(MODEL, {*sorted(VIPS)[10:], "guest@shop.test"})
    everywhere.activate("sync")
    for vendor in ("batch", "purchasely"):
        sent = Counter(one.operation for one in everywhere.sandbox.traffic.exchanges(vendor=vendor))
        assert (sent["change"], sent["add"], sent["remove"]) == (1, 0, 0), vendor


@pytest.mark.parametrize("destination", READING)
def test_verify_finds_and_repairs(everywhere: Shop, destination: str) -> None:
    """Who was taken out behind our back is found by name, and put back; a stranger stays."""
    only(everywhere, destination)
    everywhere.activate("sync")
    assert everywhere.activate("verify").exit_code == 0
    vendor = everywhere.sandbox.vendors[destination]
    [audience] = vendor.audiences()
    [kind] = vendor.members(audience.id)
    vendor.take_members(audience.id, kind, ["vip7@shop.test"])
    vendor.put_members(audience.id, kind, ["stranger@shop.test"])
    [found] = Project(everywhere.root).verify()
    assert found.missing is not None
    assert found.strangers is not None
    assert found.missing["identifier"].to_list() == ["vip7@shop.test"]
    assert found.strangers["identifier"].to_list() == ["stranger@shop.test"]
    told = everywhere.activate("verify")
    assert told.exit_code == 1
    assert "vip7@" not in told.output
    assert everywhere.activate("verify", "--repair").exit_code == 0
    assert members(everywhere, destination) == {*VIPS, "stranger@shop.test"}
    assert everywhere.activate("verify").exit_code == 0
    runs = everywhere.query("select status, members from prod_activate.runs order by started_at, run_id")
    assert runs == [("success", len(VIPS)), ("noted", 0), ("success", len(VIPS))]


@pytest.mark.parametrize("destination", READING)
def test_strangers_leave_where_the_audience_is_ours_alone(everywhere: Shop, destination: str) -> None:
    """``on_existing: replace`` says so; without it they are never touched."""
    keys = {"destination": destination, "audience": AUDIENCE, **ACTIVATIONS[destination]}
    everywhere.configure(MODEL, {**keys, "on_existing": "replace"})
    everywhere.activate("sync")
    vendor = everywhere.sandbox.vendors[destination]
    [audience] = vendor.audiences()
    [kind] = vendor.members(audience.id)
    vendor.put_members(audience.id, kind, ["stranger@shop.test"])
    assert everywhere.activate("verify").exit_code == 1
    assert everywhere.activate("verify", "--repair").exit_code == 0
    assert members(everywhere, destination) == VIPS


@pytest.mark.parametrize("on_existing", ["error", "replace"])
def test_a_repair_removes_no_more_than_the_guard_allows(everywhere: Shop, on_existing: str) -> None:
    """The model lost most of its rows: only strangers may leave in any number, and only where told so."""
    keys = {"destination": "emarsys", "audience": AUDIENCE, **ACTIVATIONS["emarsys"]}
    everywhere.configure(MODEL, {**keys, "on_existing": on_existing})
    everywhere.activate("sync")
    vendor = everywhere.sandbox.emarsys
    [audience] = vendor.audiences()
    [kind] = vendor.members(audience.id)
    vendor.take_members(audience.id, kind, ["vip7@shop.test"])
    everywhere.hold(MODEL, ["vip1@shop.test"])
    result = everywhere.activate("verify", "--repair")
    assert (result.exit_code, "max_removed" in result.output) == (1, True)
    assert len(members(everywhere, "emarsys")) == len(VIPS) - 1
    assert everywhere.activate("verify").exit_code == 1


def test_where_only_a_number_is_told_it_is_compared(everywhere: Shop) -> None:
    """Batch counts; a number that differs is an error, and a full refresh mends it."""
    only(everywhere, "batch")
    everywhere.activate("sync")
    [equal] = Project(everywhere.root).verify()
    assert (equal.verdict, equal.actual, equal.missing) == ("equal", 100, None)
    [audience] = everywhere.sandbox.batch.audiences()
    [kind] = everywhere.sandbox.batch.members(audience.id)
    everywhere.sandbox.batch.take_members(audience.id, kind, ["vip7@shop.test"])
    result = everywhere.activate("verify")
    assert (result.exit_code, "--full-refresh" in result.output) == (1, True)
    everywhere.activate("sync", "--full-refresh")
    assert everywhere.activate("verify").exit_code == 0


@pytest.mark.parametrize("schedule", [None, "daily", "manual"])
def test_what_verify_advises_mends(everywhere: Shop, schedule: str | None) -> None:
    """Its advice, carried out as it stands, sends everybody again though the audience is not due."""
    keys = {"destination": "batch", "audience": AUDIENCE, **ACTIVATIONS["batch"]}
    everywhere.configure(MODEL, {**keys, "schedule": schedule} if schedule else keys)
    everywhere.activate("sync", "--ignore-schedule")
    [audience] = everywhere.sandbox.batch.audiences()
    [kind] = everywhere.sandbox.batch.members(audience.id)
    everywhere.sandbox.batch.take_members(audience.id, kind, ["vip7@shop.test"])
    [different] = Project(everywhere.root).verify()
    advice = re.findall(r"--[a-z-]+", different.note)
    assert ("--ignore-schedule" in advice) is (schedule is not None)
    assert everywhere.activate("sync", *advice).exit_code == 0
    assert everywhere.activate("verify").exit_code == 0


def test_verify_before_the_first_sync_and_of_an_audience_that_is_gone(everywhere: Shop) -> None:
    """Nothing to compare is no error; an audience that vanished is one, and repair makes it anew."""
    only(everywhere, "selligent")
    [before] = Project(everywhere.root).verify()
    assert before.verdict == "not compared"
    everywhere.activate("sync")
    [audience] = everywhere.sandbox.selligent.audiences()
    everywhere.sandbox.selligent.delete_audience(audience.id)
    [gone] = Project(everywhere.root).verify()
    assert gone.verdict == "gone"
    repaired = everywhere.activate("verify", "--repair")
    assert repaired.exit_code == 0, repaired.output
    assert members(everywhere, "selligent") == VIPS


def test_pruned_everywhere(everywhere: Shop) -> None:
    """Once the activations are gone, nobody of ours is left in any of the tools."""
    everywhere.activate("sync")
    everywhere.configure(MODEL, None)
    result = everywhere.activate("prune", "--yes")
    assert result.exit_code == 0, result.output
    assert [one for one in ACTIVATIONS if members(everywhere, one)] == []


@pytest.mark.parametrize("destination", sorted(ACTIVATIONS))
def test_emptied_by_reset(everywhere: Shop, destination: str) -> None:
    """``reset --clear`` empties the audience in every tool."""
    only(everywhere, destination)
    everywhere.activate("sync")
    result = everywhere.activate("reset", "-s", MODEL, "--clear", "--yes")
    assert result.exit_code == 0, result.output
    assert members(everywhere, destination) == set()


@pytest.mark.parametrize("destination", sorted({*ACTIVATIONS} - {"files", "http"}))
@pytest.mark.parametrize("how", ["adopt", "replace"])
def test_an_audience_that_was_there_before(everywhere: Shop, destination: str, how: str) -> None:
    """It is refused at first; adopted, its members stay; replaced, only ours are in it."""
    only(everywhere, destination)
    everywhere.activate("sync")
    everywhere.activate("reset", "-s", MODEL, "--yes")
    vendor = everywhere.sandbox.vendors[destination]
    [audience] = vendor.audiences()
    [kind] = vendor.members(audience.id)
    vendor.put_members(audience.id, kind, ["stranger@shop.test"])
    assert "which this activation did not make" in everywhere.activate("sync").output
    keys = {"destination": destination, "audience": AUDIENCE, **ACTIVATIONS[destination]}
    everywhere.configure(MODEL, {**keys, "on_existing": how})
    result = everywhere.activate("sync")
    assert result.exit_code == 0, result.output
    strangers = {"stranger@shop.test"} if how == "adopt" else set()
    assert members(everywhere, destination) == as_sent(destination, VIPS) | strangers


def test_lists_of_selligent_are_worked_on_one_at_a_time(everywhere: Shop) -> None:
    """Three activations into one list and two into others: no collision, and the others are not held up."""
    selligent = everywhere.sandbox.selligent
    selligent.configure(bulk_seconds=0.15)
    lists = ["CUSTOMERS", "CUSTOMERS", "CUSTOMERS", "NEWSLETTER", "PROSPECTS"]
    everywhere.configure(
        MODEL,
        [
            {
                "destination": "selligent",
                "name": f"vip_{number}",
                "audience": {"name": f"VIP {number}", "list": name},
                "mapping": {"MAIL": "email"},
            }
            for number, name in enumerate(lists)
        ],
    )
    text = yaml.safe_load((everywhere.root / "destinations.yml").read_text())
    text["selligent"]["delivery_size"] = 25
    (everywhere.root / "destinations.yml").write_text(yaml.safe_dump(text))
    result = everywhere.activate("sync", "--threads", "4")
    assert result.exit_code == 0, result.output
    assert selligent.collisions == 0
    for audience in selligent.audiences():
        assert selligent.members(audience.id) == {"MAIL": set(VIPS)}
    ends = {one["activation"]: one["timing"][0]["completed_at"] for one in everywhere.artifact()["results"]}
    free = {ends["selligent.vip_3"], ends["selligent.vip_4"]}
    assert max(free) < sorted(ends[f"selligent.vip_{number}"] for number in range(3))[1]


def test_unknown_people_are_accounted_for(everywhere: Shop) -> None:
    """Emarsys names whom it does not know; Selligent counts them; the others are all in."""
    known = sorted(VIPS)[:90]
    everywhere.sandbox.emarsys.configure(contacts=[{"email": one} for one in known])
    everywhere.sandbox.selligent.know("CUSTOMERS", known)
    everywhere.activate("sync")
    results = {one["destination"]: one["counts"] for one in everywhere.artifact()["results"]}
    assert (results["emarsys"]["rejected"], results["selligent"]["unnamed_rejections"]) == (10, 10)
    listed = json.loads(everywhere.activate("rejections", "--output", "json").stdout)
    assert {one["code"] for one in listed} == {"2008"}
    assert members(everywhere, "emarsys") == set(known)
    everywhere.sandbox.emarsys.configure(contacts="everybody")
    everywhere.activate("sync")
    assert members(everywhere, "emarsys") == set(VIPS)


SECRET_KEYS = {"client_secret", "rest_api_key", "api_key", "api_secret", "bearer_token"}


def test_nothing_but_mapped_columns_and_nothing_private(everywhere: Shop) -> None:
    """No other column is in any body; no secret and no identifier in lines, logs, errors or artifacts."""
    entries = yaml.safe_load((everywhere.root / "destinations.yml").read_text())
    given = {str(one[key]) for one in entries.values() for key in SECRET_KEYS & one.keys()}
    secrets = given - {"sandbox"}  # Selligent's key here; the word is in every path
    flags = ("--debug", "--log-format", "json")
    said = [everywhere.activate("sync", *flags)]
    everywhere.hold(MODEL, {"canary@shop.test", "canary is no address"})
    for vendor in everywhere.sandbox.vendors:
        everywhere.sandbox.faults.add(Fault(vendor=vendor, effect="error", status=400, operation="add"))
        everywhere.sandbox.faults.add(Fault(vendor=vendor, effect="error", status=400, operation="change"))
    said += [
        everywhere.activate("sync", *flags, "--allow-mass-removal"),
        *(everywhere.activate(command, *flags) for command in ("debug", "status", "history", "rejections")),
        everywhere.activate("verify", *flags),
    ]
    bodies = b"".join(one.body or b"" for one in everywhere.sandbox.traffic.exchanges())
    assert b"6d92078a-8246-4ba4-ae5b" not in bodies  # the mobile advertising ids, which are not mapped
    artifacts = Path(everywhere.root / "target" / "activate").rglob("*")
    everything = "\n".join([*(one.output for one in said), *(file.read_text() for file in artifacts)])
    assert "canary@" not in everything
    assert "vip7@" not in everything
    assert [one for one in secrets if one in everything] == []
