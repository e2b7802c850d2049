"""Members that the tool rejects by name."""

from __future__ import annotations

import pytest

from dbt_activate.identifiers import Form, hashed
from tests.protocol.tool import Fault, SharingDestination
from tests.protocol.world import World

A, B, C = (f"{letter}@shop.example" for letter in "abc")


def standing(world: World) -> dict[str, tuple[str, int]]:
    """Return who stands rejected: code and attempts."""
    rows = world.connection.execute(
        "select identifier, code, attempts from main_activate.rejections order by identifier"
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def test_a_rejected_member_is_accounted_for_and_tried_again() -> None:
    """It stands with its code and attempts until the tool takes it."""
    world = World()
    world.tool.unknown = {A}
    world.set_segment([A, B])
    assert world.sync().run.rejected == 1
    assert world.sync().run.rejected == 1
    assert standing(world) == {A: ("2008", 2)}
    world.tool.unknown = set()
    assert world.sync().run.added == 1
    assert standing(world) == {}
    world.check_converged()


def test_a_rejected_member_keeps_the_time_of_its_first_rejection() -> None:
    """Since when it is rejected is known, however often it was tried since."""
    world = World()
    world.tool.unknown = {A}
    world.set_segment([A])
    world.sync()
    first = world.clock()
    world.sync()
    times = world.connection.execute("select first_at, last_at from main_activate.rejections").fetchall()
    assert times == [(first, world.clock())]


def test_a_rejected_member_is_forgotten_when_it_leaves() -> None:
    """Who is wanted no more is rejected no more."""
    world = World()
    world.tool.unknown = {A}
    world.set_segment([A, B])
    world.sync()
    world.set_segment([B])
    world.sync()
    world.set_segment([])
    world.sync()
    assert standing(world) == {}


def test_a_rejected_member_can_be_left_alone() -> None:
    """With retry_rejected: false it is not sent again, and stands all the same."""
    world = World(retry_rejected=False)
    world.tool.unknown = {A}
    world.set_segment([A, B])
    world.sync()
    pushes = world.tool.pushes
    assert world.sync().plan.held_back == 1
    assert world.tool.pushes == pushes
    assert standing(world) == {A: ("2008", 1)}


def test_a_rejection_is_no_proof_of_absence() -> None:
    """Who may be in the audience and is then rejected stays in the books, and leaves with the segment."""
    world = World()
    world.set_segment([A])
    world.tool.faults = [Fault.ANSWER_LOST]
    world.sync()
    world.tool.unknown = {A}
    world.sync()
    world.check_books()
    world.set_segment([])
    assert world.sync().error is None
    assert world.audience() == set()


@pytest.mark.parametrize("retry_rejected", [True, False])
def test_who_is_rejected_by_an_audience_made_anew_is_not_lost(retry_rejected: bool) -> None:
    """They were in the one that vanished; they enter the new one as soon as the tool takes them."""
    world = World(retry_rejected=retry_rejected)
    world.set_segment([A, B])
    world.sync()
    world.tool.delete(world.tool.names[world.name])
    world.tool.unknown = {A}
    assert world.sync().run.rejected == 1
    world.tool.unknown = set()
    assert world.sync().run.added == 1
    assert standing(world) == {}
    world.check_converged()


def test_who_is_rejected_by_a_full_refresh_is_tried_again() -> None:
    """Somebody took them out in the tool: who is held and rejected is neither sure nor forgotten."""
    world = World()
    world.set_segment([A, B])
    world.sync()
    world.tool.unknown = {A}
    world.tool.audiences[world.tool.names[world.name]].discard(("email", A))
    world.sync(full_refresh=True)
    assert standing(world) == {A: ("2008", 1)}
    world.sync()
    assert standing(world) == {A: ("2008", 2)}
    world.tool.unknown = set()
    world.sync()
    world.check_converged()


def test_a_rejected_hash_is_no_proof_of_the_absence_of_a_clear_address() -> None:
    """The books held an address in clear, and the model has hashes now: it is the same member."""
    world = World(form=Form.SHA256)
    world.set_segment([A])
    world.tool.faults = [Fault.ANSWER_LOST]
    world.sync()
    world.set_segment([hashed(A)])
    world.tool.unknown = {hashed(A)}
    world.sync()
    world.check_books()
    world.set_segment([])
    assert world.sync().error is None
    assert world.audience() == set()


def test_of_two_deliveries_in_one_request_each_has_its_own_rejections() -> None:
    """B leaves and C is rejected, at once: it is C who stands rejected and is tried again."""
    world = World(destination_type=SharingDestination)
    world.set_segment([A, B])
    world.sync()
    world.tool.unknown = {C}
    world.set_segment([A, C])
    world.sync()
    assert standing(world) == {C: ("2008", 1)}
    world.tool.unknown = set()
    assert world.sync().run.added == 1
    world.check_converged()


def test_members_that_are_only_counted_stand_in_the_snapshot() -> None:
    """They are counted in the run, and not sent again."""
    world = World()
    world.tool.uncounted = {A}
    world.set_segment([A, B])
    assert world.sync().run.unnamed_rejections == 1
    pushes = world.tool.pushes
    assert world.sync().run.added == 0
    assert world.tool.pushes == pushes
