"""A run that falls asleep at each of its steps in turn, is overtaken, and wakes up again."""

from __future__ import annotations

import pytest

from tests.protocol.interleaving import Turns, started
from tests.protocol.world import World

P, Q, R, S = (f"{letter}@shop.example" for letter in "pqrs")
STEPS = 22
"""One more than a run has, and what is too many is not taken."""

OFTEN = (1, 3)
"""How many steps an overtaken run takes once more, in the tests that are run every time."""

SLOW = pytest.mark.slow


def asleep(steps: int) -> tuple[World, Turns]:
    """Let a run take so many steps of removing P and adding R, and then sleep till its lease is over.

    The tool rejects R and S by name until the last run.
    """
    world = World()
    world.tool.unknown = {R, S}
    world.set_segment([P, Q])
    world.sync()
    world.set_segment([Q, R])
    turns = started(world, "a")
    for _ in range(steps):
        turns.give("a")
    world.clock.pass_lease()
    return world, turns


def finish(world: World, turns: Turns) -> None:
    """Let the sleeper end, and hold the world to its promise after one clean run."""
    turns.finish()
    world.check_books()
    world.tool.unknown = set()
    assert world.sync().error is None
    world.check_converged()
    world.check_books()
    world.close()


@pytest.mark.parametrize(
    "woke_for", [pytest.param(n, marks=[] if n in OFTEN else SLOW) for n in range(STEPS)]
)
@pytest.mark.parametrize("last", [[Q, R], [P, S]], ids=["as before", "as the other run saw it"])
def test_a_run_that_is_overtaken_and_dies_does_no_harm(last: list[str], woke_for: int) -> None:
    """Overtaken by a run that saw another segment, it wakes for some steps, and is killed."""
    for slept_at in range(STEPS):
        world, turns = asleep(slept_at)
        world.set_segment([P, S])
        world.sync()
        for _ in range(woke_for):
            turns.give("a")
        turns.kill("a")
        world.set_segment(last)
        finish(world, turns)


@pytest.mark.slow
@pytest.mark.parametrize("last", [[Q, R], [P, S]], ids=["as before", "as the other saw it"])
@pytest.mark.parametrize("slept_at", range(STEPS))
def test_a_run_may_wake_up_at_any_step_of_the_one_that_overtook_it(slept_at: int, last: list[str]) -> None:
    """The other run sleeps at each of its steps in turn, while the first one goes on to its end."""
    for other_at in range(STEPS):
        world, turns = asleep(slept_at)
        world.set_segment([P, S])
        turns.start("b", world)
        for _ in range(other_at):
            turns.give("b")
        was_over = "b" in turns.over
        while "a" not in turns.over:
            turns.give("a")
        turns.finish()
        world.set_segment(last)
        finish(world, turns)
        if was_over:
            return


@pytest.mark.parametrize(
    "last",
    [pytest.param([Q, R], id="as before"), pytest.param([P, S], id="as the others saw it", marks=SLOW)],
)
@pytest.mark.parametrize("slept_at", range(STEPS))
def test_a_run_that_slept_through_two_others_does_no_harm(slept_at: int, last: list[str]) -> None:
    """The second of them has closed all that it knew of; the sleeper wakes up, and opens its own again."""
    world, turns = asleep(slept_at)
    world.set_segment([P, S])
    world.sync()
    world.sync()
    turns.finish()
    world.set_segment(last)
    finish(world, turns)
