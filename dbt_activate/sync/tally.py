"""What a destination has answered so far in one run: counts, and what is yet to be recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbt_activate.delivery import Confirmation, Operation, Receipt
from dbt_activate.lazy_polars import pl
from dbt_activate.state.changes import Outcome
from dbt_activate.state.rejections import MEMBER, RejectedMember

if TYPE_CHECKING:
    from datetime import datetime

    from dbt_activate.sync.plan import PlannedDelivery
    from dbt_activate.sync.push import Answer

SAMPLE_SIZE = 5
"""How many members that were only counted as not taken are shown, masked."""


@dataclass(slots=True)
class Tally:
    """The answers of one run.

    Attributes:
        accepted: Numbers of the deliveries that were taken.
        added: Members whose addition was accepted.
        removed: Members whose removal was accepted.
        attempted: Members of the accepted deliveries that add.
        not_added: How many of them were not taken, by name or only counted.
        rejected: Members rejected by name.
        unnamed_rejections: Members only counted as not taken.
        samples: A few of the unnamed, masked.
        first_failure: Why the first delivery that was not taken was not; None if all were.
        outcomes: Not recorded yet.
        references: The destination's own ids of the accepted deliveries, where it gave any.
        confirmation: What became of those that the destination applies later.
    """

    accepted: list[int] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    attempted: int = 0
    not_added: int = 0
    rejected: list[RejectedMember] = field(default_factory=list)
    unnamed_rejections: int = 0
    samples: list[str] = field(default_factory=list)
    first_failure: Exception | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    confirmation: Confirmation = field(default_factory=Confirmation)
    _recorded: int = 0

    def note(self, delivery: PlannedDelivery, answer: Answer, now: datetime) -> None:
        """Count one answer."""
        if isinstance(answer, Receipt):
            self._note_receipt(delivery, answer, now)
        else:
            self.first_failure = self.first_failure or answer
            self.outcomes.append(
                Outcome(delivery.number, False, now, reference=answer.reference, message=str(answer))
            )

    def taken(self) -> tuple[list[Outcome], list[RejectedMember]]:
        """Hand over what is yet to be recorded."""
        pending = self.outcomes, self.rejected[self._recorded :]
        self.outcomes, self._recorded = [], len(self.rejected)
        return pending

    def rejected_frame(self) -> pl.DataFrame:
        """Return the members rejected by name: ``operation``, ``identifier_type``, ``identifier``."""
        rows = [(member.operation, member.identifier_type, member.identifier) for member in self.rejected]
        return pl.DataFrame(rows, schema=dict.fromkeys(MEMBER, pl.String), orient="row")

    def _note_receipt(self, delivery: PlannedDelivery, receipt: Receipt, now: datetime) -> None:
        taken = len(delivery.members) - len(receipt.rejections)
        if delivery.operation is Operation.ADD:
            self.added += taken
            self.attempted += len(delivery.members)
            self.not_added += len(receipt.rejections) + receipt.unnamed_rejections
        else:
            self.removed += taken
        self.accepted.append(delivery.number)
        self.references += [receipt.reference] if receipt.reference else []
        self.unnamed_rejections += receipt.unnamed_rejections
        self.samples = [*self.samples, *receipt.sample][:SAMPLE_SIZE]
        self.rejected += [
            RejectedMember(
                delivery.operation.value,
                delivery.member_type,
                delivery.members[rejection.position],
                rejection.code,
                rejection.reason,
            )
            for rejection in receipt.rejections
        ]
        self.outcomes.append(
            Outcome(
                delivery.number,
                True,
                now,
                rejected=len(receipt.rejections),
                unnamed_rejections=receipt.unnamed_rejections,
                sample=receipt.sample,
                reference=receipt.reference,
            )
        )
