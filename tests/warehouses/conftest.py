"""A small shop in a real DuckDB file, reached by both routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dbt_activate.warehouse import Row, Target, Warehouse
from dbt_activate.warehouses import open_warehouse

OUTPUTS: dict[str, dict[str, Any]] = {"direct": {}, "dbt": {"module_paths": []}}
"""What stands in the output beside the path; `module_paths` is a key that only dbt's adapter knows."""

TargetOf = Callable[..., Target]


def ask(warehouse: Warehouse, sql: str = "select 1", *, read_only: bool = False) -> list[Row]:
    """Run one query in a session of its own."""
    with warehouse.session(read_only=read_only) as session:
        return session.rows(sql)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database as dbt leaves it, with one model of three customers."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema segments")
        connection.execute("create table segments.vip (id bigint, email varchar, score hugeint, key uuid)")
        connection.execute(
            "insert into segments.vip values (2, 'bob@shop.example', 7, null), (3, null, null, null), "
            "(1, 'ann@shop.example', 170141183460469231731687303715884105727, "
            "'01aeda1e-8ceb-4f65-859f-381f6cf249e5')"
        )
    return path


@pytest.fixture
def target(shop: Path) -> TargetOf:
    """Make a target of the shop, with more keys in its output."""

    def of(**output: Any) -> Target:
        return Target("shop", "dev", "duckdb", {"path": str(shop), **output}, shop.parent)

    return of


@pytest.fixture(params=sorted(OUTPUTS))
def either(request: pytest.FixtureRequest, target: TargetOf) -> Warehouse:
    """The shop by each of the two routes."""
    return open_warehouse(target(**OUTPUTS[request.param]), lock_timeout_seconds=0)


@pytest.fixture
def warehouse(target: TargetOf) -> Warehouse:
    """The shop by the direct route."""
    return open_warehouse(target(), lock_timeout_seconds=0)
