"""Every warning: when it stands, when it is over, and when the outcome does not show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dbt_activate.alerts.evaluation import Case, Finding, evaluate
from dbt_activate.config.schedule import ScheduleSettings
from dbt_activate.config.watches import Kind, Severity, WarningSettings, resolve
from dbt_activate.errors import GuardError, HeldError, InterruptedRunError, RefusedError
from dbt_activate.reporting.results import ActivationResult, Status
from dbt_activate.state.past import Past
from dbt_activate.sync.diff import Diff, identifiers
from dbt_activate.sync.plan import Plan
from tests.protocol.world import World

NOW = datetime(2026, 6, 30, 6)  # noqa: DTZ001  (the state holds UTC without a zone)


def ago(**time: float) -> datetime:
    """Return a time before now."""
    return NOW - timedelta(**time)


def outcome(status: Status = Status.SUCCESS, size: int | None = None, **facts: Any) -> ActivationResult:
    """Make what became of an activation, with a plan of so many members."""
    activation = World().activation
    plan = None if size is None else Plan(activation, {"email": Diff(identifiers(), identifiers(), size, 0)})
    if plan and "held_back" in facts:
        plan = replace(plan, held_back=facts.pop("held_back"))
    return ActivationResult(activation, status, plan=plan, **facts)


def finding(
    kind: Kind,
    setting: Any,
    result: ActivationResult,
    past: Past = Past(),  # noqa: B008  (frozen)
    *,
    by_name: bool = True,
    schedule: str = "",
) -> Finding | None:
    """Return what is found of one warning; None if it does not show."""
    watches = resolve(WarningSettings.model_validate({kind.value: setting}))
    every = ScheduleSettings.model_validate({"every": schedule}).schedule() if schedule else None
    activation = replace(result.activation, watches=watches, schedule=every)
    case = Case(replace(result, activation=activation), past, NOW, by_name)
    return next((one for one in evaluate(case) if one.kind is kind), None)


FAILED = outcome(Status.ERROR, message="Criteo refused it.\nMore", error=RefusedError("x"))
BUSY = outcome(Status.ERROR, message="another run", error=HeldError("x"))
STOPPED = outcome(Status.PARTIAL, message="stopped", error=InterruptedRunError("x"))
GUARDED = outcome(Status.GUARDED, 0, message="the segment is empty", error=GuardError("allow_empty", "x"))
UNCHANGED, NOT_DUE, SKIPPED = outcome(Status.UNCHANGED), outcome(Status.NOT_DUE), outcome(Status.SKIPPED)
HELD = outcome(Status.HELD, message="held: its model failed")
DONE = outcome(size=1000, attempted=1000)


def past(*sizes: int, **moments: datetime) -> Past:
    """Make a past."""
    return Past(sizes, **moments)


def sent(size: int, **facts: Any) -> ActivationResult:
    """Make the outcome of a sync that went well."""
    return outcome(size=size, **facts)


CASES: list[tuple[Kind, Any, ActivationResult, dict[str, Any], bool | None, str]] = [
    (Kind.FAILED, True, FAILED, {}, True, "the sync failed: Criteo refused it."),
    (Kind.FAILED, True, outcome(Status.PARTIAL), {}, True, "the sync went through in part only"),
    (Kind.FAILED, True, DONE, {}, False, "the sync went well"),
    (Kind.FAILED, True, BUSY, {}, None, ""),
    (Kind.FAILED, True, STOPPED, {}, None, ""),
    (Kind.FAILED, True, HELD, {}, None, ""),
    (Kind.FAILED, True, NOT_DUE, {}, None, ""),
    (Kind.GUARD, True, GUARDED, {}, True, "a guard stopped it: the segment is empty"),
    (Kind.GUARD, True, DONE, {}, False, "no guard stopped it"),
    (Kind.GUARD, True, FAILED, {}, None, ""),
    (Kind.HELD, True, HELD, {}, True, "its model failed"),
    (Kind.HELD, True, FAILED, {}, False, "nothing holds it"),
    (Kind.HELD, True, UNCHANGED, {}, False, "nothing holds it"),
    (Kind.HELD, True, NOT_DUE, {}, None, ""),
    (Kind.HELD, True, SKIPPED, {}, None, ""),
    (Kind.UNCONFIRMED, True, sent(5, unconfirmed=2), {}, True, "2 deliveries accepted and not applied yet"),
    (Kind.UNCONFIRMED, True, DONE, {}, False, "0 deliveries accepted and not applied yet"),
    (Kind.UNCONFIRMED, True, FAILED, {}, None, ""),
    (Kind.EMPTY, True, sent(0), {}, True, "0 members"),
    (Kind.EMPTY, True, GUARDED, {}, True, "0 members"),
    (Kind.EMPTY, True, sent(1), {}, False, "1 member"),
    (Kind.EMPTY, True, UNCHANGED, {}, None, ""),
    (Kind.REJECTED_SHARE, 0.05, sent(1000, not_added=51), {}, True, "51 of 1,000 members rejected, 5.1%"),
    (Kind.REJECTED_SHARE, 0.05, sent(1000, not_added=50), {}, False, "50 of 1,000 members rejected, 5.0%"),
    (Kind.REJECTED_SHARE, 0.05, sent(1000, not_added=40, held_back=20), {}, True, "60 of 1,000"),
    (Kind.REJECTED_SHARE, 0.05, sent(0), {}, False, "0 of 0 members rejected"),
    (Kind.REJECTED_SHARE, 0.05, FAILED, {}, None, ""),
    (
        Kind.REJECTED_SHARE,
        0.05,
        sent(1000, not_added=6, attempted=100),
        {"by_name": False},
        True,
        "6 of 100 members rejected, 6.0%, of at most 5.0%",
    ),
    (Kind.REJECTED_SHARE, 0.05, sent(1000, attempted=100), {"by_name": False}, False, "0 of 100"),
    (Kind.REJECTED_SHARE, 0.05, sent(1000), {"by_name": False}, None, ""),
    (Kind.REJECTED_COUNT, 10, sent(1000, not_added=11), {}, True, "11 members rejected, of at most 10"),
    (Kind.REJECTED_COUNT, 0, sent(1000, not_added=1), {}, True, "1 member rejected, of at most 0"),
    (Kind.REJECTED_COUNT, 10, sent(1000, not_added=10), {}, False, "10 members rejected"),
    (
        Kind.SIZE_CHANGE,
        0.5,
        sent(400),
        {"past": past(1000, 1000, 400)},
        False,
        "400 members, 50.0% fewer than the mean of 800 of the last 3 runs, of at most 50.0%",
    ),
    (Kind.SIZE_CHANGE, 0.5, sent(399), {"past": past(1000, 1000, 400)}, True, "50.1% fewer"),
    (Kind.SIZE_CHANGE, {"value": 0.5, "runs": 1}, sent(1400), {"past": past(900, 1)}, True, "the last run"),
    (Kind.SIZE_CHANGE, 0.5, GUARDED, {"past": past(1000)}, True, "0 members, 100.0% fewer than the last run"),
    (Kind.SIZE_CHANGE, 0.5, sent(7), {"past": past(0, 0)}, True, "7 members, after none"),
    (Kind.SIZE_CHANGE, 0.5, sent(0), {"past": past(0)}, False, "0 members, after none"),
    (Kind.SIZE_CHANGE, 0.5, sent(7), {}, None, ""),
    (Kind.SIZE_CHANGE, 0.5, UNCHANGED, {"past": past(1000)}, None, ""),
    (
        Kind.UNCHANGED_DAYS,
        7,
        UNCHANGED,
        {"past": past(last_change_at=ago(days=7.5))},
        True,
        "nobody has entered or left for 7.5 days, of at most 7 days",
    ),
    (Kind.UNCHANGED_DAYS, 7, DONE, {"past": past(last_change_at=ago(days=7))}, False, "7 days"),
    (Kind.UNCHANGED_DAYS, 7, DONE, {"past": past(first_run_at=ago(days=8))}, True, "8 days"),
    (Kind.UNCHANGED_DAYS, 7, FAILED, {"past": past(last_change_at=ago(days=9))}, None, ""),
    (Kind.UNCHANGED_DAYS, 7, UNCHANGED, {}, None, ""),
    (
        Kind.OVERDUE,
        36,
        FAILED,
        {"past": past(last_success_at=ago(hours=37))},
        True,
        "no success for 37 hours",
    ),
    (Kind.OVERDUE, 36, UNCHANGED, {"past": past(last_success_at=ago(hours=37))}, True, "of at most 36"),
    (Kind.OVERDUE, 36, HELD, {"past": past(first_run_at=ago(hours=37))}, True, "no success for 37 hours"),
    (Kind.OVERDUE, 1.5, HELD, {"past": past(first_run_at=ago(hours=2))}, True, "2 hours, of at most 1.5"),
    (Kind.OVERDUE, 36, SKIPPED, {"past": past(last_success_at=ago(hours=36))}, False, "36 hours"),
    (Kind.OVERDUE, 36, DONE, {"past": past(last_success_at=ago(hours=99))}, False, "it was synced"),
    (Kind.OVERDUE, 36, FAILED, {}, None, ""),
    (
        Kind.OVERDUE,
        True,
        FAILED,
        {"past": past(last_success_at=ago(hours=55)), "schedule": "daily"},
        True,
        "no success for 55 hours (schedule: daily)",
    ),
    (
        Kind.OVERDUE,
        True,
        FAILED,
        {"past": past(last_success_at=ago(hours=24)), "schedule": "daily"},
        False,
        "",
    ),
    (Kind.OVERDUE, True, FAILED, {"past": past(last_success_at=ago(hours=999))}, False, "is not watched"),
    (
        Kind.MATCH_RATE,
        0.4,
        sent(9, match_rate=0.39),
        {},
        True,
        "39.0% of the audience recognised, of at least",
    ),
    (Kind.MATCH_RATE, 0.4, sent(9, match_rate=0.4), {}, False, "40.0% of the audience recognised"),
    (Kind.MATCH_RATE, 0.4, sent(9), {}, None, ""),
]


@pytest.mark.parametrize(("kind", "setting", "result", "more", "stands", "words"), CASES)
def test_a_warning_stands_or_is_over_or_does_not_show(
    kind: Kind,
    setting: Any,
    result: ActivationResult,
    more: dict[str, Any],
    stands: bool | None,
    words: str,
) -> None:
    """And it is said in figures."""
    found = finding(kind, setting, result, **more)
    assert (None if found is None else found.stands) is stands
    assert found is None or words in found.message


@pytest.mark.parametrize("kind", Kind)
def test_every_warning_is_tested_both_ways(kind: Kind) -> None:
    """The table has a line in which it stands, and one in which it is over."""
    assert {stands for one, *_, stands, _ in CASES if one is kind} >= {True, False}


@pytest.mark.parametrize("kind", Kind)
def test_what_is_switched_off_is_over(kind: Kind) -> None:
    """So that what stood of it is not left standing."""
    found = finding(kind, False, FAILED, past(1, last_success_at=ago(days=99)))
    assert found is not None
    assert (found.stands, found.message) == (False, "is not watched any more")


@pytest.mark.parametrize(
    ("setting", "level"), [(True, "error"), ("warn", "warn"), ({"level": "warn"}, "warn")]
)
def test_levels(setting: Any, level: str) -> None:
    """A failed sync is urgent, unless a person says otherwise."""
    found = finding(Kind.FAILED, setting, FAILED)
    assert found is not None
    assert found.level is Severity(level)
