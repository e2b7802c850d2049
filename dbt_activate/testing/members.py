"""Promises about members: exactly those who were sent are in, whatever was sent before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dbt_activate.testing.scene import Scene


class MemberPromises:
    """A delivery does what it says, to those whom it names, and to nobody else."""

    def test_members_enter_and_leave(self, scene: Scene) -> None:
        """Who is added is in, exactly as sent; who is removed is not; the others stay."""
        audience, stay, leave = scene.create(), scene.people(3), scene.people(2)
        receipt = scene.add(audience, stay + leave)
        assert (receipt.rejections, receipt.unnamed_rejections) == ((), 0)
        assert scene.members(audience) == scene.set_of(stay, leave)
        later = scene.people(2)
        scene.add(audience, later)
        scene.remove(audience, leave)
        assert scene.members(audience) == scene.set_of(stay, later)

    def test_every_type_of_identifier(self, scene: Scene) -> None:
        """Members of each type are in as that type, side by side where several may be mapped."""
        audience, expected = scene.create(), dict[str, frozenset[str]]()
        for kind in scene.kinds:
            if scene.kind.one_identifier:
                audience, expected = scene.create(f"By {kind.name}", kind), {}
            people = scene.people(3, kind)
            scene.add(audience, people, kind)
            expected[kind.name] = frozenset(people)
            assert scene.members(audience) == expected
        last = scene.kinds[-1]
        scene.remove(audience, tuple(expected.pop(last.name)), last)
        assert scene.members(audience) == expected

    def test_twice_is_as_once(self, scene: Scene) -> None:
        """Adding who is in and removing who is not are no errors, and change nothing."""
        audience, stay, leave = scene.create(), scene.people(2), scene.people(2)
        for _ in range(2):
            scene.add(audience, stay + leave)
            assert scene.members(audience) == scene.set_of(stay, leave)
        for _ in range(2):
            receipt = scene.remove(audience, leave)
            assert (receipt.rejections, receipt.unnamed_rejections) == ((), 0)
            assert scene.members(audience) == scene.set_of(stay)

    def test_removing_who_never_was_in(self, scene: Scene) -> None:
        """It is no error, from an empty audience neither, also where the tool does not know them."""
        audience, nobody, stay = scene.create(), scene.people(2), scene.people(1)
        scene.remove(audience, nobody)
        assert scene.members(audience) == {}
        scene.add(audience, stay)
        scene.double.turn_away(scene.usual.name, nobody)
        scene.remove(audience, nobody)
        assert scene.members(audience) == scene.set_of(stay)

    def test_the_last_member_leaves(self, scene: Scene) -> None:
        """An audience may become empty, and take members again."""
        audience, people = scene.create(), scene.people(1)
        scene.add(audience, people)
        scene.remove(audience, people)
        assert scene.members(audience) == {}
        scene.add(audience, people)
        assert scene.members(audience) == scene.set_of(people)

    def test_strangers_stay(self, scene: Scene) -> None:
        """Whom somebody else put in stays in, whatever we add and remove."""
        strangers, ours = scene.people(3), scene.people(2)
        audience = scene.create()
        scene.double.put_members(audience.remote_id, scene.set_of(strangers))
        scene.add(audience, ours)
        scene.remove(audience, ours[:1])
        assert scene.members(audience) == scene.set_of(strangers, ours[1:])

    def test_other_audiences_are_left_alone(self, scene: Scene) -> None:
        """The same person may be in two audiences, and leave one of them."""
        one, other, people = scene.create(), scene.create("Lapsed customers"), scene.people(2)
        scene.add(one, people)
        scene.add(other, people)
        scene.remove(one, people[:1])
        assert scene.members(one) == scene.set_of(people[1:])
        assert scene.members(other) == scene.set_of(people)

    def test_a_full_delivery(self, scene: Scene) -> None:
        """As many members as one delivery may have, and as many bytes, go in and out at once."""
        audience, people = scene.create(), scene.full_delivery(scene.usual)
        scene.add(audience, people)
        assert scene.members(audience) == scene.set_of(people)
        scene.remove(audience, people)
        assert scene.members(audience) == {}

    def test_deliveries_side_by_side(self, scene: Scene) -> None:
        """As many deliveries as may be under way at once all arrive, from as many threads."""
        audience = scene.create()
        crowds = [scene.people(5) for _ in range(3 * scene.destination.concurrency)]
        with ThreadPoolExecutor(scene.destination.concurrency) as pool:
            list(pool.map(lambda crowd: scene.add(audience, crowd), crowds))
        assert scene.members(audience) == scene.set_of(*crowds)
