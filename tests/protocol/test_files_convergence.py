"""The promises of a sync, with audiences as files: in a place whose every call goes wrong on order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from dbt_activate.config.activation import Activation
from dbt_activate.destinations.files.destination import Files
from dbt_activate.sync.run import Sync
from dbt_activate.throttle import Throttles
from tests.destinations.audience_files import AudienceFiles
from tests.destinations.faulty_store import DISK, OBJECTS, Calls, Damage
from tests.protocol.world import Killed, Step, World

PEOPLE = [f"{letter}@shop.example" for letter in "abcdefg"]

ERRORS: dict[str, Callable[[], BaseException]] = {
    "full": lambda: OSError(28, "canary"),
    "forbidden": lambda: PermissionError(13, "canary"),
    "gone": lambda: FileNotFoundError(2, "canary"),
    "garbled": lambda: ValueError("canary"),
    "late": lambda: TimeoutError("canary"),
    "killed": Killed,
}

KINDS = [(DISK, "members"), (DISK, "changes"), (OBJECTS, "members"), (OBJECTS, "changes")]
USUAL = ("late", Damage.ALL, DISK, "members")
"""What is tried each time; the slow tests try everything with everything."""

MOST_CALLS = 40


class FewAtOnce(Files):
    """The destination, with deliveries of two."""

    type_name = "files"

    def __init__(self, settings: Any, throttles: Throttles) -> None:
        super().__init__(settings.model_copy(update={"delivery_size": 2}), throttles)


@dataclass
class FilesWorld(World):
    """The world, with a folder as the tool.

    Attributes:
        place: The folder.
        protocol: What kind of place it is.
        content: What is kept of an audience.
        calls: The calls on it.
    """

    place: Path = field(kw_only=True)
    protocol: str = DISK
    content: str = "members"
    calls: Calls = field(default_factory=Calls)

    @property
    def inside(self) -> AudienceFiles:
        """The place, as whoever reads the files sees it."""
        return AudienceFiles(str(self.place), self.content)

    @property
    def activation(self) -> Activation:
        """The activation, with an audience of files."""
        return replace(super().activation, audience=Files.AudienceSettings(name=self.name))

    def set_people(self, numbers: set[int]) -> None:
        """Rebuild the model."""
        self.set_segment([PEOPLE[number] for number in sorted(numbers)])

    def new_sync(self, step: Step = lambda name: None, **options: Any) -> Sync:
        """Make a run that writes files."""
        sync = super().new_sync(step, **options)
        entry = {
            "type": "files",
            "targets": ("prod",),
            "url": f"{self.protocol}://{self.place}",
            "storage_options": {"calls": self.calls},
            "content": self.content,
        }
        sync.destination = FewAtOnce(Files.Settings.model_validate(entry), Throttles())
        return sync

    def audience(self) -> set[tuple[str, str]]:
        """Who is in the one audience, to whoever reads the files."""
        cards = self.inside.cards()
        assert len(cards) <= 1
        held = [self.inside.members(card) for card in cards if self.is_whole(card)]
        return {(kind, who) for one in held for kind, members in one.items() for who in members}

    def is_whole(self, card: str) -> bool:
        """Tell whether the files of an audience are all there; a card alone is none."""
        folder = self.place / card.rpartition("/")[0]
        return self.content == "changes" or (folder / "members.csv").exists()

    def leftovers(self) -> list[str]:
        """Return files that are neither a card nor members."""
        return [path for path in self.inside.paths() if path.endswith(".tmp")]

    def delete_audience(self) -> None:
        """Remove the folder behind everybody's back."""
        for card in self.inside.cards():
            self.inside.delete_audience(card)

    def check_books(self) -> None:
        """Whoever we put into the audience stands in our books."""
        ours = {value for _, value in self.audience()}
        assert not ours or ours <= self.accounted()

    def check_clean_run(self) -> None:
        """One run in which all goes well ends with the segment's members, and leaves no drafts."""
        self.calls.clear()
        sync = self.sync()
        assert sync.error is None
        assert self.audience() == self.segment()
        assert self.leftovers() == []


def _cases() -> Iterator[Any]:
    for error, damage, (protocol, content) in product(ERRORS, Damage, KINDS):
        case = (error, damage, protocol, content)
        if (error, damage) != ("gone", Damage.ALL):  # no place says so of what it has just taken
            marks = () if case == USUAL else (pytest.mark.slow,)
            yield pytest.param(*case, marks=marks, id=f"{error} {damage.name} {protocol} {content}")


@pytest.mark.parametrize(("error", "damage", "protocol", "content"), [*_cases()])
def test_every_damage_at_every_call_is_made_good(
    tmp_path: Path, error: str, damage: Damage, protocol: str, content: str
) -> None:
    """Once or for good, at whatever call: the books stay true, and a clean run ends with the segment."""
    world = FilesWorld(place=tmp_path / "audiences", protocol=protocol, content=content)
    crowds = cycle({number, (number + 1) % 7, (number + 3) % 7} for number in range(7))
    for is_new, times in product((True, False), (1, None)):
        for nth in range(1, MOST_CALLS):
            world.set_people(next(crowds))
            world.check_clean_run()
            if is_new:
                world.delete_audience()
            world.set_people(next(crowds))
            struck = world.calls.order(ERRORS[error](), damage, nth=nth, times=times)
            sync = world.sync()
            assert "canary" not in f"{sync.error!r}"
            world.check_books()
            if not struck():
                assert nth > 5
                break
        world.check_clean_run()
    world.close()


@pytest.mark.parametrize(
    ("protocol", "content"), [KINDS[0], *(pytest.param(*kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)
def test_a_whole_run_at_every_call_of_another(tmp_path: Path, protocol: str, content: str) -> None:
    """Wherever a run is suspended, another one may run meanwhile; a clean run then ends with the segment."""
    world = FilesWorld(place=tmp_path / "audiences", protocol=protocol, content=content)
    crowds = cycle({number, (number + 1) % 7, (number + 3) % 7} for number in range(7))
    for nth in range(1, MOST_CALLS):
        world.set_people(next(crowds))
        world.check_clean_run()
        world.set_people(next(crowds))
        meanwhile = Meanwhile(world, nth, next(crowds))
        world.sync()
        world.calls.before = lambda name, path: None
        if not meanwhile.happened:
            break
        world.check_clean_run()
    assert MOST_CALLS > nth > 5
    world.close()


@dataclass
class Meanwhile:
    """Lets a whole run happen right before the n-th call of another one.

    Not in the very moment of putting a list: a run that is suspended there does put it over a newer one.

    Attributes:
        world: Where both run.
        left: How many calls there are until then.
        people: Whom the model then has.
        happened: Whether it has happened.
    """

    world: FilesWorld
    left: int
    people: set[int]
    happened: bool = False

    def __post_init__(self) -> None:
        """Wait for the call."""
        self.world.calls.before = self.before

    def before(self, name: str, path: str) -> None:
        """Count a call."""
        self.left -= 1
        puts_list = path.endswith("/members.csv") and name in ("rename", "write")
        if self.left > 0 or puts_list:
            return
        self.world.calls.before = lambda name, path: None
        self.happened = True
        self.world.set_people(self.people)
        assert self.world.sync().error is None
