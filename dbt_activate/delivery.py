"""What a destination sees of us: five plain types, and nothing of the warehouse or of dbt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What a delivery does with its members."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience as the destination holds it.

    Attributes:
        remote_id: The destination's own id, as text: some ids pass 2**53.
        name: The name as the destination holds it.
        description: The description as the destination holds it; None where it has none.
    """

    remote_id: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One push: members of one identifier type that enter an audience, or that leave it.

    Attributes:
        number: Counts the deliveries of one run, from 1.
        operation: What to do.
        identifier_type: A name from the destination's `Destination.identifier_types`.
        identifiers: Exactly what to send, in its final form (hashed, if so configured); without
            duplicates, never empty, and at most `Destination.delivery_size` of them.
    """

    number: int
    operation: Operation
    identifier_type: str
    identifiers: Sequence[str]

    def __repr__(self) -> str:
        count = len(self.identifiers)
        return f"Delivery({self.number}, {self.operation}, {self.identifier_type}, {count} members)"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One member of a delivery that the destination did not take, and told us which.

    Attributes:
        position: Index of the member in `Delivery.identifiers`.
        code: The destination's own code.
        reason: What it means, in words; never holds the identifier.
    """

    position: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the destination answered to a delivery that it took.

    A member that is neither rejected by name nor counted was accepted. Members that the destination
    only counts as not taken stand as members in the snapshot: removing them is harmless, and sending
    them again would not help.

    Attributes:
        rejections: Members not taken, by name.
        unnamed_rejections: How many further members were not taken, where the destination only counts.
        sample: A few identifiers of the unnamed, already masked.
        reference: The destination's own id of the request, for its support, or None.
    """

    rejections: tuple[Rejection, ...] = ()
    unnamed_rejections: int = 0
    sample: tuple[str, ...] = ()
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What became of deliveries that the tool accepted and applies later.

    Attributes:
        unconfirmed: How many were not yet applied when we stopped asking. They stand as accepted.
        note: What else there is to say, in words; such as that somebody else replaced the members meanwhile.
    """

    unconfirmed: int = 0
    note: str = ""
