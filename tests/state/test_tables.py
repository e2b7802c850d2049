"""The names of the state tables, and how they come to be."""

from __future__ import annotations

import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_activate.state.tables import Tables
from tests.protocol.world import MemoryWarehouse

names = st.text("aAbz0_-. é", min_size=1, max_size=8) | st.text("ab_", min_size=40, max_size=70)
keys = st.builds("{}.{}".format, names, names)


@given(keys, keys)
def test_distinct_audiences_have_distinct_snapshots(one: str, other: str) -> None:
    """Also where case, punctuation or the end of a long name make the difference."""
    assert (Tables.snapshot_table(one) == Tables.snapshot_table(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.B", "a.b"),
        ("a_.b", "a._b"),
        ("a__b.c", "a.b__c"),
        ("a.é", "a.è"),
        ("a.b", "a b"),
        ("a.b_", "a.b"),
        ("a.é", "a.2908693f"),
    ],
)
def test_names_that_look_alike_are_kept_apart(one: str, other: str) -> None:
    """What is replaced in a name is not lost."""
    assert Tables.snapshot_table(one) != Tables.snapshot_table(other)


@given(keys)
def test_a_snapshot_needs_no_quotes(key: str) -> None:
    """People look into it: its name is small letters, digits and underscores, no more than Postgres takes."""
    assert re.fullmatch(r"snapshot_[a-z0-9_]*", Tables.snapshot_table(key))
    assert len(Tables.snapshot_table(key)) <= 63


@pytest.mark.parametrize(
    ("key", "name"),
    [("criteo.vip_customers", "snapshot_criteo__vip_customers"), ("a.b1", "snapshot_a__b1")],
)
def test_a_plain_key_can_be_read_in_the_name(key: str, name: str) -> None:
    """Who knows the activation knows the table."""
    assert Tables.snapshot_table(key) == name


def test_tables_are_made_once() -> None:
    """A second run makes nothing, another audience only its snapshot, and a dropped table comes back."""
    steps: list[str] = []
    warehouse = MemoryWarehouse(steps.append, duckdb.connect())
    tables = Tables(warehouse, "main_activate")
    made = []
    with warehouse.session() as session:
        for key in ("tool.people", "tool.people", "tool.others", "tool.others"):
            steps.clear()
            tables.create(session, key)
            made.append(steps.count("create table"))
    assert made == [10, 0, 1, 0]


def test_what_stands_in_a_table_stays(tables: Tables) -> None:
    """Making what is missing touches nothing that is there."""
    with tables.warehouse.session() as session:
        session.execute(f"insert into {tables.snapshot('tool.people')} values ('email', 'a')")
        session.execute(f"drop table {tables.name('runs')}")
        tables.create(session, "tool.people")
        assert session.rows(f"select * from {tables.snapshot('tool.people')}") == [("email", "a")]
        assert "runs" in tables.existing(session)
