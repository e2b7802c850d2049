"""A run killed at each of its steps in turn, and then one clean run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from tests.protocol.tool import Fault, Tool
from tests.protocol.world import World, killer

A, B, C, D, E = (f"{letter}@shop.example" for letter in "abcde")


def first_run(world: World) -> None:
    """The audience is made, and everybody is added."""
    world.set_segment([A, B, C])


def ordinary_run(world: World) -> None:
    """Some leave and some enter."""
    world.set_segment([A, B, C])
    world.sync()
    world.set_segment([C, D, E])


def run_after_trouble(world: World) -> None:
    """An earlier run left changes open, some with receipts."""
    ordinary_run(world)
    world.tool.faults = [Fault.ANSWER_LOST, Fault.NONE, Fault.HALF_TAKEN]
    world.sync()
    world.tool.faults = []
    world.set_segment([A, C, E])


def run_after_vanishing(world: World) -> None:
    """Somebody deleted the audience."""
    ordinary_run(world)
    world.tool.delete(world.tool.names[world.name])


@pytest.mark.parametrize(
    ("prepare", "transactions"),
    [
        *((prepare, False) for prepare in (first_run, ordinary_run, run_after_trouble, run_after_vanishing)),
        (run_after_trouble, True),
        # Transactions leave out steps in between, and what comes after those is the same.
        *(
            pytest.param(prepare, True, marks=pytest.mark.slow)
            for prepare in (first_run, ordinary_run, run_after_vanishing)
        ),
    ],
)
def test_a_kill_at_any_step_is_made_good(prepare: Callable[[World], None], transactions: bool) -> None:
    """Wherever a run dies, the books stay true, and one clean run ends with the segment."""
    for at in count(1):
        world = World(transactions=transactions)
        prepare(world)
        died = world.sync(killer(at)).run.finished_at is None
        world.check_books()
        world.set_segment([B, C, E])
        assert world.sync().error is None, f"killed at step {at}"
        world.check_converged()
        world.check_books()
        world.close()
        if not died:
            return


@pytest.mark.parametrize("ids_are_names", [False, True], ids=["with another id", "with the same id"])
def test_an_audience_that_is_made_anew_is_filled(ids_are_names: bool) -> None:
    """Nobody whom the one that vanished held counts as being in the new one."""
    world = World(tool=Tool(ids_are_names=ids_are_names))
    run_after_vanishing(world)
    assert world.sync().error is None
    world.check_converged()
    world.check_books()
