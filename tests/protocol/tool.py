"""A tool that holds audiences in a dict, and can be told to fail in every way that a tool can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dbt_activate.delivery import Audience, Confirmation, Delivery, Operation, Receipt, Rejection
from dbt_activate.destination import CheckResult, Destination, DestinationSettings, Wanted
from dbt_activate.errors import (
    AudienceGoneError,
    AuthenticationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.identifiers import EMAIL, Form, IdentifierType

CUSTOMER = IdentifierType(name="customer_id", pattern=r"[a-z0-9]+", description="customer id")


class Fault(StrEnum):
    """What goes wrong with one push."""

    NONE = "none"
    REFUSED = "refused"
    LOCKED_OUT = "locked out"
    BUSY = "not taken"
    ANSWER_LOST = "taken, and the answer is lost"
    HALF_TAKEN = "half taken, then not available"


@dataclass
class Tool:
    """The far side: what the tool really holds.

    Attributes:
        audiences: Members by audience id, as (identifier type, identifier as sent).
        names: Audience ids by name.
        unknown: Identifiers that it rejects by name when they are added.
        uncounted: Identifiers that it does not take, and only counts.
        faults: What goes wrong with the next pushes, in order.
        pushes: How many pushes reached it.
        ids_are_names: Whether an audience's id is the name that it was made with, as in tools that let
            the maker choose it: one that is made anew then has the id of the one that vanished.
        unconfirmed: How many deliveries it says are not applied yet; None if it does not answer.
    """

    audiences: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    uncounted: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    pushes: int = 0
    ids_are_names: bool = False
    unconfirmed: int | None = 0
    made: int = 0

    def create(self, name: str, members: Iterable[tuple[str, str]] = ()) -> str:
        """Make an audience and return its id."""
        self.made += 1
        remote_id = name if self.ids_are_names else str(self.made)
        self.names[name] = remote_id
        self.audiences[remote_id] = set(members)
        return remote_id

    def delete(self, remote_id: str) -> None:
        """Delete an audience behind everybody's back."""
        self.audiences.pop(remote_id, None)
        self.names = {name: key for name, key in self.names.items() if key != remote_id}

    def members(self, name: str) -> set[tuple[str, str]]:
        """Return who is in the audience of that name."""
        return set(self.audiences[self.names[name]])

    def take(self, remote_id: str, delivery: Delivery) -> Receipt:
        """Carry out a delivery, well or badly."""
        self.pushes += 1
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        if remote_id not in self.audiences:
            raise AudienceGoneError("the audience is gone")
        if fault is Fault.REFUSED:
            raise RefusedError("refused")
        if fault is Fault.LOCKED_OUT:
            raise AuthenticationError("locked out")
        if fault is Fault.BUSY:
            raise UnavailableError("busy")
        taken = delivery.identifiers[: len(delivery.identifiers) // 2 if fault is Fault.HALF_TAKEN else None]
        rejections = self._carry_out(self.audiences[remote_id], delivery, taken)
        if fault in (Fault.ANSWER_LOST, Fault.HALF_TAKEN):
            raise UnavailableError("no answer")
        return Receipt(rejections, sum(value in self.uncounted for value in delivery.identifiers))

    def take_together(self, remote_id: str, removal: Delivery, addition: Delivery) -> tuple[Receipt, Receipt]:
        """Carry out a removal and an addition as one; half taken is the removal without the addition."""
        fault = self.faults[0] if self.faults else Fault.NONE
        if fault is Fault.HALF_TAKEN:
            self.faults[0] = Fault.NONE
            self.take(remote_id, removal)
            raise UnavailableError("no answer")
        if fault is Fault.ANSWER_LOST:
            self.faults.insert(0, Fault.NONE)
        return self.take(remote_id, removal), self.take(remote_id, addition)

    def _carry_out(
        self, audience: set[tuple[str, str]], delivery: Delivery, taken: Iterable[str]
    ) -> tuple[Rejection, ...]:
        rejections = []
        for position, value in enumerate(taken):
            member = (delivery.identifier_type, value)
            if delivery.operation is Operation.REMOVE:
                audience.discard(member)
            elif value in self.unknown:
                rejections.append(Rejection(position, "2008", "no such contact"))
            elif value not in self.uncounted:
                audience.add(member)
        return tuple(rejections)


class ToolDestination(Destination):
    """Our side of the tool."""

    type_name = "tool"
    label = "Tool"
    identifier_types = {"email": EMAIL, "customer_id": CUSTOMER}
    delivery_size = 2
    concurrency = 1
    default_form = Form.PLAIN

    def __init__(self, tool: Tool, before: Callable[[str], None] = lambda step: None) -> None:
        """Make ready.

        Args:
            tool: The far side.
            before: Called before and after each step that reaches the tool; may raise to stop there.
        """
        self.settings = DestinationSettings(type="tool", targets=("prod",))
        self.tool = tool
        self.before = before

    def check(self) -> CheckResult:
        """There is nothing to check."""
        return CheckResult(True, ())

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Look it up."""
        self.before("find")
        found = remote_id or self.tool.names.get(wanted.name)
        return Audience(found, wanted.name) if found in self.tool.audiences else None

    def create(self, wanted: Wanted) -> Audience:
        """Make it."""
        self.before("create")
        remote_id = self.tool.create(wanted.name)
        self.before("created")
        return Audience(remote_id, wanted.name)

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename it."""
        self.before("update")
        self.tool.names = {n: key for n, key in self.tool.names.items() if key != audience.remote_id}
        self.tool.names[wanted.name] = audience.remote_id
        return Audience(audience.remote_id, wanted.name)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Carry out a delivery."""
        self.before("push")
        receipt = self.tool.take(audience.remote_id, delivery)
        self.before("pushed")
        return receipt

    def clear(self, audience: Audience) -> None:
        """Take everybody out."""
        self.before("clear")
        self.tool.audiences[audience.remote_id].clear()


class SharingDestination(ToolDestination):
    """Our side of a tool that takes removals and additions in one request, and applies them later."""

    shares_requests = True
    confirms_later = True
    delivery_size = 4

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Carry out a delivery, and name it."""
        return replace(super().push(audience, delivery), reference=f"token-{delivery.number}")

    def push_together(
        self, audience: Audience, removal: Delivery, addition: Delivery
    ) -> tuple[Receipt, Receipt]:
        """Carry out two deliveries as one."""
        self.before("push")
        removed, added = self.tool.take_together(audience.remote_id, removal, addition)
        self.before("pushed")
        return removed, replace(added, reference=f"token-{addition.number}")

    def confirm(self, audience: Audience, references: Sequence[str]) -> Confirmation:
        """Say as the tool does how many are not applied yet."""
        self.before("confirm")
        if self.tool.unconfirmed is None:
            raise UnavailableError("the tool does not say")
        return Confirmation(min(self.tool.unconfirmed, len(references)))
