"""What the state tables say of all audiences, in a few queries. Reads only; works where there is no state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_activate.state.audiences import AudienceRecord, read_audiences
from dbt_activate.state.lease import Claim
from dbt_activate.state.runs import RunRecord, read_last_runs, read_runs
from dbt_activate.state.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


@dataclass(frozen=True, slots=True)
class Overview:
    """All audiences of a target, each fact by the audience's key; what is zero or unknown is left out.

    Attributes:
        audiences: What we know of the remote audiences.
        members: How many members the snapshot holds.
        last_runs: The last run.
        last_successes: When the last invocation began that synced it; also of what was reset since.
        open_changes: How many changes have an unknown outcome.
        rejected: How many members stand rejected by name.
        holders: Who is at work on it now.
    """

    audiences: Mapping[str, AudienceRecord] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)
    last_runs: Mapping[str, RunRecord] = field(default_factory=dict)
    last_successes: Mapping[str, datetime] = field(default_factory=dict)
    open_changes: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    holders: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> set[str]:
        """The audiences that there are traces of."""
        return {*self.audiences, *self.last_runs}


def read_overview(
    session: Session,
    tables: Tables,
    now: datetime,
    existing: frozenset[str] | None = None,
    *,
    is_counted: bool = True,
) -> Overview:
    """Read how all audiences stand.

    Args:
        session: A session.
        tables: The state tables.
        now: The time, in UTC.
        existing: Which tables there are, where that is known already.
        is_counted: Whether to count the members, too.
    """
    existing = tables.existing(session) if existing is None else existing
    if "runs" not in existing:  # the last table that is made
        return Overview()
    name = tables.name
    audiences, last_runs = read_audiences(session, tables), read_last_runs(session, tables)
    return Overview(
        audiences=audiences,
        members=_members(session, tables, {*audiences, *last_runs}, existing) if is_counted else {},
        last_runs=last_runs,
        last_successes=_last_successes(session, tables),
        open_changes=_by_key(
            session,
            f"select audience_key, sum(members) from {name('deliveries')} where state = 'open' group by 1",
        ),
        rejected=_by_key(session, f"select audience_key, count(*) from {name('rejections')} group by 1"),
        holders=_holders(session, tables, now),
    )


def read_history(
    session: Session, tables: Tables, keys: Iterable[str] | None, limit: int | None
) -> list[RunRecord]:
    """Return past runs, newest first.

    Args:
        session: A session.
        tables: The state tables.
        keys: The audiences; None for all, also those that the project no longer has.
        limit: The most runs to return.
    """
    if "runs" not in tables.existing(session):
        return []
    asked: Iterable[str | None] = [None] if keys is None else keys
    runs = [run for key in asked for run in read_runs(session, tables, key, limit)]
    return sorted(runs, key=lambda run: (run.started_at, run.run_id), reverse=True)[:limit]


def _last_successes(session: Session, tables: Tables) -> dict[str, datetime]:
    rows = session.rows(
        f"select audience_key, max(coalesce(invoked_at, started_at)) from {tables.name('runs')} "
        "where status = 'success' group by 1"
    )
    return dict(rows)


def _members(
    session: Session, tables: Tables, keys: Iterable[str], existing: frozenset[str]
) -> dict[str, int]:
    made = [key for key in keys if tables.snapshot_table(key) in existing]
    return {key: Snapshot(tables, key).size(session) for key in made}


def _by_key(session: Session, sql: str) -> dict[str, Any]:
    return {key: int(count) for key, count in session.rows(sql)}


def _holders(session: Session, tables: Tables, now: datetime) -> dict[str, str]:
    rows = session.rows(
        f"select audience_key, run_id, holder, process, claimed_at, heartbeat_at from {tables.name('leases')}"
    )
    claims = [(key, Claim(*claim)) for key, *claim in rows]
    return {key: f"run {claim.run_id} on {claim.holder}" for key, claim in claims if not claim.is_dead(now)}
