"""Two runs whose steps are interleaved in any order, then one clean run, end in the right audience."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.interleaving import started
from tests.protocol.phases import PHASES
from tests.protocol.tool import Fault
from tests.protocol.world import World

PEOPLE = [f"{letter}@shop.example" for letter in "abcde"]
segments = st.sets(st.sampled_from(PEOPLE))

bursts = st.one_of(
    st.tuples(st.sampled_from("ab"), st.integers(1, 15)),
    st.tuples(st.just("later"), st.just(1)),
    st.tuples(st.sampled_from(["kill a", "kill b"]), st.just(1)),
    st.tuples(st.just("segment"), segments),
)


@pytest.mark.long
@settings(
    max_examples=60,
    deadline=None,
    phases=PHASES,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(
    before=segments,
    after=segments,
    schedule=st.lists(bursts, max_size=14),
    unknown=st.sets(st.sampled_from(PEOPLE), max_size=2),
    faults=st.lists(st.sampled_from([Fault.NONE, Fault.ANSWER_LOST, Fault.BUSY]), max_size=4),
    transactions=st.booleans(),
)
def test_two_runs_at_once_converge(before, after, schedule, unknown, faults, transactions) -> None:
    """Whatever two runs do to each other, nobody is lost or left behind after one clean run."""
    world = World(transactions=transactions)
    world.set_segment(PEOPLE[:2])
    world.sync()
    world.set_segment(before)
    world.tool.faults, world.tool.unknown = list(faults), unknown
    turns = started(world, "a", "b")
    for action, argument in schedule:
        if action == "later":
            world.clock.pass_lease()
        elif action == "segment":
            world.set_segment(argument)
        elif action.startswith("kill"):
            turns.kill(action[-1])
        else:
            for _ in range(argument):
                turns.give(action)
    turns.finish()
    world.tool.faults, world.tool.unknown = [], set()
    world.check_books()
    world.set_segment(after)
    assert world.sync().error is None
    world.check_converged()
    world.check_books()
    world.close()
