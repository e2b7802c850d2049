"""Schedules: when an audience is due, and what is wrong with what says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbt_activate.config.activation import merge_layers
from dbt_activate.config.activations import read_activations
from dbt_activate.config.destinations_file import read_destinations
from dbt_activate.config.schedule import Schedule, ScheduleSettings
from dbt_activate.dbt.manifest import Manifest, Metadata
from dbt_activate.dbt.project import read_project
from dbt_activate.errors import ConfigError

ENTRY = (
    "criteo: {type: criteo, targets: [prod], client_id: a, client_secret: \"{{ env_var('S') }}\", "
    'advertiser_id: "1"'
)
PARIS = "Europe/Paris"  # clocks go forward on 29 March 2026 at 02:00, back on 25 October at 03:00
HAVANA = "America/Havana"  # forward on 8 March 2026 at 00:00, back on 1 November at 01:00
ZONES = ["UTC", PARIS, HAVANA, "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "Africa/Cairo"]


def schedule(value: Any) -> Schedule:
    """Make the schedule that stands for what a person wrote."""
    found = ScheduleSettings.model_validate(merge_layers({"schedule": value})["schedule"]).schedule()
    assert found
    return found


def at(text: str) -> datetime:
    """Read a time in UTC."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("said", "last_success", "due"),
    [
        ("hourly", "2026-11-22 10:05", "2026-11-22 11:00"),
        ("hourly", "2026-11-22 10:59:59", "2026-11-22 11:00"),
        ("hourly", "2026-11-22 11:00", "2026-11-22 12:00"),
        ({"every": "hourly", "timezone": "Asia/Kolkata"}, "2026-11-22 10:05", "2026-11-22 10:30"),
        ("daily", "2026-11-22 00:05", "2026-11-23 00:00"),
        ("daily", "2026-11-22 23:59:59", "2026-11-23 00:00"),
        ("daily", "2026-11-30 06:00", "2026-12-01 00:00"),
        ("daily", "2026-12-31 06:00", "2027-01-01 00:00"),
        ("daily", "2028-02-28 06:00", "2028-02-29 00:00"),
        ({"every": "daily", "at": "6:30"}, "2026-11-22 06:29", "2026-11-22 06:30"),
        ({"every": "daily", "at": "06:30", "timezone": PARIS}, "2026-11-22 00:00", "2026-11-22 05:30"),
        ({"every": "daily", "timezone": PARIS}, "2026-03-28 23:30", "2026-03-29 22:00"),  # 23 hours long
        ({"every": "daily", "timezone": PARIS}, "2026-10-24 22:30", "2026-10-25 23:00"),  # 25 hours long
        ({"every": "daily", "at": "02:30", "timezone": PARIS}, "2026-03-28 02:00", "2026-03-29 01:00"),  # gap
        (
            {"every": "daily", "at": "02:30", "timezone": PARIS},
            "2026-10-25 00:30",
            "2026-10-26 01:30",
        ),  # once
        ({"every": "daily", "timezone": HAVANA}, "2026-03-07 12:00", "2026-03-08 05:00"),  # no midnight
        ({"every": "daily", "at": "00:45", "timezone": HAVANA}, "2026-11-01 05:30", "2026-11-02 05:45"),
        ("weekly", "2026-11-22 10:00", "2026-11-23 00:00"),
        ("weekly", "2026-11-23 00:00", "2026-11-30 00:00"),
        ({"every": "weekly", "at": "06:00", "timezone": PARIS}, "2026-11-22 10:00", "2026-11-23 05:00"),
        ("30 6 * * 1-5", "2026-11-20 07:00", "2026-11-23 06:30"),
        ("0 0 L * *", "2026-02-01 00:00", "2026-02-28 00:00"),
        ("0 0 29 2 *", "2026-02-28 00:00", "2028-02-29 00:00"),
        ({"cron": "0 */6 * * *", "timezone": PARIS}, "2026-11-22 06:00", "2026-11-22 11:00"),
        ({"cron": "*/15 * * * *", "timezone": PARIS}, "2026-10-25 00:50", "2026-10-25 01:00"),
    ],
)
def test_when_it_is_due(said: Any, last_success: str, due: str) -> None:
    """At the first moment of the schedule after the last success: not a second before, and from then on."""
    found, success, then = schedule(said), at(last_success), at(due)
    assert found.due_at(success) == then
    assert not found.is_due(then - timedelta(seconds=1), success)
    assert found.is_due(then, success)
    assert found.is_due(then + timedelta(days=400), success)


def test_what_has_no_success_is_due_at_once_unless_it_is_by_hand() -> None:
    """By hand is never due, however long ago the last success is."""
    now = at("2026-11-22 10:00")
    assert schedule("weekly").is_due(now, None)
    assert schedule("weekly").due_at(None) is None
    assert not schedule("manual").is_due(now, None)
    assert not schedule("manual").is_due(now, at("2020-01-01"))
    assert schedule("manual").due_at(at("2020-01-01")) is None


@pytest.mark.parametrize(
    ("said", "now", "grace", "expected"),
    [
        ("daily", "2026-11-23 23:59", None, False),
        ("daily", "2026-11-24 00:00", None, True),
        ("daily", "2026-11-23 01:59", timedelta(hours=2), False),
        ("daily", "2026-11-23 02:00", timedelta(hours=2), True),
        ("hourly", "2026-11-22 11:59", None, False),
        ("hourly", "2026-11-22 12:00", None, True),
        ("manual", "2036-11-23 00:00", None, False),
    ],
)
def test_when_it_is_overdue(said: str, now: str, grace: timedelta | None, expected: bool) -> None:
    """Once it is due a second time, or after a grace; what was never synced has no time to be late by."""
    assert schedule(said).is_overdue(at(now), at("2026-11-22 10:05"), grace) is expected
    assert not schedule(said).is_overdue(at(now), None, grace)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["daily"], ("0 0 * * *", "UTC", "daily")),
        ([{"every": "daily", "at": "6:30", "timezone": PARIS}], ("30 6 * * *", PARIS, "daily at 06:30")),
        ([{"every": "daily", "at": "06:30", "timezone": PARIS}, "hourly"], ("0 * * * *", PARIS, "hourly")),
        ([{"every": "daily", "at": "06:30"}, "0  6 * * *"], ("0 6 * * *", "UTC", "cron 0 6 * * *")),
        ([{"cron": "0 6 * * *", "timezone": PARIS}, "weekly"], ("0 0 * * 1", PARIS, "weekly")),
        (["weekly", {"timezone": PARIS}], ("0 0 * * 1", PARIS, "weekly")),
        (["weekly", "manual"], ("", "UTC", "manual")),
        ([{"timezone": PARIS}], None),
        (["weekly", None], None),
        ([{"every": "daily", "timezone": PARIS}, {"every": None}], None),
    ],
)
def test_layers_of_defaults(layers: list[Any], expected: tuple[str, str, str] | None) -> None:
    """Who says how often takes back what earlier layers said of it, but not the time zone."""
    merged = merge_layers(*({"schedule": layer} for layer in layers)).get("schedule", {})
    found = ScheduleSettings.model_validate(merged).schedule()
    assert found == (Schedule(*expected) if expected else None)


def project(folder: Path, defaults: str, *declared: Any) -> Any:
    """Read the activations of a project, one model each, or raise what is wrong."""
    (folder / "dbt_project.yml").write_text("name: shop")
    (folder / "destinations.yml").write_text(f"{ENTRY}, defaults: {defaults}}}")
    nodes = {
        f"model.shop.m{number}": {
            "resource_type": "model",
            "package_name": "shop",
            "name": f"m{number}",
            "relation_name": f"m{number}",
            "patch_path": "shop://models/schema.yml",
            "config": {"materialized": "table", "meta": meta},
        }
        for number, meta in enumerate(declared)
    }
    destinations = read_destinations(read_project(folder, environment={}))
    return read_activations(Manifest("target/manifest.json", Metadata(), nodes), destinations).items


ACTIVATION = {"destination": "criteo", "mapping": {"email": "email"}}


def test_a_schedule_may_stand_in_every_layer(tmp_path: Path) -> None:
    """In the destination's defaults, in those of a folder, and in the activation; null takes it away."""
    found = project(
        tmp_path,
        "{schedule: {every: daily, timezone: Europe/Paris}}",
        {"activation": ACTIVATION},
        {"activation": ACTIVATION, "activation_defaults": {"schedule": "weekly"}},
        {
            "activation": {**ACTIVATION, "schedule": "0 6 * * *"},
            "activation_defaults": {"schedule": "weekly"},
        },
        {"activation": {**ACTIVATION, "schedule": None}},
    )
    told = [one.schedule and (one.schedule.text, one.schedule.timezone) for one in found]
    assert told == [("daily", PARIS), ("weekly", PARIS), ("cron 0 6 * * *", PARIS), None]


NEVER = "schedule.cron: never fires: no month that it names has such a day. As the day, L is the last of the"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("0 0 31 2 *", NEVER),
        ("0 0 30 FEB *", NEVER),
        ("0 0 31 4,6,9,11 *", NEVER),
        ("0 0 */31 2 1#5", NEVER),
        ({"cron": "0 0 31 2 *", "timezone": PARIS}, NEVER),
        (
            "61 * * * *",
            "schedule.cron: is no cron expression: the minute, field 1, is wrong. It takes 0 to 59",
        ),
        (
            "0 0 45 2 *",
            "schedule.cron: is no cron expression: the day-of-month, field 3, is wrong. It takes 1",
        ),
        ("0 6 * * funday", "schedule.cron: is no cron expression: the day-of-week, field 5, is wrong."),
        ("0 6 * * 5-1", "schedule.cron: is no cron expression: the day-of-week, field 5, is wrong."),
        (f"{'9' * 5000} * * * *", "schedule.cron: is no cron expression. Write minute, hour"),
        ("0 6 * *", "schedule.cron: is no cron expression: it has 4 fields, not 5. Write minute, hour, day"),
        ("0 0 6 * * *", "schedule.cron: is no cron expression: it has 6 fields, not 5. Write minute, hour"),
        (
            "dayly",
            "schedule.cron: is neither `hourly`, `daily`, `weekly` or `manual`, nor a cron expression.",
        ),
        (
            "@daily",
            "schedule.cron: is neither `hourly`, `daily`, `weekly` or `manual`, nor a cron expression. Did",
        ),
        ("", "schedule.cron: is neither `hourly`"),
        (5, "schedule: must be text or a mapping. Write `hourly`"),
        (["daily"], "schedule: must be text or a mapping. Write `hourly`"),
        ({"cron": 5}, "schedule.cron: must be text. Put it in quotes."),
        ({"every": "dayly"}, "schedule.every: must be 'hourly', 'daily', 'weekly' or 'manual'."),
        ({"evry": "daily"}, "schedule.evry: is not a key that is known here. Did you mean 'every'?"),
        (
            {"every": "daily", "cron": "0 6 * * *"},
            "schedule: says how often twice, with `every` and `cron`. Keep one",
        ),
        (
            {"every": "daily", "at": 390},
            "schedule.at: must be text. Put it in quotes.",
        ),  # 6:30 without quotes
        (
            {"every": "daily", "at": "24:00"},
            "schedule.at: is no time of day. Write hours and minutes in quotes",
        ),
        ({"every": "hourly", "at": "06:30"}, "schedule: has `at` without `every: daily` or `every: weekly`"),
        ({"at": "06:30"}, "schedule: has `at` without `every: daily` or `every: weekly` beside it. Add one"),
        (
            {"timezone": "Paris"},
            "schedule.timezone: is no time zone that is known here. Did you mean 'Europe/Pa",
        ),
        (
            {"timezone": "europe/pariss"},
            "schedule.timezone: is no time zone that is known here. Did you mean 'Eu",
        ),
        ({"timezone": "Europe"}, "schedule.timezone: is no time zone that is known here. Write one such as"),
        (
            {"timezone": "../etc/passwd"},
            "schedule.timezone: is no time zone that is known here. Write one such",
        ),
        ({"timezone": ""}, "schedule.timezone: is no time zone that is known here. Write one such as"),
        ({"timezone": "UTC+2"}, "schedule.timezone: is no time zone that is known here."),
    ],
)
def test_a_wrong_schedule_is_named(tmp_path: Path, said: Any, message: str) -> None:
    """With its key, what is wrong, and what to write instead."""
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, "{}", {"activation": {**ACTIVATION, "schedule": said}})
    [found] = map(str, caught.value.problems)
    assert found.startswith(f"models/schema.yml: model m0: {message}")


def test_a_wrong_default_is_told_where_it_stands(tmp_path: Path) -> None:
    """A destination's default that never fires is one problem, however many activations it reaches."""
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, "{schedule: 0 0 31 2 *}", *[{"activation": ACTIVATION}] * 3)
    [found] = map(str, caught.value.problems)
    assert found.startswith(f"destinations.yml:1: destination criteo: defaults.{NEVER}")


PERIODS: dict[str, tuple[dict[str, str], Callable[[datetime], Any]]] = {
    "daily": ({"every": "daily"}, datetime.date),
    "daily at 02:30": (
        {"every": "daily", "at": "02:30"},
        lambda local: (local - timedelta(hours=2, minutes=30)).date(),
    ),
    "weekly": ({"every": "weekly"}, lambda local: local.isocalendar()[:2]),
    "monthly": ({"cron": "0 0 1 * *"}, lambda local: (local.year, local.month)),
}
"""Schedules, and how the period is named that a local time lies in: found without a cron expression."""


def runs_of(found: Schedule, calls: Iterable[datetime]) -> list[datetime]:
    """Sync at each call if it is due then, and return when it was."""
    runs: list[datetime] = []
    due: datetime | None = None
    for now in calls:
        if not runs or (due and due <= now):
            runs.append(now)
            due = found.due_at(now)
    return runs


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", PERIODS)
def test_a_year_of_an_hourly_job(name: str, zone: str) -> None:
    """At five past every hour: the first call in each period syncs, and no other, whatever the clocks do."""
    said, period = PERIODS[name]
    half_hours = [at("2026-01-01 00:00") + timedelta(minutes=30 * number) for number in range(366 * 48)]
    local = (one.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for one in half_hours)
    named = list(accumulate(map(period, local), max))  # an hour that comes twice does not lead back
    first: dict[Any, datetime] = {}
    for name_, moment in zip(named[::2], half_hours[::2], strict=True):
        first.setdefault(name_, moment + timedelta(minutes=5))
    calls = (moment + timedelta(minutes=5) for moment in half_hours[::2])
    assert runs_of(schedule({**said, "timezone": zone}), calls) == list(first.values())


@pytest.mark.parametrize("zone", ["UTC", PARIS, HAVANA])
def test_a_year_of_an_hourly_audience(zone: str) -> None:
    """A job every 20 minutes syncs once in each hour that passes, also where an hour comes twice."""
    calls = [at("2026-01-01 00:05") + timedelta(minutes=20 * number) for number in range(366 * 72)]
    runs = runs_of(schedule({"every": "hourly", "timezone": zone}), calls)
    assert [one.replace(minute=0) for one in runs] == [one.replace(minute=0) for one in calls[::3]]


MINUTES, HOURS = st.integers(0, 59), st.integers(0, 23)
CRONS = st.one_of(
    st.builds("{} {} {} * *".format, MINUTES, HOURS, st.sampled_from(["*", "1", "L"])),
    st.builds("{},{} 0-{} * * {}".format, MINUTES, MINUTES, HOURS, st.sampled_from(["*", "0", "5L"])),
    st.sampled_from(["0 * * * *", "*/20 * * * *", "5,35 * * * *", "15 */2 * * *"]),
)
MOMENTS = st.datetimes(at("2026-01-01"), at("2027-01-01"))


@settings(max_examples=300, deadline=None)
@given(CRONS, st.sampled_from(ZONES), MOMENTS, st.lists(st.integers(1, 3000), max_size=20))
def test_an_irregular_job_neither_repeats_nor_misses_a_moment(
    cron: str, zone: str, start: datetime, pauses: list[int]
) -> None:
    """Between two syncs lies a moment of the schedule, and the first call after a moment syncs."""
    found = Schedule(cron, zone)
    calls = [start + timedelta(minutes=minutes) for minutes in accumulate(pauses, initial=0)]
    runs = runs_of(found, calls)
    for before, after in pairwise(calls):
        due = found.due_at(before)
        assert due
        assert before < due
        assert (due <= after) is (after in runs)
