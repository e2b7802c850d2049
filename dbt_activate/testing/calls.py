"""Every call on a destination, each with a look into the tool whether it was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from dbt_activate.delivery import Audience, Operation
from dbt_activate.destination import Destination
from dbt_activate.testing.scene import Scene


@dataclass
class Setting:
    """An audience with three of ours and two strangers in it, and one neighbour.

    Attributes:
        scene: Where it is.
        name: Its name; another for each setting of a scene.
    """

    scene: Scene
    name: str
    audience: Audience = field(init=False)

    def __post_init__(self) -> None:
        """Set it up while all goes well."""
        self.ours, self.newcomers, strangers = (self.scene.people(number) for number in (3, 2, 2))
        self.audience = self.scene.create(self.name)
        self.scene.add(self.audience, self.ours)
        self.scene.double.settle()
        self.scene.double.put_members(self.audience.remote_id, self.scene.set_of(strangers))
        self.inside = self.ours + strangers
        self.others = self.scene.double.audiences().keys() - {self.audience.remote_id}
        self.wanted = self.scene.wanted(self.name)


def find(at: Setting) -> None:
    """Find it by name."""
    at.scene.require_found(at.audience, at.wanted, None)


def find_by_id(at: Setting) -> None:
    """Find it by id."""
    at.scene.require_found(at.audience, at.wanted, at.audience.remote_id)


def create(at: Setting) -> None:
    """Make another audience, and exactly one."""
    made = at.scene.create(f"{at.name} again")
    at.scene.double.settle()
    assert at.scene.double.audiences().keys() - at.others - {at.audience.remote_id} == {made.remote_id}


def rename(at: Setting) -> None:
    """Rename it."""
    wanted = at.wanted.model_copy(update={"name": f"{at.name} renamed"})
    renamed = at.scene.destination.update(at.audience, wanted)
    assert at.scene.inside(at.audience).name == renamed.name != at.audience.name


def add(at: Setting) -> None:
    """Put two people in."""
    at.scene.add(at.audience, at.newcomers)
    assert at.scene.members(at.audience) == at.scene.set_of(at.inside, at.newcomers)


def remove(at: Setting) -> None:
    """Take one of ours out."""
    at.scene.remove(at.audience, at.ours[:1])
    assert at.scene.members(at.audience) == at.scene.set_of(at.inside[1:])


def swap(at: Setting) -> None:
    """Take one out and put two in, with one request."""
    removal = at.scene.delivery(Operation.REMOVE, at.ours[:1])
    addition = at.scene.delivery(Operation.ADD, at.newcomers)
    at.scene.destination.push_together(at.audience, removal, addition)
    assert at.scene.members(at.audience) == at.scene.set_of(at.inside[1:], at.newcomers)


def size(at: Setting) -> None:
    """Count the members."""
    counted = at.scene.destination.size(at.audience)
    assert counted == len(at.inside) or at.scene.destination.count_note


def members(at: Setting) -> None:
    """Read the members."""
    pages = at.scene.destination.members(at.audience, at.scene.usual.name)
    assert sorted(one for page in pages for one in page) == sorted(at.inside)


def clear(at: Setting) -> None:
    """Take everybody out."""
    at.scene.destination.clear(at.audience)
    assert at.scene.members(at.audience) == {}


def delete(at: Setting) -> None:
    """Delete it, and no other."""
    at.scene.destination.delete(at.audience)
    at.scene.double.settle()
    assert at.scene.double.audiences().keys() == at.others


Call = Callable[[Setting], None]

CALLS: Mapping[Call, str | None] = {
    find: None,
    find_by_id: None,
    create: None,
    rename: "renames",
    add: None,
    remove: None,
    swap: "shares_requests",
    size: "counts_members",
    members: "reads_members",
    clear: "clears",
    delete: "deletes",
}
"""The calls, and the facts that declare them; None for what every destination does."""


def calls_of(destination: Destination) -> list[Call]:
    """Return the calls that a destination declares."""
    return [call for call, fact in CALLS.items() if fact is None or getattr(destination, fact)]


each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


def require_call(scene: Scene, call: Call) -> None:
    """Leave a test out where its call is not declared; that it is refused is tested elsewhere."""
    if call not in calls_of(scene.destination):
        pytest.skip("This call is not declared.")
