"""Which route serves which output, and that both see the same database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dbt_activate.errors import ConfigError, WarehouseError
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
from tests.warehouses.conftest import OUTPUTS, TargetOf, ask
from tests.warehouses.other_process import can_write

_MODULES = """
import json, sys
from pathlib import Path
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
warehouse = open_warehouse(Target("shop", "dev", "duckdb", json.loads(sys.argv[1]), Path()))
with warehouse.session() as session:
    session.frame("select id from segments.vip")
print(sorted(name for name in ("dbt", "dbt_common", "agate", "pyarrow") if name in sys.modules))
"""


def test_both_routes_see_the_same(target: TargetOf) -> None:
    """What one route writes, the other reads, and both give the same frames and columns."""
    direct, dbt = (open_warehouse(target(**OUTPUTS[name])) for name in ("direct", "dbt"))
    assert (direct.database, direct.schema) == (dbt.database, dbt.schema) == ("shop", "main")
    with direct.session() as session:
        session.execute("create table by_direct as select * exclude (score) from segments.vip")
    with dbt.session() as session:
        session.append("by_direct", pl.DataFrame({"id": [4], "email": ["dan@shop.example"]}))
        seen_by_dbt = session.frame("select * from by_direct order by id")
        columns = session.columns("by_direct")
    with direct.session(read_only=True) as session:
        assert session.frame("select * from by_direct order by id").equals(seen_by_dbt)
        assert session.columns("by_direct") == columns
    assert seen_by_dbt.height == 4


def test_direct_route_loads_no_dbt(shop: Path) -> None:
    """A plain output is served without dbt, so that a run starts at once."""
    output = {
        "path": str(shop),
        "schema": "dev",
        "threads": 4,
        "keep_open": True,
        "disable_transactions": True,
        "external_root": "out",
        "retries": {"connect_attempts": 3, "retryable_exceptions": ["IOException"]},
        "settings": {"preserve_insertion_order": False},
        "config_options": {"allow_unsigned_extensions": True},
    }
    command = [sys.executable, "-c", _MODULES, json.dumps(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ADAPTER = tuple(map(int, version("dbt-duckdb").split(".")[:2]))
QUOTED = "it's here" if ADAPTER >= (1, 11) else "here"
"""A value with a quote in it, which dbt-duckdb itself cannot set before 1.11."""


@pytest.mark.parametrize("route", sorted(OUTPUTS))
def test_settings_are_honoured(target: TargetOf, route: str) -> None:
    """`settings` and `config_options` hold in our sessions as in dbt's."""
    options = {
        "settings": {"TimeZone": "Asia/Tokyo", "memory_limit": "1GiB", "extension_directory": QUOTED},
        "config_options": {"allow_unsigned_extensions": True},
    }
    names = ("TimeZone", "memory_limit", "extension_directory", "allow_unsigned_extensions")
    with open_warehouse(target(**options, **OUTPUTS[route])).session(read_only=True) as session:
        found = [session.rows(f"select current_setting('{name}')")[0][0] for name in names]
    assert found == ["Asia/Tokyo", "1.0 GiB", QUOTED, True]


def test_relative_path(target: TargetOf, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the working directory of when the warehouse was opened, as dbt's does."""
    monkeypatch.chdir(shop.parent)
    warehouses = [open_warehouse(target(path="shop.duckdb", **extra)) for extra in OUTPUTS.values()]
    monkeypatch.chdir("/")
    for warehouse in warehouses:
        assert ask(warehouse, "select count(*) from segments.vip") == [(3,)]


@pytest.mark.parametrize("path", [None, "", ":memory:", ":memory:shared"])
def test_memory_is_refused(target: TargetOf, path: str | None) -> None:
    """A database that forgets cannot hold who is in an audience."""
    with pytest.raises(ConfigError, match="kept in memory only"):
        open_warehouse(target(path=path))


@pytest.mark.skipif(
    ADAPTER < (1, 9), reason="dbt-duckdb takes an attached database for the main one since 1.9"
)
def test_attached_database(target: TargetOf, shop: Path) -> None:
    """An empty memory with the real database attached works, as in dbt, and is written to."""
    attach = [{"path": str(shop), "alias": "lake"}]
    warehouse = open_warehouse(target(path=":memory:", database="lake", attach=attach))
    assert warehouse.database == "lake"
    with warehouse.session() as session:
        assert session.execute("create table lake.main.t as select 1 a") == 1
    assert can_write(shop)
    with duckdb.connect(str(shop)) as connection:
        assert connection.sql("select a from t").fetchall() == [(1,)]


def test_unknown_adapter(tmp_path: Path) -> None:
    """An adapter that this release cannot work with is named beside those it can."""
    with pytest.raises(ConfigError, match=r"target dev: type: .*'snowflake'.*Supported: duckdb"):
        open_warehouse(Target("shop", "dev", "snowflake", {"password": "hunter2"}, tmp_path))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"plugins": "hunter2"}, r"dbt's adapter refuses this output .*`dbt debug`"),
        ({"database": "other"}, "dbt's adapter refuses this output"),
        ({"remote": {"host": "hunter2"}}, "Buena Vista"),
    ],
)
def test_refused_output(target: TargetOf, output: dict[str, Any], message: str) -> None:
    """An output that dbt's adapter refuses is a configuration error that prints none of its values."""
    with pytest.raises(ConfigError, match=message) as caught:
        open_warehouse(target(**output))
    assert caught.value.__context__ is None
    assert "hunter2" not in str(caught.value)


def test_target_is_left_alone(target: TargetOf) -> None:
    """A target serves many sessions: dbt's adapter, which takes secrets apart, does not reach into it."""
    secrets = [{"type": "s3", "key_id": "a", "secret": "hunter2"}]
    one = target(secrets=secrets)
    assert open_warehouse(one).database == open_warehouse(one).database == "shop"
    assert one.output["secrets"] == [{"type": "s3", "key_id": "a", "secret": "hunter2"}]


@pytest.mark.parametrize(
    "output",
    [
        {"settings": {"threads": "hunter2"}},
        {"settings": {"hunter": "2"}, "module_paths": []},
        {"config_options": {"threads": "hunter2"}, "module_paths": []},
        {"plugins": [{"module": "no.such.plugin", "config": {"token": "hunter2"}}]},
    ],
)
def test_failed_connection_lets_go(target: TargetOf, shop: Path, output: dict[str, Any]) -> None:
    """A connection that fails half-way says so without a value, and leaves the file free for others."""
    warehouse = open_warehouse(target(**output))
    with pytest.raises(WarehouseError, match="dbt debug") as caught:
        ask(warehouse)
    assert caught.value.__context__ is None
    assert "hunter2" not in str(caught.value)
    assert can_write(shop)


@pytest.mark.skipif(os.name != "posix", reason="needs a home folder in HOME")
def test_home_folder(target: TargetOf, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may start at the home folder, as DuckDB allows."""
    monkeypatch.setenv("HOME", str(shop.parent))
    for extra in OUTPUTS.values():
        warehouse = open_warehouse(target(path="~/shop.duckdb", **extra))
        assert ask(warehouse, "select count(*) from segments.vip") == [(3,)]
