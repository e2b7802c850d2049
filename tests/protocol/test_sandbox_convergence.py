"""The same promises for every destination, with its vendor in the sandbox: real sockets, real faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, cycle, product
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from dbt_activate.config.activation import Activation, FieldMapping
from dbt_activate.delivery import Audience, Delivery, Receipt
from dbt_activate.destination import Destination, Wanted
from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.identifiers import Form, IdentifierType, hashed
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sync.run import Sync
from dbt_activate.testing import SandboxDouble, Scene
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.generic_doubles import HttpDouble
from tests.doubles import DOUBLES
from tests.protocol.phases import PHASES
from tests.protocol.world import Killed, Step, World, killer

MAKERS = {**DOUBLES, "http": HttpDouble}
TYPES = [name for name in MAKERS if name in destination_types()]

CROWD = 7
LATE = 0.15
"""How late a delayed answer comes; a request is given up after a third of that."""

MOST_REQUESTS = 12
"""A run of two deliveries makes fewer."""

STATUSES = [200, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503, 504]
EFFECTS: list[dict[str, Any]] = [
    *({"effect": "error", "status": status} for status in STATUSES),
    {"effect": "error", "status": 429, "retry_after": 0},
    {"effect": "error", "status": 429, "reset_after_seconds": 0.01},
    {"effect": "error", "status": 503, "applied": True},
    *(
        {"effect": effect, "applied": applied}
        for effect, applied in product(["reset", "garbage"], [False, True])
    ),
    *({"effect": "delay", "delay_seconds": LATE, "applied": applied} for applied in (False, True)),
    {"effect": "truncate"},
]
USUAL = [{"effect": "error", "status": 503, "applied": True}]
"""What is tried at every request of every destination each time: it is done, and nobody knows."""

ALIKE = [
    *({"effect": "error", "status": status} for status in (403, 410, 413, 500, 504)),
    {"effect": "error", "status": 429, "retry_after": 0},
    {"effect": "garbage", "applied": True},
    {"effect": "delay", "delay_seconds": LATE, "applied": False},
]
"""What Criteo is tried with only by the slow tests, as it is taken like another one of `EFFECTS`."""

people = st.sets(st.integers(0, CROWD - 1))
faults = st.builds(
    lambda effect, nth, times: {**effect, "nth": nth, "times": times},
    st.sampled_from(EFFECTS),
    st.integers(1, 10),
    st.sampled_from([1, 2, None]),
)


def stepping(kind: type[Destination]) -> type[Destination]:
    """Make a destination that says each call before and after it is made, and sends three at once."""

    class Stepping(kind):  # type: ignore[valid-type, misc]
        delivery_size = 3
        step: Step

        def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
            self.step("find")
            return super().find(wanted, remote_id)

        def create(self, wanted: Wanted) -> Audience:
            self.step("create")
            audience = super().create(wanted)
            self.step("created")
            return audience

        def push(self, audience: Audience, delivery: Delivery) -> Receipt:
            self.step("push")
            receipt = super().push(audience, delivery)
            self.step("pushed")
            return receipt

        def push_together(
            self, audience: Audience, removal: Delivery, addition: Delivery
        ) -> tuple[Receipt, Receipt]:
            self.step("push")
            receipts = super().push_together(audience, removal, addition)
            self.step("pushed")
            return receipts

    return Stepping


@dataclass
class SandboxWorld(World):
    """The world, with a vendor of the sandbox as the tool."""

    kind: type[Destination] = field(kw_only=True)
    double: SandboxDouble = field(kw_only=True)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose the people, and how they are sent."""
        super().__post_init__()
        self.identifier: IdentifierType = Scene(self.kind, self.double).usual
        self.form = self.kind.default_form if self.identifier.hashable else Form.PLAIN
        self.people = [self.double.identifier(self.identifier, number) for number in range(1, CROWD + 1)]
        self.double.introduce(self.identifier.name, self.people)

    @property
    def activation(self) -> Activation:
        """The activation, with this destination's identifiers and audiences."""
        defaults = self.kind.audience_defaults({self.identifier.name: "email"})
        keys = {**defaults, **self.double.audience(self.name, "")}
        return replace(
            super().activation,
            audience=self.kind.AudienceSettings.model_validate(keys),
            fields=(FieldMapping(self.identifier, "email", self.form),),
        )

    def set_people(self, numbers: set[int]) -> None:
        """Rebuild the model."""
        self.set_segment([self.people[number] for number in sorted(numbers)])

    def new_sync(self, step: Step = lambda name: None, **options: Any) -> Sync:
        """Make a run that talks to the sandbox, and soon gives up."""
        sync = super().new_sync(step, **options)
        stepper = stepping(self.kind)
        is_hasty = any(fault["effect"] == "delay" for fault in self.faults)
        entry = {"targets": ("prod",), **self.double.entry(), "timeout_seconds": LATE / 3 if is_hasty else 60}
        retry = Retry(attempts=2, first_wait_seconds=0.001, total_seconds=1, poll_seconds=(0.001,))
        destination = stepper(stepper.Settings.model_validate(entry), Throttles(retry, window_seconds=0.01))
        destination.step = step  # type: ignore[attr-defined]
        sync.destination = destination
        return sync

    def sync(self, step: Step = lambda name: None, **options: Any) -> Sync:
        """Run once, and let go of the connections."""
        sync = super().sync(step, **options)
        sync.destination.close()
        return sync

    def audience(self) -> set[tuple[str, str]]:
        """Who is in the one audience, as the sandbox holds it."""
        self.double.settle()
        held = [*self.double.audiences().values()]
        assert len(held) <= 1
        return {(kind, who) for one in held for kind, members in one.members.items() for who in members}

    def segment(self) -> set[tuple[str, str]]:
        """Who the model says should be in it, as sent."""
        rows = self.connection.execute("select email from people").fetchall()
        values = {self.identifier.normalise(row[0]) for row in rows}
        sent = {hashed(value) if self.form is Form.SHA256 else value for value in values}
        return {(self.identifier.name, value) for value in sent}

    def check_books(self) -> None:
        """Whoever we put into the audience stands in our books."""
        ours = {value for _, value in self.audience()}
        assert not ours or ours <= self.accounted()

    def delete_audiences(self) -> None:
        """Delete all audiences behind everybody's back."""
        for remote_id in self.double.audiences():
            self.double.delete_audience(remote_id)

    def order(self, fault: dict[str, Any]) -> None:
        """Order a fault."""
        self.faults.append(fault)
        self.double.sandbox.faults.add(Fault.model_validate({**fault, "vendor": self.double.vendor.name}))

    def clear_faults(self) -> None:
        """Take all orders back."""
        self.faults.clear()
        self.double.clear_faults()

    def struck(self) -> bool:
        """Tell whether a fault has struck, and take all orders back."""
        orders = self.double.sandbox.faults.orders()
        self.clear_faults()
        return any(order.hit for order in orders)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all histories; each begins with an empty one."""
    with Sandbox() as started:
        yield started


def new_world(sandbox: Sandbox, type_name: str) -> SandboxWorld:
    """Set out with an empty model and an empty sandbox."""
    return SandboxWorld(kind=load_destination(type_name), double=MAKERS[type_name](sandbox))


class SandboxConvergence(RuleBasedStateMachine):
    """Segment changes, every fault that the sandbox offers, and runs killed at any step."""

    sandbox: Sandbox
    type_name: str
    world: SandboxWorld

    @initialize()
    def begin(self) -> None:
        """Set out."""
        self.world = new_world(self.sandbox, self.type_name)

    @rule()
    def expire_tokens(self) -> None:
        """All tokens end."""
        self.sandbox.expire_tokens()

    @rule()
    def delete_audience(self) -> None:
        """Somebody deletes the audience in the tool."""
        self.world.delete_audiences()

    @rule(people=people, ordered=st.lists(faults, min_size=1, max_size=3), at=st.none() | st.integers(1, 60))
    def sync_badly(self, people: set[int], ordered: list[dict[str, Any]], at: int | None) -> None:
        """People enter and leave, and a run meets faults, or is killed, or both."""
        self.world.set_people(people)
        for fault in ordered:
            self.world.order(fault)
        self.world.sync(killer(at)) if at else self.world.sync()
        event(f"struck: {self.world.struck()}")  # for --hypothesis-show-statistics
        self.world.check_books()

    @rule(people=people)
    def sync_well(self, people: set[int]) -> None:
        """A clean run ends with exactly the segment's members in the audience."""
        self.world.set_people(people)
        assert self.world.sync().error is None
        assert self.world.audience() == self.world.segment()

    @invariant()
    def books_are_true(self) -> None:
        """Whoever we put into the audience stands in our books."""
        if hasattr(self, "world"):
            self.world.check_books()

    def teardown(self) -> None:
        """Each history ends with a clean run."""
        if hasattr(self, "world"):
            self.world.clear_faults()
            self.sync_well({0, 1})
            self.world.close()


def run_histories(sandbox: Sandbox, type_name: str, number: int) -> None:
    """Try so many histories of one destination."""
    machine = type("Convergence", (SandboxConvergence,), {"sandbox": sandbox, "type_name": type_name})
    chosen = settings(
        max_examples=number,
        stateful_step_count=12,
        deadline=None,
        phases=PHASES,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.parametrize("type_name", TYPES)
def test_histories_converge(sandbox: Sandbox, type_name: str) -> None:
    """After whatever happened, the books are true, and a clean run ends with the segment's members."""
    run_histories(sandbox, type_name, 30 if type_name == "criteo" else 8)


@pytest.mark.slow
@pytest.mark.parametrize("type_name", TYPES)
def test_many_histories_converge(sandbox: Sandbox, type_name: str) -> None:
    """The same, for longer."""
    run_histories(sandbox, type_name, 200)


@pytest.mark.parametrize("type_name", TYPES)
def test_killed_while_a_vanished_audience_is_made_anew(sandbox: Sandbox, type_name: str) -> None:
    """It is refilled by the next run, also where the new audience has the id of the old one."""
    world = new_world(sandbox, type_name)
    world.set_people({0, 1, 2})
    assert world.sync().error is None
    world.delete_audiences()
    world.set_people({0, 1, 2, 3})

    def step(name: str) -> None:
        if name == "created":
            raise Killed

    world.sync(step)
    assert len(world.double.audiences()) == 1
    assert world.sync().error is None
    assert world.audience() == world.segment()


def _cases() -> Iterator[Any]:
    for type_name, effect in product(TYPES, EFFECTS):
        is_usual = effect in USUAL or (type_name == "criteo" and effect not in ALIKE)
        marks = () if is_usual else (pytest.mark.slow,)
        yield pytest.param(type_name, effect, marks=marks, id=f"{type_name} {_words(effect)}")


def _words(effect: dict[str, Any]) -> str:
    return " ".join(map(str, effect.values()))


@pytest.mark.parametrize(("type_name", "effect"), [*_cases()])
def test_every_fault_at_every_request_is_made_good(
    sandbox: Sandbox, type_name: str, effect: dict[str, Any]
) -> None:
    """Once or for good, at whatever request: the books stay true, and a clean run ends with the segment."""
    world = new_world(sandbox, type_name)
    met: set[str] = set()
    crowds = cycle({number, (number + 1) % CROWD} for number in range(CROWD))  # each adds one, removes one
    for is_new, times in product((True, False), (1, None)):
        for nth in count(1):
            world.set_people(next(crowds))
            assert world.sync().error is None
            if is_new:
                world.delete_audiences()
            world.set_people(next(crowds))
            world.order({**effect, "nth": nth, "times": times})
            before = sandbox.traffic.exchanges()[-1].index
            world.sync()
            met |= {exchange.operation for exchange in sandbox.traffic.exchanges(since=before + 1)}
            world.check_books()
            if not world.struck():
                break
        assert 2 < nth <= MOST_REQUESTS
        assert world.sync().error is None
        assert world.audience() == world.segment()
    for operation, nth in product(sorted(met - struck_operations(sandbox)), range(1, MOST_REQUESTS)):
        # Asked for only once another fault has struck, such as the halves of what was too large.
        world.set_people(next(crowds))
        assert world.sync().error is None
        world.set_people(next(crowds))
        world.order({**effect, "nth": nth, "times": 1})
        world.order({**effect, "operation": operation, "times": None})
        world.sync()
        world.check_books()
        world.clear_faults()
        assert world.sync().error is None
        assert world.audience() == world.segment()
    world.close()
    assert struck_operations(sandbox) == met


def struck_operations(sandbox: Sandbox) -> set[str]:
    """Return which operations a fault has struck."""
    return {exchange.operation for exchange in sandbox.traffic.exchanges() if exchange.fault}


@pytest.mark.parametrize("type_name", TYPES)
def test_an_audience_that_only_seems_gone_keeps_its_members_in_our_books(
    sandbox: Sandbox, type_name: str
) -> None:
    """Not seen twice, and then found under the id that it has: who is in it is not forgotten."""
    world = new_world(sandbox, type_name)
    world.set_people({0})
    assert world.sync().error is None
    world.set_people(set())
    world.order({"effect": "error", "status": 404, "nth": 1, "times": 2})
    world.sync()
    world.clear_faults()
    world.check_books()
    assert world.sync().error is None
    assert world.audience() == world.segment()
    world.close()
