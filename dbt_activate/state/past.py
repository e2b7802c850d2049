"""What earlier runs of an audience were like, as far as warnings compare with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


@dataclass(frozen=True, slots=True)
class Past:
    """The earlier runs of one audience.

    Attributes:
        sizes: How many members the segment had at its last successful runs, newest first.
        first_run_at: When the first run began; UTC. None if there was none.
        last_success_at: When the last invocation began that synced it; UTC. None if none did.
        last_change_at: When the last run began by which somebody entered or left; UTC. A full refresh, which
            sends everybody again, counts only where somebody left.
    """

    sizes: tuple[int, ...] = ()
    first_run_at: datetime | None = None
    last_success_at: datetime | None = None
    last_change_at: datetime | None = None


_CHANGED = "removed > 0 or (added > 0 and not full_refresh)"


def read_pasts(
    session: Session, tables: Tables, keys: Collection[str], size_count: int, current: Collection[str]
) -> Mapping[str, Past]:
    """Read the past of audiences, by key; one that never ran is left out.

    Args:
        session: A session.
        tables: The state tables.
        keys: The audiences.
        size_count: How many sizes of each are wanted.
        current: The runs that belong to the present, and do not count among the sizes.
    """
    runs = tables.name("runs")
    moments = session.rows(
        "select audience_key, min(started_at), "
        "max(case when status = 'success' then coalesce(invoked_at, started_at) end), "
        f"max(case when {_CHANGED} then started_at end) from {runs} group by audience_key"
    )
    sizes = _sizes(session, runs, size_count, current) if size_count else {}
    return {key: Past(tuple(sizes.get(key, ())), *times) for key, *times in moments if key in keys}


def _sizes(session: Session, runs: str, count: int, current: Collection[str]) -> dict[str, list[int]]:
    rows = session.rows(
        "select audience_key, run_id, members from (select audience_key, run_id, members, started_at, "
        "row_number() over (partition by audience_key order by started_at desc, run_id desc) as age "
        f"from {runs} where status = 'success') r where age <= ? order by age",
        [count + 1],
    )
    found: dict[str, list[int]] = {}
    for key, run_id, members in rows:
        if run_id not in current:
            found.setdefault(key, []).append(members)
    return {key: sizes[:count] for key, sizes in found.items()}
