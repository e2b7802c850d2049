"""Somebody drops a part of the state."""

from __future__ import annotations

import pytest

from dbt_activate.errors import WarehouseError
from dbt_activate.operations.outcome import record_held
from dbt_activate.reporting.results import ActivationResult, Status
from dbt_activate.sync.planning import make_plan
from tests.protocol.tool import ToolDestination
from tests.protocol.world import World

A, B, C = (f"{letter}@shop.example" for letter in "abc")
SNAPSHOT = "main_activate.snapshot_tool__people"


@pytest.fixture
def bereft() -> World:
    """A world whose audience has A and B, whose snapshot is gone, and whose segment is B and C."""
    world = World()
    world.set_segment([A, B])
    world.sync()
    world.connection.execute(f"drop table {SNAPSHOT}")
    world.set_segment([B, C])
    return world


def test_without_its_snapshot_an_audience_is_not_synced(bereft: World) -> None:
    """Nobody would ever take out A: it says so, run after run, and sends nothing."""
    pushes = bereft.tool.pushes
    for _ in range(2):
        error = bereft.sync().error
        assert isinstance(error, WarehouseError)
        assert "dbt-activate reset" in str(error)
    assert bereft.tool.pushes == pushes


def test_without_its_snapshot_an_audience_is_not_planned(bereft: World) -> None:
    """A plan says what a sync would."""
    context = bereft.new_sync().context
    with context.warehouse.session() as session, pytest.raises(WarehouseError, match="snapshot_tool__people"):
        make_plan(session, context.tables, bereft.activation, ToolDestination)


def test_holding_a_segment_does_not_hide_that_its_snapshot_is_gone(bereft: World) -> None:
    """A held run is recorded, and makes no empty snapshot in the place of the lost one."""
    result = ActivationResult(bereft.activation, Status.HELD, "held: a test failed")
    assert record_held(result, bereft.new_sync().context).run_id
    assert isinstance(bereft.sync().error, WarehouseError)


def test_a_snapshot_that_comes_back_is_gone_on_with(bereft: World) -> None:
    """It was restored, as it was."""
    bereft.sync()
    bereft.connection.execute(f"create table {SNAPSHOT} (identifier_type varchar, identifier varchar)")
    bereft.connection.execute(f"insert into {SNAPSHOT} values ('email', '{A}'), ('email', '{B}')")
    assert bereft.sync().error is None
    bereft.check_converged()


def test_an_audience_that_was_not_made_needs_no_snapshot() -> None:
    """Nobody was ever sent: there is nothing to be lost."""
    world = World()
    world.tool.create("People", [("email", "z@elsewhere.example")])
    world.set_segment([A])
    world.sync()
    world.connection.execute(f"drop table {SNAPSHOT}")
    world.name = "Persons"
    assert world.sync().error is None
    world.check_converged()
