"""No value of a row, no parameter and no secret is in an error, whatever DuckDB quotes in its own."""

from __future__ import annotations

import traceback

import duckdb
import polars as pl
import pytest

from dbt_activate.errors import WarehouseError
from dbt_activate.warehouse import Warehouse
from dbt_activate.warehouses.duckdb_errors import asking

VALUE = "o'ann@shop.example"

LEAKS = [
    ("select cast(email as integer) from people", []),
    ("select cast(? as integer)", [VALUE]),
    ("select error('bad address ' || email) from people", []),
    ("insert into people values (?)", [VALUE]),
    ("select strptime(email, '%Y') from people", []),
    ("select cast('a' as varchar) where ? = 5", [VALUE]),
    ("select cast(email as uuid) from people", []),
    ("select email::json from people", []),
]


@pytest.mark.parametrize(("sql", "parameters"), LEAKS)
def test_no_value_in_errors(warehouse: Warehouse, sql: str, parameters: list[str]) -> None:
    """An error says which kind of statement failed and why in kind, but quotes nothing."""
    with warehouse.session() as session:
        session.execute("create table people (email varchar primary key)")
        session.execute("insert into people values (?)", [VALUE])
        for ask in (session.rows, session.frame, session.execute):
            with pytest.raises(WarehouseError) as caught:
                ask(sql, parameters)
            told = "".join(traceback.format_exception(caught.value))
            assert caught.value.__context__ is None
            assert "ann" not in told
            assert f"could not run {sql.split()[0].upper()}" in told


def test_no_value_of_a_frame_in_errors(warehouse: Warehouse) -> None:
    """A frame that does not fit its table is refused without quoting it."""
    with warehouse.session() as session:
        session.execute("create table t (n integer)")
        with pytest.raises(WarehouseError) as caught:
            session.append("t", pl.DataFrame({"n": [VALUE]}))
    assert "ann" not in "".join(traceback.format_exception(caught.value))
    assert "ConversionException" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException('IO Error: Unable to connect to Postgres at "host=db password=hunter2": timeout'),
        duckdb.IOException(
            "IO Error: Could not read https://bucket.example/a.parquet?X-Amz-Signature=hunter2"
        ),
        duckdb.HTTPException("HTTP Error: HTTP GET error on hunter2"),
        duckdb.TransactionException('TransactionContext Error: Failed to commit: duplicate key "hunter2"'),
        duckdb.InternalException("INTERNAL Error: hunter2"),
        duckdb.BinderException("Binder Error: no function for 'hunter2'"),
    ],
)
def test_no_secret_in_errors(error: duckdb.Error) -> None:
    """Connection strings, signed addresses and what else DuckDB may quote is left out."""

    def fail() -> None:
        raise error

    with pytest.raises(WarehouseError) as caught:
        asking(fail, doing="run SELECT", where="shop.duckdb")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_names_are_told(warehouse: Warehouse) -> None:
    """What speaks of names alone is told: it is what the user has to mend."""
    with warehouse.session() as session, pytest.raises(WarehouseError, match='"no_such_column" not found'):
        session.rows("select no_such_column from segments.vip")
