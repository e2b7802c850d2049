"""State tables that a test fills itself, on both warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dbt_package.boutique import STATE_TABLES, Boutique, Rows, Run, scratch, state_ddl

KEY = "criteo.vip_customers"
_COLUMNS = {table["name"]: [column["name"] for column in table["columns"]] for table in STATE_TABLES}


def ago(**lengths: float) -> datetime:
    """Return a moment in the past, in UTC, as the state holds it."""
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**lengths)


@dataclass(frozen=True)
class State:
    """State tables, and the SQL of the boutique over them.

    Attributes:
        boutique: The boutique, whose compiled SQL reads them.
        run: Runs a statement on them.
    """

    boutique: Boutique
    run: Run

    def add(self, table: str, **values: Any) -> None:
        """Add a row to a state table; what is not given is null."""
        assert values.keys() <= set(_COLUMNS[table])
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        self.run(f"insert into shop_activate.{table} ({names}) values ({marks})", [*values.values()])

    def add_run(self, run_id: str, status: str = "success", hours_ago: float = 1, **values: Any) -> None:
        """Add a run of the VIP customers."""
        started_at = ago(hours=hours_ago)
        ended = {} if status == "running" else {"finished_at": started_at + timedelta(minutes=1)}
        counts = {"members": 100, "deliveries": 1, "unnamed_rejections": 0}
        known = {"audience_key": KEY, "activation": "vip_customers", "destination": "criteo"}
        row = {**known, **counts, **ended, **values}
        self.add("runs", run_id=run_id, status=status, started_at=started_at, **row)

    def rows_of(self, name: str) -> Rows:
        """Return the rows of a model or a test of the boutique."""
        return self.run(self.boutique.compiled(name))


@contextmanager
def opened_state(boutique: Boutique) -> Iterator[State]:
    """Give empty state tables that nobody else sees."""
    with scratch(boutique) as run:
        for statement in state_ddl("shop_activate"):
            run(statement)
        yield State(boutique, run)
