"""Schedules at work: what a sync leaves for later, what a person may do all the same, and what is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from dbt_activate import ActivateError, Project, Status
from dbt_activate.sandbox import Fault
from dbt_activate.state.lease import utc_now
from tests.shop import Shop

BY_EMAIL = {"destination": "criteo", "mapping": {"email": "email"}}
IDLE = "PASS=0 WARN=0 ERROR=0 SKIP=0 NO-OP=1 TOTAL=1"
NEWCOMERS = ("-s", "newcomers")


def far_away() -> str:
    """Return a cron expression that fires in half a year, so that no test runs into it."""
    return f"0 0 1 {(utc_now().month + 5) % 12 + 1} *"


@dataclass
class Day:
    """A clock that a test sets, over the project of a shop whose newcomers are synced daily in Paris.

    Attributes:
        shop: The shop.
        now: The time in UTC.
    """

    shop: Shop
    now: datetime
    schedule: Any = field(default_factory=lambda: {"every": "daily", "timezone": "Europe/Paris"})

    def __post_init__(self) -> None:
        self.shop.configure("newcomers", {**BY_EMAIL, "schedule": self.schedule})

    def project(self) -> Project:
        """Return the project as it is now."""
        return Project(self.shop.root, clock=lambda: self.now)

    def sync(self, time: str, *select: str, **flags: Any) -> str:
        """Sync at a time, after dbt has built all anew, and return what became of the newcomers."""
        self.now = datetime.fromisoformat(time)
        self.shop.rebuild()
        return self.project().sync(*(select or ["newcomers"]), **flags)["newcomers"].status.value

    def status(self, time: str) -> tuple[str | None, bool]:
        """Return when the newcomers are due at a time, and whether they are overdue."""
        self.now = datetime.fromisoformat(time)
        record = next(
            one for one in self.project().status().records() if one["activation"].endswith("newcomers")
        )
        return record["next_due_at"], record["overdue"]


@pytest.fixture
def day(shop: Shop) -> Day:
    """The day before Paris changes its clocks."""
    return Day(shop, datetime.fromisoformat("2026-03-28 10:05"))


def test_an_hourly_job_serves_a_daily_audience(day: Day) -> None:
    """Due once midnight in its time zone has passed since the last success, on a short day, too."""
    times = [
        "2026-03-28 10:05",
        "2026-03-28 11:05",
        "2026-03-28 22:59",
        "2026-03-28 23:05",
        "2026-03-29 00:05",
    ]
    assert [day.sync(time) for time in times] == ["success", "not_due", "not_due", "success", "not_due"]
    assert [day.sync(time) for time in ("2026-03-29 21:59", "2026-03-29 22:00")] == ["not_due", "success"]


def test_a_late_turn_does_not_slip(day: Day) -> None:
    """What counts is when the invocation began, so that a turn after midnight does not cost the next day."""
    day.sync("2026-03-27 22:59")
    day.shop.query("update prod_activate.runs set started_at = started_at + interval 30 minute")
    assert day.sync("2026-03-28 22:59") == "success"


def test_what_is_not_due_is_left_alone(shop: Shop) -> None:
    """It counts as NO-OP, with the time when it is due; the others go out, and nothing is recorded of it."""
    shop.configure("newcomers", {**BY_EMAIL, "schedule": {"cron": far_away(), "timezone": "Europe/Paris"}})
    assert shop.activate("sync").exit_code == 0
    shop.hold("newcomers", ["somebody@shop.test"])
    result = shop.activate("sync")
    assert (result.exit_code, "NO-OP criteo.newcomers" in result.output) == (0, True)
    assert f"01 00:00 Europe/Paris (schedule: cron {far_away()}); --ignore-schedule" in result.output
    assert "ERROR=0 SKIP=0 NO-OP=1 TOTAL=2" in result.output
    [kept] = [one for one in shop.artifact()["results"] if one["activation"] == "criteo.newcomers"]
    assert (kept["status"], "not due until" in kept["message"]) == ("not_due", True)
    assert len(shop.audience("newcomers")["email"]) == 10
    assert shop.query("select count(*) from prod_activate.runs where activation = 'newcomers'") == [(1,)]


def test_ignore_schedule_overrides_and_due_is_the_default(shop: Shop) -> None:
    """A full refresh alone does not; nor does naming it."""
    shop.configure("newcomers", {**BY_EMAIL, "schedule": far_away()})
    assert "OK synced" in shop.activate("sync", *NEWCOMERS).output
    shop.rebuild()
    for flags in ([], ["--due"], ["--full-refresh"], ["--all"], ["--ignore-schedule", "--due"]):
        assert IDLE in shop.activate("sync", *NEWCOMERS, *flags).output
    assert "synced criteo.newcomers" in shop.activate("sync", *NEWCOMERS, "--ignore-schedule").output
    assert shop.artifact()["args"]["ignore_schedule"] is True


def test_a_plan_goes_by_the_schedule_too(shop: Shop) -> None:
    """It says when, and from Python the same stands in the error."""
    shop.configure("newcomers", {**BY_EMAIL, "schedule": far_away()})
    shop.activate("sync")
    shop.rebuild()
    assert "not due until" in shop.activate("plan", *NEWCOMERS).output
    assert "PLANNED" in shop.activate("plan", *NEWCOMERS, "--ignore-schedule").output
    with pytest.raises(ActivateError, match="not due until"):
        _ = Project(shop.root).plan("newcomers").added
    assert Project(shop.root).plan("newcomers", ignore_schedule=True).added.height == 0


def test_what_is_synced_by_hand_is_named(shop: Shop) -> None:
    """A job that syncs all, a folder or a pattern leaves it; who names it, or its model, means it."""
    shop.configure("newcomers", {**BY_EMAIL, "schedule": "manual"})
    project = Project(shop.root)
    for select in ((), ("path:models",), ("new*",), ("+newcomers",)):
        [found] = [one for one in project.plan(*select) if one.key == "criteo.newcomers"]
        assert (found.status, "by hand only" in found.message) == (Status.NOT_DUE, True), select
    for select in (("newcomers",), ("vip_customers newcomers",), ("vip_customers", "newcomers")):
        assert project.plan(*select)["newcomers"].status is Status.PLANNED, select
    assert project.plan("path:models", ignore_schedule=True)["newcomers"].status is Status.PLANNED
    assert project.sync("newcomers")["newcomers"].added == 10
    assert project.status()[0].next_due_at is None


def test_a_sync_that_failed_is_due_again_at_once(day: Day) -> None:
    """Also where another of the same day went well."""
    day.shop.sandbox.faults.add(Fault(effect="error", status=403, operation="add"))
    assert [day.sync("2026-03-28 10:05"), day.sync("2026-03-28 10:10")] == ["error", "success"]
    day.shop.hold("newcomers", [f"new{number}@shop.test" for number in range(1, 10)])
    day.shop.sandbox.faults.add(Fault(effect="error", status=403, operation="remove"))
    failed = day.sync("2026-03-28 11:05", ignore_schedule=True)
    assert [failed, day.sync("2026-03-28 12:05"), day.sync("2026-03-28 13:05")] == [
        "error",
        "success",
        "not_due",
    ]


def test_a_sync_that_was_held_is_due_again_at_once(day: Day) -> None:
    """A gate that opens later in the day lets it out that day; what is not due is not said to be held."""
    day.sync("2026-03-27 10:05")
    day.now = datetime.fromisoformat("2026-03-28 10:05")
    day.shop.rebuild(newcomers="error")
    assert day.project().sync("newcomers")["newcomers"].status is Status.HELD
    assert day.sync("2026-03-28 11:05") == "success"
    day.shop.rebuild(newcomers="error")
    assert day.project().sync("newcomers")["newcomers"].status is Status.NOT_DUE


def test_what_dbt_has_not_built_stays_due(day: Day) -> None:
    """A job that comes by before dbt does not use the day up: the next build goes out."""
    day.sync("2026-03-27 10:05")
    day.now += timedelta(days=1)
    assert day.project().sync("newcomers")["newcomers"].status is Status.UNCHANGED
    assert day.sync("2026-03-28 12:05") == "success"


def test_a_reset_is_due_at_once(day: Day) -> None:
    """Whoever resets an audience need not wait for it to be filled again."""
    day.sync("2026-03-28 10:05")
    day.project().reset("newcomers", clear=True)
    day.shop.configure("newcomers", {**BY_EMAIL, "schedule": "weekly", "on_existing": "adopt"})
    assert day.status("2026-03-28 10:30") == ("2026-03-28T10:05:00Z", False)
    assert day.sync("2026-03-28 11:05") == "success"


def test_status_says_when_it_is_due_and_whether_it_is_late(day: Day) -> None:
    """Late is what is due a second time; what has no schedule, or was never synced, has no time."""
    assert day.status("2026-03-28 09:00") == (None, False)
    day.sync("2026-03-28 10:05")
    due = "2026-03-28T23:00:00Z"
    assert [day.status("2026-03-28 11:00"), day.status("2026-03-29 10:00")] == [(due, False), (due, False)]
    assert day.status("2026-03-29 22:00") == (due, True)
    text = day.shop.activate("status").output
    assert "next due at" in text
    assert "2026-03-28 23:00:00Z  " in text
    shown = json.loads(day.shop.activate("status", "-s", "vip_customers", "--output", "json").stdout)
    assert [(one["next_due_at"], one["overdue"]) for one in shown] == [(None, False)]


def test_a_repair_does_not_wait(day: Day) -> None:
    """Who asks for a difference to be mended means now."""
    day.sync("2026-03-28 10:05")
    [audience] = day.shop.sandbox.criteo.audiences()
    day.shop.sandbox.criteo.delete_audience(audience.id)
    day.now += timedelta(hours=1)
    assert day.project().verify("newcomers", repair=True).success
    assert len(day.shop.audience("newcomers")["email"]) == 10


def test_no_schedule_that_never_fires(shop: Shop) -> None:
    """`validate` says so in CI, and `sync` sends nobody."""
    shop.configure("newcomers", {**BY_EMAIL, "schedule": "0 6 31 2 *"})
    for command in ("validate", "sync"):
        result = shop.activate(command)
        assert (result.exit_code, "schedule.cron: never fires" in result.output) == (1, True)
    assert shop.audience() == {}
