"""What a session does with SQL and frames, by both routes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from dbt_activate.errors import RelationMissingError, WarehouseError
from dbt_activate.warehouse import Session, Warehouse

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).replace(tzinfo=None)
MODEL = '"shop"."segments"."vip"'


def test_columns(either: Warehouse) -> None:
    """The columns of a relation come in order, with DuckDB's types."""
    with either.session(read_only=True) as session:
        assert dict(session.columns(MODEL)) == {
            "id": "BIGINT",
            "email": "VARCHAR",
            "score": "HUGEINT",
            "key": "UUID",
        }
        assert list(session.columns(MODEL)) == ["id", "email", "score", "key"]


@pytest.mark.parametrize("relation", ['"shop"."segments"."gone"', '"shop"."gone"."vip"', '"gone"."a"."b"'])
def test_missing_relation(either: Warehouse, relation: str) -> None:
    """A relation that is not there is named, with what to do."""
    with either.session(read_only=True) as session, pytest.raises(RelationMissingError) as caught:
        session.columns(relation)
    assert relation in str(caught.value)
    assert "Build it with dbt" in str(caught.value)


def test_query_of_missing_table(either: Warehouse) -> None:
    """Any statement on a table that is not there says which one."""
    with either.session() as session:
        for ask in (session.frame, session.rows):
            with pytest.raises(RelationMissingError, match="nobody"):
                ask("select * from segments.nobody")
        with pytest.raises(RelationMissingError, match="nowhere"):
            session.execute("create table nowhere.t (a integer)")


def test_frame(either: Warehouse) -> None:
    """A query becomes a frame, with and without parameters."""
    with either.session(read_only=True) as session:
        all_ids = session.frame("select id from segments.vip order by id")
        some = session.frame("select email from segments.vip where id > ? order by id", [1])
    assert all_ids.equals(pl.DataFrame({"id": [1, 2, 3]}))
    assert some.equals(pl.DataFrame({"email": ["bob@shop.example", None]}))


def test_empty_frame(either: Warehouse) -> None:
    """A query without rows keeps its columns and types."""
    with either.session(read_only=True) as session:
        assert session.frame("select email, id from segments.vip where false").schema == {
            "email": pl.String,
            "id": pl.Int64,
        }


def test_identifiers_as_text(either: Warehouse) -> None:
    """Whatever its type, an identifier cast to text arrives exactly."""
    columns = "cast(id as varchar), cast(score as varchar), cast(key as varchar)"
    with either.session(read_only=True) as session:
        assert session.frame(f"select {columns} from segments.vip where id = 1").row(0) == (
            "1",
            "170141183460469231731687303715884105727",
            "01aeda1e-8ceb-4f65-859f-381f6cf249e5",
        )


def test_rows(either: Warehouse) -> None:
    """Few rows come as tuples."""
    with either.session(read_only=True) as session:
        assert session.rows("select id, email from segments.vip where id = ?", [2]) == [
            (2, "bob@shop.example")
        ]


def test_changed_rows_are_counted(either: Warehouse) -> None:
    """A statement says how many rows it changed, and 0 where it changes none or is no change of rows."""
    with either.session() as session:
        assert session.execute("create table t (a integer)") == 0
        assert session.execute("insert into t values (?), (2), (3)", [1]) == 3
        assert session.execute("update t set a = a + 1 where a > ?", [1]) == 2
        assert session.execute("delete from t where a > 100") == 0
        assert session.execute("delete from t") == 3
        assert session.execute("select 5 as n") == 0


def test_append(either: Warehouse) -> None:
    """A frame is appended by the names of its columns, whatever their order in the table."""
    frame = pl.DataFrame({"b": ["x", None, "it's “é”\u2028\n"], "a": [1, 2, 3]})
    with either.session() as session:
        session.execute('create table "odd ""name" (a bigint, b varchar, c varchar default \'c\')')
        session.append('"odd ""name"', frame)
        session.append('"odd ""name"', frame.clear())
        assert session.frame('select * from "odd ""name" order by a').equals(
            pl.DataFrame({"a": frame["a"], "b": frame["b"], "c": ["c", "c", "c"]})
        )
        assert session.rows("select count(*) from duckdb_views() where not internal") == [(0,)]


def test_append_types(warehouse: Warehouse) -> None:
    """The types that the state is made of pass, with nulls, slices and columns without a type."""
    frame = pl.DataFrame(
        {
            "flag": [True, None, False],
            "day": [date(2026, 1, 1), None, date(2026, 1, 2)],
            "moment": [None, NOON, NOON],
            "kind": pl.Series(["add", "remove", None], dtype=pl.Categorical),
            "nothing": [None, None, None],
        }
    ).slice(1)
    with warehouse.session() as session:
        session.execute(
            "create table t (flag boolean, day date, moment timestamp, kind varchar, nothing integer)"
        )
        session.append("t", frame)
        assert session.rows("select * from t") == [
            (None, None, NOON, "remove", None),
            (False, date(2026, 1, 2), NOON, None, None),
        ]


def test_frame_with_unknown_column(warehouse: Warehouse) -> None:
    """A frame with a column that the table lacks is refused, and the session goes on."""
    with warehouse.session() as session:
        session.execute("create table t (a integer)")
        with pytest.raises(WarehouseError, match='"b"'):
            session.append("t", pl.DataFrame({"b": [1]}))
        session.append("t", pl.DataFrame({"a": [1]}))
        assert session.rows("select a from t") == [(1,)]


def test_transaction(either: Warehouse) -> None:
    """A transaction that is left by an exception leaves nothing; one that ends well is kept."""
    with either.session() as session:
        session.execute("create table t (a integer)")
        with pytest.raises(KeyboardInterrupt):
            append_both(session, pl.DataFrame({"a": [1]}), KeyboardInterrupt())
        with pytest.raises(WarehouseError):
            append_both(session, pl.DataFrame({"a": [2]}), pl.DataFrame({"a": ["no number"]}))
        append_both(session, pl.DataFrame({"a": [3]}), pl.DataFrame({"a": [4]}))
    with either.session(read_only=True) as session:
        assert session.rows("select a from t order by a") == [(3,), (4,)]


def append_both(session: Session, first: pl.DataFrame, second: pl.DataFrame | BaseException) -> None:
    """Append two frames in one transaction, or fail at the second."""
    with session.transaction():
        session.append("t", first)
        if isinstance(second, BaseException):
            raise second
        session.append("t", second)


def test_statement_after_half_read_query(warehouse: Warehouse) -> None:
    """Frames, rows and statements follow one another on one connection."""
    with warehouse.session() as session:
        session.execute("create table t as select range a from range(10000)")
        session.execute("select * from t")
        assert session.frame("select a from t").height == 10000
        assert session.execute("insert into t select a from t") == 10000


def test_quote(either: Warehouse) -> None:
    """A quoted name is one name, whatever it holds."""
    schema = either.quote("shop", 'a "b".c')
    name = either.quote("shop", 'a "b".c', "select ünï")
    assert name == '"shop"."a ""b"".c"."select ünï"'
    with either.session() as session:
        session.execute(f"create schema {schema}")
        session.execute(f"create table {name} ({either.quote('x.y')} integer)")
        assert list(session.columns(name)) == ["x.y"]


def test_no_progress_bar_and_extensions_untouched(either: Warehouse) -> None:
    """DuckDB draws nothing on the user's terminal; what it may install stays as the user has it."""
    with either.session(read_only=True) as session:
        assert session.rows("select current_setting('enable_progress_bar')") == [(False,)]
        assert session.rows("select current_setting('autoinstall_known_extensions')") == [(True,)]
