"""Two runs whose steps are interleaved in any order, then one clean run, end in the right audience."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.phases import PHASES
from tests.protocol.tool import Fault
from tests.protocol.world import Killed, World

PEOPLE = [f"{letter}@shop.example" for letter in "abcde"]
segments = st.sets(st.sampled_from(PEOPLE))

Change = Callable[[], None]


@dataclass
class Turns:
    """Lets threads take one step at a time, in an order that is given.

    Attributes:
        waiting: Which run waits for its turn, and how it is woken.
        over: The runs that have ended.
    """

    waiting: dict[str, threading.Event] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    moved: threading.Condition = field(default_factory=threading.Condition)
    killed: set[str] = field(default_factory=set)

    def step(self, run: str) -> Callable[[str], None]:
        """Make the step that a run takes: it waits for its turn."""

        def wait(name: str) -> None:
            go = threading.Event()
            with self.moved:
                self.waiting[run] = go
                self.moved.notify_all()
            go.wait()
            if run in self.killed:
                raise Killed

        return wait

    def end(self, run: str) -> None:
        """Say that a run has ended."""
        with self.moved:
            self.over.add(run)
            self.moved.notify_all()

    def give(self, run: str) -> None:
        """Let a run take one step, and wait until it wants to take the next one, or has ended."""
        with self.moved:
            self.moved.wait_for(lambda: run in self.waiting or run in self.over)
            if run in self.over:
                return
            self.waiting.pop(run).set()
            self.moved.wait_for(lambda: run in self.waiting or run in self.over)


def run_both(world: World, schedule: list[str], changes: dict[int, Change]) -> None:
    """Run two syncs side by side.

    Args:
        world: The world.
        schedule: Who takes the next step: ``a`` or ``b``, ``kill a``, or ``later`` to let leases run out.
        changes: What happens to the model before the step of that number.
    """
    turns = Turns()

    def run(name: str) -> None:
        try:
            world.new_sync(turns.step(name)).execute()
        except Killed:
            pass
        finally:
            turns.end(name)

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for number, action in enumerate(schedule):
        changes.get(number, lambda: None)()
        if action == "later":
            world.clock.pass_lease()
        elif action.startswith("kill"):
            turns.killed.add(action[-1])
        else:
            turns.give(action)
    while turns.over != {"a", "b"}:
        for name in "ab":
            turns.give(name)
    for thread in threads:
        thread.join()


bursts = st.one_of(
    st.builds(lambda run, steps: [run] * steps, st.sampled_from("ab"), st.integers(1, 25)),
    st.just(["later"]),
    st.sampled_from([["kill a"], ["kill b"]]),
)
schedules = st.lists(bursts, min_size=1, max_size=12).map(lambda parts: [a for part in parts for a in part])


@settings(max_examples=150, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    before=segments,
    during=st.dictionaries(st.integers(0, 60), segments, max_size=3),
    after=segments,
    schedule=schedules,
    faults=st.lists(st.sampled_from([Fault.NONE, Fault.ANSWER_LOST, Fault.BUSY]), max_size=4),
    transactions=st.booleans(),
)
def test_two_runs_at_once_converge(before, during, after, schedule, faults, transactions) -> None:
    """Whatever two runs do to each other, nobody is lost or left behind after one clean run."""
    world = World(transactions=transactions)
    world.set_segment(PEOPLE[:2])
    world.sync()
    world.set_segment(before)
    world.tool.faults = list(faults)
    changes = {number: lambda s=segment: world.set_segment(s) for number, segment in during.items()}
    run_both(world, schedule, changes)
    world.tool.faults = []
    world.check_books()
    world.set_segment(after)
    assert world.sync().error is None
    world.check_converged()
    world.check_books()
    world.connection.close()
