"""Whatever goes wrong, one clean run leaves in the audience exactly the segment's members."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from dbt_activate.identifiers import Form, hashed
from tests.protocol.phases import PHASES
from tests.protocol.tool import Fault, SharingDestination, Tool, ToolDestination
from tests.protocol.world import World, killer

PEOPLE = [f"{letter}@shop.example" for letter in "abcdef"]
SPELLINGS = [*PEOPLE, " A@SHOP.example", "b@shop.example\u00a0", hashed(PEOPLE[2]), hashed(PEOPLE[3]).upper()]
NOBODY = [None, "", "no address", "@", "a@b"]
STRANGERS = frozenset({("email", "z@elsewhere.example"), ("email", "y@elsewhere.example")})

segments = st.lists(st.sampled_from([*SPELLINGS, *NOBODY]), max_size=8)
faults = st.lists(st.sampled_from(Fault), max_size=6)


class Convergence(RuleBasedStateMachine):
    """Segment changes, faults of every kind, and runs killed at any step."""

    world: World
    is_bound = False

    @initialize(
        transactions=st.booleans(),
        strangers=st.sampled_from([frozenset(), STRANGERS]),
        form=st.sampled_from(Form),
        kind=st.sampled_from([ToolDestination, SharingDestination]),
        ids_are_names=st.booleans(),
    )
    def begin(
        self,
        transactions: bool,
        strangers: frozenset[tuple[str, str]],
        form: Form,
        kind: type[ToolDestination],
        ids_are_names: bool,
    ) -> None:
        """Set out with an empty model."""
        self.world = World(
            transactions=transactions,
            tool=Tool(ids_are_names=ids_are_names),
            strangers=strangers,
            form=form,
            destination_type=kind,
        )

    @rule(values=segments)
    def change_segment(self, values: list[str | None]) -> None:
        """People enter and leave the model."""
        self.world.set_segment(values)

    @rule(unknown=st.sets(st.sampled_from(PEOPLE), max_size=2))
    def change_the_unknown(self, unknown: set[str]) -> None:
        """The tool gets to know other people."""
        self.world.tool.unknown = unknown | {hashed(value) for value in unknown}

    @precondition(lambda self: self.is_bound)
    @rule()
    def rename(self) -> None:
        """The audience gets another name in the project."""
        self.world.name = "People" if self.world.name == "Persons" else "Persons"

    @precondition(lambda self: not self.world.strangers)
    @rule()
    def delete_audience(self) -> None:
        """Somebody deletes the audience in the tool."""
        for remote_id in list(self.world.tool.audiences):
            self.world.tool.delete(remote_id)

    @rule(planned=faults, full_refresh=st.booleans())
    def sync_with_faults(self, planned: list[Fault], full_refresh: bool) -> None:
        """A run meets faults."""
        self.world.tool.faults = list(planned)
        self.world.sync(full_refresh=full_refresh)
        self.world.tool.faults = []
        self.world.check_books()

    @rule(at=st.integers(1, 80), planned=faults)
    def sync_killed(self, at: int, planned: list[Fault]) -> None:
        """A run is killed at some step."""
        self.world.tool.faults = list(planned)
        self.world.sync(killer(at))
        self.world.tool.faults = []
        self.world.check_books()

    @rule(full_refresh=st.booleans())
    def sync_well(self, full_refresh: bool) -> None:
        """A clean run ends with the segment's members in the audience, and nobody else of ours."""
        sync = self.world.sync(full_refresh=full_refresh)
        assert sync.error is None
        self.is_bound = True
        self.world.check_converged()

    @invariant()
    def books_are_true(self) -> None:
        """Whoever we put into the audience stands in our books; nobody else is touched."""
        if hasattr(self, "world"):
            self.world.check_books()

    def teardown(self) -> None:
        """Each history ends with a clean run."""
        if hasattr(self, "world"):
            self.sync_well(full_refresh=False)
            self.world.close()


Convergence.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=14,
    deadline=None,
    phases=PHASES,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestConvergence = pytest.mark.long(Convergence.TestCase)
