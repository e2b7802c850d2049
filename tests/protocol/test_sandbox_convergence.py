"""The same promises, with Criteo's adapter and the sandbox's Criteo: real sockets, real faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, product

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dbt_activate.delivery import Audience, Delivery, Receipt
from dbt_activate.destination import Wanted
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.identifiers import Form
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sync.run import Sync
from dbt_activate.throttle import Retry, Throttles
from tests.protocol.phases import PHASES
from tests.protocol.world import Step, World, killer

PEOPLE = [f"{letter}@shop.example" for letter in "abcdefg"]
LATE = 0.15
"""How late a delayed answer comes; a request is given up after a third of that."""

OPERATIONS = ["add", "remove", "add", "remove", "create", "search", "token"]
"""Where things go wrong; mostly at what changes the audience."""

STATUSES = [200, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503, 504]
EFFECTS = [
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

people = st.sets(st.sampled_from(PEOPLE))
faults = st.builds(
    lambda effect, operation, nth, times: Fault(**effect, operation=operation, nth=nth, times=times),
    st.sampled_from(EFFECTS),
    st.sampled_from(OPERATIONS),
    st.integers(1, 3),
    st.sampled_from([1, 2, None]),
)


class SteppingCriteo(Criteo):
    """Criteo's adapter; says each call before and after it is made, and sends three at once."""

    delivery_size = 3
    step: Step

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find the audience."""
        self.step("find")
        return super().find(wanted, remote_id)

    def create(self, wanted: Wanted) -> Audience:
        """Make the audience."""
        self.step("create")
        audience = super().create(wanted)
        self.step("created")
        return audience

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Carry out a delivery."""
        self.step("push")
        receipt = super().push(audience, delivery)
        self.step("pushed")
        return receipt


@dataclass
class SandboxWorld(World):
    """The world, with a sandbox as the tool."""

    sandbox: Sandbox = field(kw_only=True)
    form: Form = Form.SHA256

    def new_sync(self, step: Step = lambda name: None, **options: object) -> Sync:
        """Make a run that talks to the sandbox, and soon gives up."""
        sync = super().new_sync(step, **options)
        entry = SteppingCriteo.Settings(
            type="criteo",
            targets=("prod",),
            client_id="sandbox",
            client_secret="sandbox-secret",
            advertiser_id="73550",
            base_url=self.sandbox.url,
            timeout_seconds=LATE / 3,
            requests_per_minute=None,
        )
        retry = Retry(attempts=2, first_wait_seconds=0.001, total_seconds=1)
        destination = SteppingCriteo(entry, Throttles(retry))
        destination.step = step
        sync.destination = destination
        return sync

    def sync(self, step: Step = lambda name: None, **options: object) -> Sync:
        """Run once, and let go of the connections."""
        sync = super().sync(step, **options)
        sync.destination.close()
        return sync

    def audience(self) -> set[tuple[str, str]]:
        """Who is in the audience, as the sandbox holds it."""
        found = [each for each in self.sandbox.criteo.audiences() if each.name == self.name]
        members = self.sandbox.criteo.members(found[0].id) if found else {}
        return {("email", value) for values in members.values() for value in values}

    def check_books(self) -> None:
        """Whoever we put into the audience stands in our books."""
        ours = {value for _, value in self.audience()}
        assert not ours or ours <= self.accounted()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all histories; each begins with an empty one."""
    with Sandbox() as started:
        yield started


def delete_audiences(sandbox: Sandbox) -> None:
    """Delete all audiences behind everybody's back."""
    for audience in sandbox.criteo.audiences():
        sandbox.criteo.delete_audience(audience.id)


class SandboxConvergence(RuleBasedStateMachine):
    """Segment changes, every fault that the sandbox offers, and runs killed at any step."""

    sandbox: Sandbox
    world: SandboxWorld

    @initialize()
    def begin(self) -> None:
        """Set out with an empty model and an empty sandbox."""
        self.sandbox.reset()
        self.sandbox.criteo.configure(rate_limit=None)
        self.world = SandboxWorld(sandbox=self.sandbox)

    @rule()
    def expire_tokens(self) -> None:
        """All tokens end."""
        self.sandbox.criteo.expire_tokens()

    @rule()
    def delete_audience(self) -> None:
        """Somebody deletes the audience at Criteo."""
        delete_audiences(self.sandbox)

    @rule(people=people, ordered=st.lists(faults, min_size=1, max_size=3), at=st.none() | st.integers(1, 60))
    def sync_badly(self, people: set[str], ordered: list[Fault], at: int | None) -> None:
        """People enter and leave, and a run meets faults, or is killed, or both."""
        self.world.set_segment(sorted(people))
        for fault in ordered:
            self.sandbox.faults.add(fault)
        self.world.sync(killer(at)) if at else self.world.sync()
        for order in self.sandbox.faults.orders():
            if order.hit:  # for --hypothesis-show-statistics
                event(f"{order.fault.effect} {order.fault.status} at {order.fault.operation}")
        self.sandbox.faults.clear()
        self.world.check_books()

    @rule(people=people)
    def sync_well(self, people: set[str]) -> None:
        """A clean run ends with exactly the segment's members in the audience."""
        self.world.set_segment(sorted(people))
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
            self.sandbox.faults.clear()
            self.sync_well(set(PEOPLE[:2]))
            self.world.connection.close()


SandboxConvergence.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=12,
    deadline=None,
    phases=PHASES,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class TestSandboxConvergence(SandboxConvergence.TestCase):
    """The state machine, once per module's sandbox."""

    @pytest.fixture(autouse=True)
    def _use(self, sandbox: Sandbox) -> None:
        SandboxConvergence.sandbox = sandbox


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: " ".join(map(str, effect.values())))
def test_every_fault_at_every_operation_is_made_good(sandbox: Sandbox, effect: dict[str, object]) -> None:
    """Once or for good, at whatever request: the books stay true, and a clean run ends with the segment."""
    sandbox.reset()
    sandbox.criteo.configure(rate_limit=None)
    world = SandboxWorld(sandbox=sandbox)
    crowds = cycle(
        zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True)
    )  # each next one adds one and removes one
    for operation, times in product(dict.fromkeys(OPERATIONS), [1, None]):
        world.set_segment(next(crowds))
        world.sync()
        if operation == "create":
            delete_audiences(sandbox)
        order = sandbox.faults.add(Fault.model_validate({**effect, "operation": operation, "times": times}))
        world.set_segment(next(crowds))
        world.sync()
        assert order.hit, operation
        sandbox.faults.clear()
        world.check_books()
        world.set_segment(next(crowds))
        assert world.sync().error is None, operation
        assert world.audience() == world.segment()
    world.connection.close()
