"""The tie between an activation and its remote audience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from dbt_activate.config.activation import Activation, OnExisting
from dbt_activate.delivery import Audience
from dbt_activate.destination import AudienceSettings, Wanted
from dbt_activate.errors import (
    AccessError,
    AudienceTakenError,
    AuthenticationError,
    ConfigError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.state.audiences import AudienceRecord, Pending
from dbt_activate.sync.audience import Binding
from tests.protocol.tool import Tool, ToolDestination
from tests.protocol.world import Killed, World

STRANGER = ("email", "z@elsewhere.example")
UNKNOWN = AudienceRecord("tool.people", "tool", "people", "model.shop.people")


@dataclass
class Desk:
    """An activation's audience over several runs, and every step that was taken.

    Attributes:
        steps: What was asked of the tool, and what was noted (``note`` and the pending state).
        at_step: Called before each step; may raise.
    """

    tool: Tool = field(default_factory=Tool)
    name: str = "People"
    remote_id: str | None = None
    on_existing: OnExisting = OnExisting.ERROR
    record: AudienceRecord = UNKNOWN
    steps: list[str] = field(default_factory=list)
    at_step: Callable[[str], None] = lambda step: None

    def bind(self, destination: type[ToolDestination] = ToolDestination) -> Binding:
        """Bind in a new run, in the knowledge of what the last one noted."""
        self.steps.clear()
        binding = Binding(self.activation, destination(self.tool, self._step), self.record, self._save)
        binding.bind()
        return binding

    @property
    def activation(self) -> Activation:
        """The activation as the project now says."""
        audience = AudienceSettings(name=self.name, remote_id=self.remote_id)
        return replace(World().activation, audience=audience, on_existing=self.on_existing)

    def _save(self, record: AudienceRecord) -> AudienceRecord:
        self._step(f"note {record.pending}".strip())
        self.record = replace(record, version=record.version + 1)
        return self.record

    def _step(self, name: str) -> None:
        self.steps.append(name)
        self.at_step(name)


class Refusing(ToolDestination):
    """A tool that makes no audience."""

    error: DestinationError = RefusedError("no more audiences")

    def create(self, wanted: Wanted) -> Audience:
        """Refuse."""
        raise self.error


class Deaf(ToolDestination):
    """A tool that makes the audience, and whose answer is lost."""

    def create(self, wanted: Wanted) -> Audience:
        """Make it, and say nothing."""
        super().create(wanted)
        raise UnavailableError("no answer")


def killed_at(step: str) -> Callable[[str], None]:
    """Make a step that kills the run there."""

    def at_step(name: str) -> None:
        if name == step:
            raise Killed

    return at_step


def test_the_first_run_notes_that_it_makes_an_audience_before_it_does() -> None:
    """Cut off at any point, the next run knows its own audience again."""
    desk = Desk()
    assert not desk.bind().needs_refill
    assert desk.steps == ["find", "note create", "create", "created", "note"]
    assert (desk.record.remote_id, desk.record.name, desk.record.pending) == ("1", "People", Pending.NOTHING)


class Unheard(ToolDestination):
    """A tool that the request to make an audience may have reached, or not."""

    def create(self, wanted: Wanted) -> Audience:
        """Make nothing, and say nothing."""
        raise UnavailableError("no answer")


def test_what_may_have_been_made_is_no_claim_to_another_audience() -> None:
    """The project names another audience after the answer was lost: that one is a stranger's."""
    desk = Desk()
    with pytest.raises(UnavailableError):
        desk.bind(Unheard)
    desk.name = "Theirs"
    desk.tool.create("Theirs", [STRANGER])
    with pytest.raises(AudienceTakenError):
        desk.bind()
    desk.name = "People"
    desk.tool.create("People")
    desk.bind()
    assert (desk.record.name, desk.record.is_ours) == ("People", True)


def test_a_later_run_finds_its_audience() -> None:
    """It is looked up by its id, and nothing is made, noted or renamed."""
    desk = Desk()
    desk.bind()
    desk.bind()
    assert desk.steps == ["find"]
    assert desk.tool.made == 1


def test_an_audience_of_that_name_that_is_not_ours_is_an_error() -> None:
    """The message names it and the three ways out; it is left as it is."""
    desk = Desk()
    desk.tool.create("People", [STRANGER])
    with pytest.raises(AudienceTakenError) as caught:
        desk.bind()
    for part in ("tool.people", "'People'", "id 1", "audience.name", "adopt", "replace"):
        assert part in str(caught.value)
    assert desk.tool.members("People") == {STRANGER}
    assert desk.record.remote_id is None


def test_adopting_keeps_who_is_in_it() -> None:
    """The audience becomes ours, its members stay."""
    desk = Desk(on_existing=OnExisting.ADOPT)
    desk.tool.create("People", [STRANGER])
    desk.bind()
    assert desk.record.remote_id == "1"
    assert desk.tool.members("People") == {STRANGER}


def test_replacing_clears_once() -> None:
    """It is emptied when it becomes ours, and never after."""
    desk = Desk(on_existing=OnExisting.REPLACE)
    desk.tool.create("People", [STRANGER])
    desk.bind()
    assert desk.steps == ["find", "clear", "note"]
    desk.tool.audiences["1"] = {STRANGER}
    desk.bind()
    assert desk.tool.members("People") == {STRANGER}


def test_replacing_that_was_killed_before_the_note_clears_again() -> None:
    """As long as the audience is not noted as ours, nobody of ours is in it."""
    desk = Desk(on_existing=OnExisting.REPLACE, at_step=killed_at("note"))
    desk.tool.create("People", [STRANGER])
    with pytest.raises(Killed):
        desk.bind()
    desk.at_step, desk.tool.audiences["1"] = lambda step: None, {STRANGER}
    desk.bind()
    assert desk.tool.members("People") == set()
    desk.bind()
    assert "clear" not in desk.steps


def test_a_new_name_in_the_project_renames() -> None:
    """Once: it is not renamed again while the project says the same."""
    desk = Desk()
    desk.bind()
    desk.name = "Persons"
    desk.bind()
    assert desk.steps == ["find", "update", "note"]
    assert desk.tool.names == {"Persons": "1"}
    desk.bind()
    assert desk.steps == ["find"]


def test_a_rename_that_was_killed_before_the_note_is_done_again() -> None:
    """The name that we noted is the one that we surely gave."""
    desk = Desk()
    desk.bind()
    desk.name, desk.at_step = "Persons", killed_at("note")
    with pytest.raises(Killed):
        desk.bind()
    desk.at_step = lambda step: None
    desk.bind()
    assert desk.steps == ["find", "update", "note"]


def test_a_name_given_in_the_tool_is_left_alone() -> None:
    """Somebody renamed it there; the project did not change its mind."""
    desk = Desk()
    desk.bind()
    desk.tool.names = {"A name of theirs": "1"}
    desk.bind()
    assert desk.tool.names == {"A name of theirs": "1"}


def test_an_audience_given_by_its_id_still_asks_leave() -> None:
    """To name its id is not to say what becomes of its members."""
    desk = Desk(remote_id="1")
    desk.tool.create("Theirs", [STRANGER])
    with pytest.raises(AudienceTakenError):
        desk.bind()
    desk.on_existing = OnExisting.ADOPT
    desk.bind()
    assert desk.record.remote_id == "1"


@pytest.mark.parametrize("bound", [False, True])
def test_an_id_that_is_not_there_is_an_error(bound: bool) -> None:
    """An audience that was given by its id is never made, nor made anew."""
    desk = Desk(remote_id="1", on_existing=OnExisting.ADOPT)
    if bound:
        desk.tool.create("People")
        desk.bind()
        desk.tool.delete("1")
    with pytest.raises(RefusedError, match=r"no audience with the id 1 .*Check audience.remote_id"):
        desk.bind()
    assert desk.tool.made == int(bound)


def test_another_id_than_before_is_an_error() -> None:
    """The old audience's members would be left behind; the message says how to let go of them."""
    desk = Desk()
    desk.bind()
    desk.remote_id = "7"
    with pytest.raises(ConfigError) as caught:
        desk.bind()
    [problem] = caught.value.problems
    assert problem.key == "audience"
    assert "dbt-activate reset --select people" in problem.hint
    assert desk.steps == []


def test_a_vanished_audience_is_made_anew_and_to_be_refilled() -> None:
    """What the snapshot holds was in the one that is gone, and the note of that outlives a crash."""
    desk = Desk()
    desk.bind()
    desk.tool.delete("1")
    assert desk.bind().needs_refill
    assert (desk.record.remote_id, desk.record.pending) == ("2", Pending.REFILL)


@pytest.mark.parametrize("step", ["create", "created", "note refill"])
def test_a_vanished_audience_is_refilled_also_if_making_it_was_cut_off(step: str) -> None:
    """Wherever the run was killed, the next one has an audience that it knows to be empty."""
    desk = Desk()
    desk.bind()
    desk.tool.delete("1")
    desk.at_step = killed_at(step)
    with pytest.raises(Killed):
        desk.bind()
    desk.at_step = lambda step: None
    assert desk.bind().needs_refill
    assert desk.tool.made == 2


@pytest.mark.parametrize("error", [RefusedError("no"), AccessError("no"), AuthenticationError("no")])
def test_a_create_that_is_refused_leaves_no_claim(error: DestinationError) -> None:
    """An audience of that name that somebody else makes later is not taken for ours."""
    desk = Desk()
    with pytest.raises(type(error)):
        desk.bind(type("Refusing", (Refusing,), {"error": error}))
    desk.tool.create("People", [STRANGER])
    with pytest.raises(AudienceTakenError):
        desk.bind()


def test_a_create_whose_answer_was_lost_is_ours() -> None:
    """It may have been made: one of that name found later is the one."""
    desk = Desk()
    with pytest.raises(UnavailableError):
        desk.bind(Deaf)
    desk.bind()
    assert desk.record.remote_id == "1"
    assert desk.tool.made == 1


class Rigid(ToolDestination):
    """A tool that cannot rename."""

    renames = False
    changes_descriptions = False


def test_what_cannot_be_renamed_stays_and_is_said() -> None:
    """The audience keeps its name, goes on being ours, and a person is told how it is called there."""
    desk = Desk()
    assert desk.bind(Rigid).notes == []
    desk.name = "Best people"
    for _ in range(2):
        [note] = desk.bind(Rigid).notes
        assert "cannot rename" in note
        assert "'People'" in note
    assert list(desk.tool.names) == ["People"]
    assert "update" not in desk.steps


class Placed(ToolDestination):
    """A tool in which an audience's settings can name another place."""

    def can_be(self, wanted: Wanted, remote_id: str) -> bool:
        """Only people's audiences are in the right place."""
        return wanted.name != "Elsewhere"


def test_settings_that_name_another_place_are_refused() -> None:
    """What was filled there would be forgotten, so nothing is sent before somebody lets go of it."""
    desk = Desk()
    desk.bind(Placed)
    desk.name = "Elsewhere"
    with pytest.raises(ConfigError, match=r"another audience than 1.*dbt-activate reset"):
        desk.bind(Placed)


def test_whose_audience_it_is_stands_in_the_record() -> None:
    """One that we made is ours, one that was adopted is not."""
    desk = Desk()
    desk.bind()
    assert desk.record.is_ours
    adopted = Desk(on_existing=OnExisting.ADOPT)
    adopted.tool.create("People", [STRANGER])
    adopted.bind()
    assert not adopted.record.is_ours


@pytest.mark.parametrize("ids_are_names", [False, True])
def test_an_audience_that_is_made_anew_is_filled_again(ids_are_names: bool) -> None:
    """Also where the new one has the id of the one that vanished, and where the run that made it died."""
    desk = Desk(tool=Tool(ids_are_names=ids_are_names))
    assert not desk.bind().needs_refill
    desk.tool.delete(desk.record.remote_id or "")
    assert desk.bind().needs_refill

    def die(step: str) -> None:
        if step == "note refill":
            raise Killed

    desk.tool.delete(desk.record.remote_id or "")
    desk.record = replace(desk.record, pending=Pending.NOTHING)
    desk.at_step = die
    with pytest.raises(Killed):
        desk.bind()
    desk.at_step = lambda step: None
    assert desk.bind().needs_refill
