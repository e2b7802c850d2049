"""The record of runs, and when their log is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dbt_activate.state.changes import ChangeLog, Outcome
from dbt_activate.state.runs import RunRecord, prune_history, read_runs, write_run
from dbt_activate.state.tables import Tables
from dbt_activate.sync.diff import Diff, identifiers
from dbt_activate.sync.plan import DeliveryLimits, Plan
from dbt_activate.sync.run import new_run_id
from tests.protocol.world import Session, World
from tests.state.conftest import KEY

NOW = datetime(2026, 6, 1)  # noqa: DTZ001  (the state holds UTC without a zone)
LONG_AGO = NOW - timedelta(days=91)


def run(run_id: str, **facts: object) -> RunRecord:
    """Make a record."""
    record = RunRecord(run_id, KEY, "tool", "people", "model.shop.people", "prod", "dbt", LONG_AGO)
    return replace(record, **facts)  # type: ignore[arg-type]  # its own fields


def logged(session: Session, tables: Tables, record: RunRecord, *, settled: bool) -> None:
    """Write a run with one change, which is closed or open."""
    write_run(session, tables, record)
    log_change(session, tables, record.run_id, settled=settled)


def log_change(session: Session, tables: Tables, run_id: str, *, settled: bool) -> None:
    """Log one change of a run, which is closed or open."""
    log = ChangeLog(tables, KEY)
    plan = Plan(World().activation, {"email": Diff(identifiers(["a"]), identifiers(), 1, 0)})
    log.write(session, run_id, plan.changes(DeliveryLimits(10)))
    if settled:
        log.record(session, run_id, [Outcome(1, True, LONG_AGO)])
        log.settle(session, run_id)


def left(session: Session, tables: Tables) -> dict[str, list[str]]:
    """Return which runs each table of the log still knows."""
    return {
        table: [row[0] for row in session.rows(f"select run_id from {tables.name(table)} order by 1")]
        for table in ("changes", "receipts", "deliveries")
    }


def test_a_run_is_written_over(session: Session, tables: Tables) -> None:
    """One run has one row, which says how it stands now."""
    write_run(session, tables, run("1"))
    write_run(session, tables, run("2"))
    done = run("1", finished_at=NOW, status="success", message="fine", added=3, full_refresh=True)
    write_run(session, tables, done)
    assert read_runs(session, tables) == [run("2"), done]


def test_runs_are_read_newest_first(session: Session, tables: Tables) -> None:
    """Of one audience or of all, and only so many as are asked for."""
    for number in range(3):
        write_run(session, tables, run(str(number), started_at=LONG_AGO + timedelta(hours=number)))
    write_run(session, tables, run("other", audience_key="tool.others", started_at=NOW))
    assert [run.run_id for run in read_runs(session, tables)] == ["other", "2", "1", "0"]
    assert [run.run_id for run in read_runs(session, tables, KEY, 2)] == ["2", "1"]


def test_old_closed_runs_lose_their_log(session: Session, tables: Tables) -> None:
    """Their record stays."""
    logged(session, tables, run("old", finished_at=LONG_AGO), settled=True)
    prune_history(session, tables, NOW, 90)
    assert left(session, tables) == {"changes": [], "receipts": [], "deliveries": []}
    assert [run.run_id for run in read_runs(session, tables)] == ["old"]


def test_a_run_that_was_killed_long_ago_loses_its_log(session: Session, tables: Tables) -> None:
    """It never said when it ended; its members are no longer kept for that."""
    logged(session, tables, run("killed", finished_at=None), settled=True)
    prune_history(session, tables, NOW, 90)
    assert left(session, tables) == {"changes": [], "receipts": [], "deliveries": []}


def test_what_was_logged_without_a_run_is_forgotten_by_the_time_in_its_id(
    session: Session, tables: Tables
) -> None:
    """A reset or a prune that failed leaves such changes, until a sync has closed them."""
    old, young, unclear = (new_run_id(NOW - timedelta(days=days)) for days in (91, 89, 92))
    log_change(session, tables, old, settled=True)
    log_change(session, tables, young, settled=True)
    log_change(session, tables, unclear, settled=False)
    prune_history(session, tables, NOW, 90)
    assert left(session, tables)["changes"] == sorted([young, unclear])


@pytest.mark.parametrize(
    ("facts", "settled"),
    [
        ({"finished_at": LONG_AGO}, False),
        ({"finished_at": NOW - timedelta(days=89)}, True),
        ({"finished_at": None, "started_at": NOW - timedelta(days=89)}, True),
        ({"finished_at": None}, False),
    ],
    ids=["has something open", "is young", "was killed", "was killed long ago, and has something open"],
)
def test_other_runs_keep_their_log(
    session: Session, tables: Tables, facts: dict[str, object], settled: bool
) -> None:
    """An open change is the only trace of somebody who may be in the audience."""
    logged(session, tables, run("gone", finished_at=LONG_AGO), settled=True)
    logged(session, tables, run("kept", **facts), settled=settled)
    before = ["kept"] if settled else []
    prune_history(session, tables, NOW, 90)
    assert left(session, tables) == {"changes": ["kept"], "receipts": before, "deliveries": ["kept"]}
