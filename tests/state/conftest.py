"""State tables in a real DuckDB in memory."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from dbt_activate.state.tables import Tables
from tests.protocol.world import MemoryWarehouse, Session

KEY = "tool.people"


@pytest.fixture
def tables() -> Tables:
    """The state tables, made."""
    warehouse = MemoryWarehouse(lambda step: None, duckdb.connect())
    made = Tables(warehouse, "main_activate")
    with warehouse.session() as session:
        made.create(session, KEY)
    return made


@pytest.fixture
def session(tables: Tables) -> Iterator[Session]:
    """A session."""
    with tables.warehouse.session() as opened:
        assert isinstance(opened, Session)
        yield opened
