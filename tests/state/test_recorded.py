"""The results of dbt's invocations, as the dbt package records them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dbt_activate.state.recorded import Recorded, read_recorded
from dbt_activate.state.tables import Tables
from tests.protocol.world import Session

MONDAY = datetime(2026, 11, 16, 6)  # noqa: DTZ001  (the state holds UTC without a zone)
Record = Callable[..., None]


@pytest.fixture
def record(session: Session) -> Record:
    """Make the package's tables, and a way to record an invocation in them."""
    session.execute(
        "create table main_activate.dbt_invocations (invocation_id varchar, project varchar, target varchar, "
        "command varchar, dbt_version varchar, generated_at timestamp, results bigint)"
    )
    session.execute(
        "create table main_activate.dbt_results (invocation_id varchar, unique_id varchar, "
        "resource_type varchar, status varchar, failures bigint, message varchar, completed_at timestamp, "
        "depends_on varchar)"
    )

    def one(id_: str, day: int, *models: str, command: str = "build", project: str = "shop") -> None:
        at = MONDAY + timedelta(days=day)
        for model in models:
            session.execute(
                "insert into main_activate.dbt_results (invocation_id, unique_id, status, completed_at) "
                "values (?, ?, 'success', ?)",
                [id_, model, at],
            )
        session.execute(
            "insert into main_activate.dbt_invocations values (?, ?, 'prod', ?, '1.11', ?, ?)",
            [id_, project, command, at, len(models)],
        )

    return one


def test_without_the_package_nothing_is_recorded(session: Session, tables: Tables) -> None:
    """No table of it is needed."""
    assert read_recorded(session, tables, tables.existing(session), "shop", "prod") == Recorded()


def test_the_last_invocation_of_this_project_counts(session: Session, tables: Tables, record: Record) -> None:
    """Not one of another project; and freshness apart, as dbt keeps it in a file of its own."""
    record("a", 0, "model.shop.one")
    record("b", 1, "model.shop.two", command="run")
    record("f", 2, "source.shop.raw.orders", command="freshness")
    record("x", 3, "model.other.one", project="other")
    found = read_recorded(session, tables, tables.existing(session), "shop", "prod")
    assert found.latest is not None
    assert found.freshness is not None
    assert (found.latest.invocation_id, found.latest.command, [*found.latest.nodes]) == (
        "b",
        "run",
        ["model.shop.two"],
    )
    assert [*found.freshness.nodes] == ["source.shop.raw.orders"]
    assert read_recorded(session, tables, tables.existing(session), "shop", "dev").latest is None


def test_what_was_built_since(session: Session, tables: Tables, record: Record) -> None:
    """By any invocation that is recorded, after another."""
    record("a", 0, "model.shop.one", "model.shop.two")
    record("b", 2, "model.shop.two")
    found = read_recorded(session, tables, tables.existing(session), "shop", "prod")
    assert found.was_built_since("model.shop.two", "a")
    assert not found.was_built_since("model.shop.two", "b")
    assert not found.was_built_since("model.shop.one", "a")
    assert not found.was_built_since("model.shop.none", "a")
    assert found.covers("a", "b")
    assert not found.covers("a", "c")


def test_what_was_built_in_part_is_told(session: Session, tables: Tables, record: Record) -> None:
    """As the package writes it: the flag stands behind the command."""
    record("a", 0, "model.shop.one", command="build --empty")
    found = read_recorded(session, tables, tables.existing(session), "shop", "prod").latest
    assert found is not None
    assert (found.command, found.portion) == ("build", "--empty")
