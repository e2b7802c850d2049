"""Changes that the tool accepts and applies later."""

from __future__ import annotations

import pytest

from tests.protocol.tool import Fault, SharingDestination
from tests.protocol.world import Killed, World

A, B = "a@shop.example", "b@shop.example"


def world(*members: str) -> World:
    """Make a world whose tool applies changes later, with a model of these members."""
    made = World(destination_type=SharingDestination)
    made.set_segment(members)
    return made


@pytest.mark.parametrize(("unconfirmed", "expected"), [(0, 0), (1, 1), (None, 1)])
def test_what_is_accepted_counts_whether_or_not_it_is_confirmed(
    unconfirmed: int | None, expected: int
) -> None:
    """The run goes well, says how much is unconfirmed, and the next one sends nothing again."""
    one = world(A, B)
    one.tool.unconfirmed = unconfirmed
    sync = one.sync()
    assert (sync.error, sync.run.status, sync.run.unconfirmed) == (None, "success", expected)
    assert bool(sync.notes) is (unconfirmed is None)
    pushes = one.tool.pushes
    one.sync()
    assert one.tool.pushes == pushes


def test_small_differences_take_one_request() -> None:
    """Who enters and who leaves go together, and both are in the books."""
    one = world(A)
    one.sync()
    one.set_segment([B])
    steps: list[str] = []
    sync = one.sync(steps.append)
    assert (steps.count("push"), sync.run.added, sync.run.removed) == (1, 1, 1)
    assert one.audience() == one.segment()


def test_a_run_killed_while_it_asks_has_its_receipts() -> None:
    """What was accepted before is not lost: the next run ends with the segment."""
    one = world(A, B)

    def die(step: str) -> None:
        if step == "confirm":
            raise Killed

    one.sync(die)
    one.set_segment([A])
    assert one.sync().error is None
    assert one.audience() == one.segment()


def test_nothing_is_asked_after_a_push_that_stopped() -> None:
    """Where credentials are refused, there is no use in asking."""
    one, steps = world(A), list[str]()
    one.tool.faults = [Fault.LOCKED_OUT]
    assert one.sync(steps.append).error is not None
    assert "confirm" not in steps
