"""Promises about audiences: found exactly, made once, and missed when they are gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_activate.delivery import Audience, Delivery, Operation
from dbt_activate.errors import AudienceGoneError
from dbt_activate.testing.scene import Scene


class AudiencePromises:
    """An audience is the one that is meant, and there is one of it."""

    def test_nobody_is_found(self, scene: Scene) -> None:
        """Where no audience is, none is found, neither by name nor by the id of one that is gone."""
        assert scene.destination.find(scene.wanted(), None) is None
        audience = scene.create()
        scene.double.delete_audience(audience.remote_id)
        assert scene.destination.find(scene.wanted(), audience.remote_id) is None
        assert scene.destination.find(scene.wanted(), None) is None

    def test_an_audience_is_made_empty_under_its_name(self, scene: Scene) -> None:
        """One audience is made, with the name that is told, and nobody is in it."""
        audience = scene.create()
        assert {**scene.double.audiences()}.keys() == {audience.remote_id}
        assert scene.inside(audience).name == audience.name
        assert scene.members(audience) == {}

    def test_an_audience_is_found_by_id_and_by_exact_name(self, scene: Scene) -> None:
        """Neither a longer name nor a shorter one is taken for it."""
        longer, shorter = scene.create("VIP customers of old"), scene.create("VIP")
        assert scene.destination.find(scene.wanted(), None) is None
        audience = scene.create()
        scene.require_found(audience, scene.wanted(), None)
        scene.require_found(longer, scene.wanted("VIP customers of old"), longer.remote_id)
        scene.require_found(shorter, scene.wanted("VIP"), shorter.remote_id)

    def test_the_next_run_finds_it(self, scene: Scene) -> None:
        """Nothing that it needs is remembered from the making."""
        audience, people = scene.create(), scene.people(2)
        scene.reconnect()
        scene.require_found(audience, scene.wanted(), audience.remote_id)
        scene.add(audience, people)
        assert scene.members(audience) == scene.set_of(people)

    def test_many_audiences(self, scene: Scene) -> None:
        """One among many is found, however many pages the others fill."""
        for number in range(250):
            scene.double.add_audience(f"Other {number}", {})
        audience = scene.create()
        scene.require_found(audience, scene.wanted(), None)

    def test_making_an_audience_that_is_there(self, scene: Scene) -> None:
        """It is returned with everybody in it, and no second one is made."""
        audience, people = scene.create(), scene.people(2)
        scene.add(audience, people)
        scene.double.settle()
        assert scene.create().remote_id == audience.remote_id
        assert scene.double.audiences().keys() == {audience.remote_id}
        assert scene.members(audience) == scene.set_of(people)

    def test_an_audience_that_is_gone(self, scene: Scene) -> None:
        """Whatever is done with it says that it is gone; deleting it is fine."""
        audience, people = scene.create(), scene.people(3)
        scene.double.delete_audience(audience.remote_id)
        for act in _acts(scene, audience, people):
            with pytest.raises(AudienceGoneError):
                act()
        if scene.destination.deletes:
            scene.destination.delete(audience)


def _acts(scene: Scene, audience: Audience, people: tuple[str, ...]) -> list[Callable[[], object]]:
    destination = scene.destination
    acts: list[tuple[bool, Callable[[], object]]] = [
        (True, lambda: scene.add(audience, people)),
        (True, lambda: scene.remove(audience, people)),
        (destination.shares_requests, lambda: destination.push_together(audience, *_swap(scene, people))),
        (destination.clears, lambda: destination.clear(audience)),
        (destination.counts_members, lambda: destination.size(audience)),
        (destination.reads_members, lambda: list(destination.members(audience, scene.usual.name))),
    ]
    return [act for can, act in acts if can]


def _swap(scene: Scene, people: tuple[str, ...]) -> tuple[Delivery, Delivery]:
    return scene.delivery(Operation.REMOVE, people[:1]), scene.delivery(Operation.ADD, people[1:])
