"""Two keys of one person: the mapping changes, things go wrong, a clean run ends with the segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dbt_activate.config.activation import Activation, FieldMapping
from dbt_activate.delivery import Delivery, Operation, Rejection
from dbt_activate.identifiers import EMAIL, Form
from tests.protocol.phases import PHASES
from tests.protocol.tool import CUSTOMER, Fault, Tool, ToolDestination
from tests.protocol.world import World, killer

PEOPLE = "abc"
FIELDS = {
    "email": FieldMapping(EMAIL, "email", Form.PLAIN),
    "id": FieldMapping(CUSTOMER, "other", Form.PLAIN),
}

mappings = st.sampled_from(list(FIELDS))
crowds = st.sets(st.sampled_from(PEOPLE), min_size=1)
faults = st.lists(st.sampled_from(Fault), min_size=1, max_size=3)


class ContactTool(Tool):
    """Holds contacts, and knows each by an e-mail address and by an id."""

    def _carry_out(
        self, audience: set[tuple[str, str]], delivery: Delivery, taken: Iterable[str]
    ) -> tuple[Rejection, ...]:
        for value in taken:
            contact = ("contact", value.partition("@")[0])
            if delivery.operation is Operation.REMOVE:
                audience.discard(contact)
            else:
                audience.add(contact)
        return ()


class ContactDestination(ToolDestination):
    """Our side of it."""

    one_identifier = True


@dataclass
class ContactWorld(World):
    """The world, with a mapping that may change."""

    tool: Tool = field(default_factory=ContactTool)
    destination_type: type[ToolDestination] = ContactDestination
    mapped: str = "email"

    def set_people(self, people: Iterable[str]) -> None:
        """Rebuild the model."""
        self.connection.execute("delete from people")
        for person in people:
            row = [f"{person}@shop.example", person]
            self.connection.execute("insert into people values (?, ?)", row)

    @property
    def activation(self) -> Activation:
        """The activation as the project now says."""
        return replace(super().activation, fields=(FIELDS[self.mapped],))

    def contacts(self) -> set[str]:
        """Who is really in the audience."""
        return {contact for _, contact in self.audience()}

    def people(self) -> set[str]:
        """Who the model says should be in it."""
        return {row[0] for row in self.connection.execute("select other from people").fetchall()}


class OnePerson(RuleBasedStateMachine):
    """The segment and the mapping change; runs meet faults, or are killed at any step."""

    world: ContactWorld

    @initialize(transactions=st.booleans())
    def begin(self, transactions: bool) -> None:
        """Set out with an empty model."""
        self.world = ContactWorld(transactions=transactions)

    @rule(
        people=crowds, mapped=st.sampled_from(list(FIELDS)), planned=faults, at=st.none() | st.integers(1, 60)
    )
    def sync_badly(self, people: set[str], mapped: str, planned: list[Fault], at: int | None) -> None:
        """A run after changes meets faults, or is killed."""
        self.world.set_people(people)
        self.world.mapped = mapped
        self.world.tool.faults = list(planned)
        self.world.sync(killer(at)) if at else self.world.sync()
        self.world.tool.faults = []

    @rule(people=crowds, mapped=mappings)
    def change(self, people: set[str], mapped: str) -> None:
        """People enter and leave the model, and may be mapped by another column."""
        self.world.set_people(people)
        self.world.mapped = mapped

    @rule(planned=faults)
    def sync_with_faults(self, planned: list[Fault]) -> None:
        """A run meets faults."""
        self.world.tool.faults = list(planned)
        self.world.sync()
        self.world.tool.faults = []

    @rule(at=st.integers(1, 60))
    def sync_killed(self, at: int) -> None:
        """A run is killed at some step."""
        self.world.sync(killer(at))

    @rule()
    def sync_well(self) -> None:
        """A clean run ends with the segment's people in the audience, and nobody else."""
        assert self.world.sync().error is None
        assert self.world.contacts() == self.world.people()

    def teardown(self) -> None:
        """Each history ends with a clean run."""
        if hasattr(self, "world"):
            self.sync_well()
            self.world.close()


OnePerson.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=8,
    deadline=None,
    phases=PHASES,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOnePerson = pytest.mark.long(OnePerson.TestCase)


def test_a_removal_by_the_old_key_takes_nobody_along() -> None:
    """Its answer is lost; when it is sent once more, whoever it takes along is added again."""
    world = ContactWorld()
    world.set_people("ab")
    world.sync()
    world.mapped = "id"
    world.tool.faults = [Fault.ANSWER_LOST]
    assert world.sync().error is not None
    assert world.sync().error is None
    assert world.contacts() == {"a", "b"}
