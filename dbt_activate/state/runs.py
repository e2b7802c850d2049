"""The record of sync runs, for people and for the dbt models that watch over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


NOTED = "noted"
"""The status of what `verify --repair` notes before it syncs: no sync, and so never a success or a size."""

TIME_IN_ID = "%Y%m%dT%H%M%S"
"""How a run's id begins: with the time of its start, in UTC, so that ids sort by it."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One sync run of one activation; the attributes are the columns of the ``runs`` table.

    Attributes:
        run_id: Sorts by the time of the start.
        audience_key: The audience.
        destination: The entry of ``destinations.yml``.
        activation: The activation's name.
        model: dbt's unique id.
        target: The dbt target.
        invocation_id: dbt's id of the invocation that wrote the manifest.
        results_id: dbt's id of the invocation whose results were at hand; empty where there were none.
        fingerprint: Of the activation's settings: a changed one sends the same segment differently.
        invoked_at: When the invocation that the run is part of began; UTC. Schedules count from it.
        started_at: UTC.
        finished_at: UTC; None while it runs, or if it was killed.
        status: ``running``, ``success``, ``partial``, ``error``, ``guarded``, ``held``, ``noted``.
        message: What went wrong; holds no identifier and no secret.
        members: Distinct, valid members of the segment.
        added: Members whose addition was accepted.
        removed: Members whose removal was accepted.
        invalid: Distinct values that we would not send.
        rejected: Members that the destination did not take, by name.
        unnamed_rejections: Members that it only counted as not taken.
        deliveries: How many deliveries the plan had.
        unconfirmed: Deliveries that it accepted, and had not yet applied when we stopped asking.
        full_refresh: Whether everybody was sent again.
    """

    run_id: str
    audience_key: str
    destination: str
    activation: str
    model: str
    target: str
    invocation_id: str
    started_at: datetime
    finished_at: datetime | None = None
    status: str = "running"
    message: str | None = None
    members: int = 0
    added: int = 0
    removed: int = 0
    invalid: int = 0
    rejected: int = 0
    unnamed_rejections: int = 0
    deliveries: int = 0
    unconfirmed: int = 0
    full_refresh: bool = False
    results_id: str = ""
    fingerprint: str = ""
    invoked_at: datetime | None = None


COLUMNS = RunRecord.__slots__


def write_run(session: Session, tables: Tables, run: RunRecord) -> None:
    """Write a run's record, or over what stands there of it."""
    table = tables.name("runs")
    values = [getattr(run, name) for name in COLUMNS]
    if session.rows(f"select 1 from {table} where run_id = ?", [run.run_id]):
        settings = ", ".join(f"{name} = ?" for name in COLUMNS)
        session.execute(f"update {table} set {settings} where run_id = ?", [*values, run.run_id])
    else:
        marks = ", ".join("?" * len(COLUMNS))
        session.execute(f"insert into {table} ({', '.join(COLUMNS)}) values ({marks})", values)


def read_runs(
    session: Session, tables: Tables, audience_key: str | None = None, limit: int | None = None
) -> list[RunRecord]:
    """Return runs, newest first, of one audience or of all."""
    where = "where audience_key = ? " if audience_key else ""
    cut = f" limit {int(limit)}" if limit else ""
    rows = session.rows(
        f"select {', '.join(COLUMNS)} from {tables.name('runs')} {where}"
        f"order by started_at desc, run_id desc{cut}",
        [audience_key] if audience_key else [],
    )
    return [RunRecord(*row) for row in rows]


def read_last_runs(session: Session, tables: Tables) -> dict[str, RunRecord]:
    """Return the last run of each audience, by the audience's key."""
    columns = ", ".join(COLUMNS)
    rows = session.rows(
        f"select {columns} from (select {columns}, row_number() over (partition by audience_key "
        f"order by started_at desc, run_id desc) as age from {tables.name('runs')}) r where age = 1"
    )
    return {run.audience_key: run for run in (RunRecord(*row) for row in rows)}


def prune_history(session: Session, tables: Tables, now: datetime, history_days: int) -> None:
    """Forget the changes of runs that ended long ago and have nothing open.

    Of a run that was killed only the beginning is known; of a reset or a prune, which is no run, only its id.
    """
    name = tables.name
    old = (
        f"select d.run_id from {name('deliveries')} d left join {name('runs')} r on r.run_id = d.run_id "
        "group by d.run_id having count(case when d.state = 'open' then 1 end) = 0 and "
        "(coalesce(max(r.finished_at), max(r.started_at)) < ? or (max(r.run_id) is null and d.run_id < ?))"
    )
    cutoff = now - timedelta(days=history_days)
    before = [cutoff, f"{cutoff:{TIME_IN_ID}}"]
    if not session.rows(f"{old} limit 1", before):
        return
    for table in (
        "changes",
        "receipts",
        "deliveries",
    ):  # in this order: cut off, the deliveries still name the run
        session.execute(f"delete from {name(table)} where run_id in ({old})", before)
