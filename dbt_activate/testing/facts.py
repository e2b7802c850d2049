"""Promises about facts: what a destination declares that its tool can do, it does; the rest it refuses."""

from __future__ import annotations

import pytest

from dbt_activate.delivery import Operation
from dbt_activate.errors import RefusedError
from dbt_activate.testing.scene import DESCRIPTION, Scene


class FactPromises:
    """A fact that is declared is true; a call that is not declared is refused in words."""

    def test_facts_are_whole(self, scene: Scene) -> None:
        """It has a name, a label, identifier types under their own names, and sizes that can be used."""
        kind = scene.kind
        assert kind.type_name == scene.settings().type
        assert kind.label
        assert all(name == one.name for name, one in kind.identifier_types.items())
        assert kind.identifier_types or kind.other_identifiers
        assert scene.destination.delivery_size >= 1
        assert scene.destination.concurrency >= 1

    def test_one_delivery_at_a_time(self, scene: Scene) -> None:
        """Where an audience takes one delivery at a time, it is given one at a time."""
        assert scene.destination.concurrency == 1 or not scene.destination.one_at_a_time

    def test_an_account_is_told_without_secrets(self, scene: Scene) -> None:
        """What makes an account, an audience and a lane one can be compared, and holds no secret."""
        settings, wanted = scene.settings(), scene.wanted()
        account, identity = scene.kind.account(settings), scene.kind.identity(settings, wanted)
        lane = scene.kind.lane(settings, wanted)
        assert identity[: len(account)] == account
        assert hash((account, identity, lane)) == hash((account, identity, lane))
        assert not [secret for secret in scene.secrets if secret in repr((account, identity, lane))]

    def test_different_audiences_have_different_identities(self, scene: Scene) -> None:
        """Two names are two audiences, and the same settings are the same audience."""
        one, same, other = scene.wanted("VIP"), scene.wanted("VIP"), scene.wanted("Lapsed")
        settings = scene.settings()
        assert scene.kind.identity(settings, one) == scene.kind.identity(settings, same)
        assert scene.kind.identity(settings, one) != scene.kind.identity(settings, other)

    def test_renaming(self, scene: Scene) -> None:
        """An audience gets its new name and stays the same audience; or renaming is refused."""
        audience = scene.create()
        wanted = scene.wanted().model_copy(update={"name": "Lapsed customers"})
        if not scene.destination.renames:
            with pytest.raises(RefusedError):
                scene.destination.update(audience, wanted)
            return
        renamed = scene.destination.update(audience, wanted)
        assert scene.inside(audience).name == renamed.name != audience.name
        scene.require_found(renamed, wanted, audience.remote_id)
        assert renamed.remote_id == audience.remote_id

    def test_descriptions(self, scene: Scene) -> None:
        """A new audience has the wanted description, where audiences have one there."""
        audience = scene.create()
        described = DESCRIPTION if scene.destination.has_descriptions else None
        assert scene.inside(audience).description == described

    def test_changing_descriptions(self, scene: Scene) -> None:
        """A description is changed and the name stays, where descriptions can be changed."""
        if not (scene.destination.has_descriptions and scene.destination.changes_descriptions):
            return
        audience = scene.create()
        wanted = scene.wanted().model_copy(update={"description": "Big spenders"})
        assert scene.destination.update(audience, wanted).description == "Big spenders"
        real = scene.inside(audience)
        assert (real.name, real.description) == (audience.name, "Big spenders")

    def test_clearing(self, scene: Scene) -> None:
        """Everybody is taken out, strangers too, and twice is fine; or clearing is refused."""
        audience = scene.create()
        scene.add(audience, scene.people(3))
        scene.double.settle()
        scene.double.put_members(audience.remote_id, scene.set_of(scene.people(2)))
        if not scene.destination.clears:
            with pytest.raises(RefusedError):
                scene.destination.clear(audience)
            assert len(scene.members(audience)[scene.usual.name]) == 5
            return
        scene.destination.clear(audience)
        assert scene.members(audience) == {}
        scene.destination.clear(audience)

    def test_deleting(self, scene: Scene) -> None:
        """The audience is gone and no other one, and twice is fine; or deleting is refused."""
        audience, other = scene.create(), scene.create("Lapsed customers")
        if not scene.destination.deletes:
            with pytest.raises(RefusedError):
                scene.destination.delete(audience)
            assert scene.double.audiences().keys() == {audience.remote_id, other.remote_id}
            return
        scene.destination.delete(audience)
        scene.double.settle()
        assert scene.double.audiences().keys() == {other.remote_id}
        scene.destination.delete(audience)

    def test_counting_members(self, scene: Scene) -> None:
        """The size is that of the audience, unless a note says otherwise; or there is none."""
        audience = scene.create()
        scene.add(audience, scene.people(3))
        scene.double.settle()
        size = scene.destination.size(audience)
        if not scene.destination.counts_members:
            assert size is None
        elif not scene.destination.count_note:
            assert size == 3
        else:
            assert size is None or size >= 0

    def test_reading_members(self, scene: Scene) -> None:
        """What is read back is what is inside, type by type; or reading is refused."""
        audience = scene.create()
        if not scene.destination.reads_members:
            with pytest.raises(RefusedError):
                list(scene.destination.members(audience, scene.usual.name))
            return
        for kind in scene.kinds:
            if scene.kind.one_identifier:
                audience = scene.create(f"By {kind.name}", kind)
            scene.add(audience, scene.people(3, kind), kind)
            found = [one for page in scene.destination.members(audience, kind.name) for one in page]
            assert len(found) == 3
            assert {*found} == scene.members(audience)[kind.name]

    def test_reading_many_pages_of_members(self, scene: Scene) -> None:
        """Everybody is read back once, however many pages it takes, and nobody from an empty audience."""
        if not scene.destination.reads_members:
            return
        audience = scene.create()
        assert not [one for page in scene.destination.members(audience, scene.usual.name) for one in page]
        crowd = scene.people(2_345)
        scene.double.put_members(audience.remote_id, scene.set_of(crowd))
        found = [one for page in scene.destination.members(audience, scene.usual.name) for one in page]
        assert sorted(found) == sorted(crowd)

    def test_requests_that_are_shared(self, scene: Scene) -> None:
        """Some leave and some enter with one request; or that is refused."""
        audience = scene.create()
        stay, leave, enter = scene.people(2), scene.people(2), scene.people(3)
        scene.add(audience, stay + leave)
        removal = scene.delivery(Operation.REMOVE, leave)
        addition = scene.delivery(Operation.ADD, enter)
        if not scene.destination.shares_requests:
            with pytest.raises(RefusedError):
                scene.destination.push_together(audience, removal, addition)
            assert scene.members(audience) == scene.set_of(stay, leave)
            return
        for _ in range(2):
            scene.destination.push_together(audience, removal, addition)
            assert scene.members(audience) == scene.set_of(stay, enter)

    def test_confirming(self, scene: Scene) -> None:
        """What was accepted is followed until it is applied; or there is nothing to follow."""
        audience = scene.create()
        people = scene.people(3)
        receipt = scene.add(audience, people)
        if not scene.destination.confirms_later:
            with pytest.raises(RefusedError):
                scene.destination.confirm(audience, [])
            return
        assert receipt.reference is not None
        scene.double.settle()
        assert scene.destination.confirm(audience, [receipt.reference]).unconfirmed == 0
        assert scene.members(audience) == scene.set_of(people)

    def test_people_that_the_tool_does_not_take(self, scene: Scene) -> None:
        """They stop nobody else, and are named or counted as declared, with a reason that names nobody."""
        audience, taken, refused = scene.create(), scene.people(3), scene.people(2)
        if not scene.double.turn_away(scene.usual.name, refused):
            pytest.skip("This tool takes everybody.")
        receipt = scene.add(audience, (refused[0], *taken, refused[1]))
        assert scene.members(audience) == scene.set_of(taken)
        if scene.destination.names_rejections:
            assert [rejection.position for rejection in receipt.rejections] == [0, 4]
            assert receipt.unnamed_rejections == 0
        else:
            assert receipt.rejections == ()
        assert all(rejection.code and rejection.reason for rejection in receipt.rejections)
        assert not [one for one in refused if one in repr(receipt)]
