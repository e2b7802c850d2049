"""The diff, against the same thing said in plain sets."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dbt_activate.identifiers import EMAIL, Form, hashed
from dbt_activate.sync.diff import IDENTIFIER, SAMPLE_SIZE, Diff, diff_members, identifiers, unchanged

PEOPLE = [f"{letter}@shop.example" for letter in "abcdef"]
HASHES = [hashed(person) for person in PEOPLE]
SPELLINGS = [*PEOPLE, " A@SHOP.example", "b@shop.example\u00a0", *HASHES[:4], HASHES[4].upper()]
NOBODY = ["", "no address", "a@b"]

raws = st.lists(st.sampled_from([*SPELLINGS, *NOBODY]), max_size=10)
members = st.sets(st.sampled_from([*PEOPLE, *HASHES[:4]]), max_size=6)
forms = st.sampled_from(Form)


@dataclass(frozen=True)
class Sides:
    """What goes into a diff, as sets of what the tool sees."""

    raw: list[str]
    held: set[str]
    unsure: set[str]
    form: Form

    def diff(self) -> Diff:
        """Make the diff."""
        raw, held, unsure = (identifiers(values) for values in (self.raw, self.held, self.unsure))
        return diff_members(raw, held, unsure, EMAIL, self.form)

    def sent(self, values: set[str]) -> set[str]:
        """Return values in the form in which they are sent."""
        return {hashed(value) for value in values} if self.form is Form.SHA256 else values

    @property
    def normalised(self) -> set[str]:
        """The segment's values, invalid ones too."""
        return {EMAIL.normalise(value) for value in self.raw}

    @property
    def segment(self) -> set[str]:
        """The segment's members, as sent."""
        return self.sent({value for value in self.normalised if EMAIL.is_valid(value)})

    def members(self, frame: pl.DataFrame) -> set[str]:
        """Return the members of a frame, as sent."""
        values = list(frame[IDENTIFIER])
        sent = self.sent(set(values))
        assert len(sent) == len(values)
        return sent


sides = st.builds(Sides, raws, members, members, forms)


@given(sides)
def test_the_diff_is_a_set_difference(sides: Sides) -> None:
    """Who is not surely in enters; who may be in and is not wanted leaves; each of them once."""
    diff, held, unsure = sides.diff(), sides.sent(sides.held), sides.sent(sides.unsure)
    assert sides.members(diff.added) == sides.segment - (held - unsure)
    assert sides.members(diff.removed) == (held | unsure) - sides.segment


@given(sides)
def test_the_diff_counts(sides: Sides) -> None:
    """The segment's size, the audience's size and the invalid values are counted without duplicates."""
    diff = sides.diff()
    assert diff.size == len(sides.segment)
    assert diff.held == len(sides.sent(sides.held | sides.unsure))
    assert diff.invalid == sum(not EMAIL.is_valid(value) for value in sides.normalised)


@given(sides)
def test_applying_the_diff_gives_the_segment(sides: Sides) -> None:
    """Whether or not the unsure are in the audience, the diff makes it the segment."""
    diff = sides.diff()
    added, removed = sides.members(diff.added), sides.members(diff.removed)
    for audience in (sides.held - sides.unsure, sides.held | sides.unsure):
        assert (sides.sent(audience) - removed) | added == sides.segment
    assert not added & removed


@given(raws, forms)
def test_the_diff_of_equals_is_empty(raw: list[str], form: Form) -> None:
    """A segment that the audience holds changes nothing, in whatever spelling."""
    held = {value for value in map(EMAIL.normalise, raw) if EMAIL.is_valid(value)}
    diff = Sides(raw, held, set(), form).diff()
    assert diff.added.is_empty()
    assert diff.removed.is_empty()


@given(st.sets(st.sampled_from(PEOPLE)), forms)
def test_unchanged_is_the_diff_of_equals(people: set[str], form: Form) -> None:
    """The short cut for an unchanged segment says what the diff would."""
    diff, short_cut = Sides(sorted(people), people, set(), form).diff(), unchanged(len(people))
    assert (diff.size, diff.held, diff.invalid) == (short_cut.size, short_cut.held, short_cut.invalid)
    assert short_cut.added.equals(diff.added)
    assert short_cut.removed.equals(diff.removed)


def test_a_clear_address_and_its_hash_are_one_member_when_hashed() -> None:
    """What the snapshot holds in clear is put into the form in which the tool has it."""
    diff = Sides([HASHES[0], PEOPLE[1]], {PEOPLE[0], PEOPLE[1]}, set(), Form.SHA256).diff()
    assert (diff.added.height, diff.removed.height, diff.size) == (0, 0, 2)
    assert diff.folded is not None
    assert set(diff.folded[IDENTIFIER]) == set(HASHES[:2])


def test_a_clear_address_and_its_hash_are_two_members_in_clear() -> None:
    """In clear the tool would see two identifiers."""
    diff = Sides([HASHES[0]], {PEOPLE[0]}, set(), Form.PLAIN).diff()
    assert list(diff.added[IDENTIFIER]) == [HASHES[0]]
    assert list(diff.removed[IDENTIFIER]) == [PEOPLE[0]]


def test_invalid_values_are_shown_masked_and_few() -> None:
    """The sample helps to find the error, and gives nobody away."""
    diff = Sides([f"secret{number} at home" for number in range(20)], set(), set(), Form.PLAIN).diff()
    assert diff.invalid == 20
    assert len(diff.sample) == SAMPLE_SIZE
    assert not any("ecret" in value for value in diff.sample)
