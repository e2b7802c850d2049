"""What commands return: frozen, typed, and without identifiers until `Plan.added` is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, overload

from dbt_activate.config.watches import Severity
from dbt_activate.errors import ActivateError
from dbt_activate.reporting.listing import Columns, Listing

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.reporting.alert import Alert
    from dbt_activate.sync.plan import Plan


class Status(StrEnum):
    """What became of one activation."""

    SUCCESS = "success"
    PLANNED = "planned"
    """Only planned: asked for, or because the target may not push."""
    PARTIAL = "partial"
    """Some deliveries were taken, not all."""
    ERROR = "error"
    GUARDED = "guarded"
    """A guard stopped it; nothing was sent."""
    HELD = "held"
    """Not begun: the model or a test of it failed in dbt's last invocation."""
    UNCHANGED = "unchanged"
    """Not read again: dbt has built nothing since the last sync."""
    NOT_DUE = "not_due"
    """Not begun: its schedule says that it is not due yet."""
    SKIPPED = "skipped"
    """Not begun: another activation failed under ``--fail-fast``, or the run was interrupted."""


FAILURES = frozenset({Status.PARTIAL, Status.ERROR, Status.GUARDED})

IDLE = frozenset({Status.UNCHANGED, Status.NOT_DUE})
"""There was nothing to do, and no reason to look at it."""


@dataclass(frozen=True, slots=True)
class ActivationResult:
    """What became of one activation, or what would.

    Attributes:
        activation: The activation.
        status: What became of it.
        message: Why, in words; an empty text if all went well.
        run_id: The run as the state tables know it; None if none was made.
        remote_id: The destination's own id of the audience; None if it is not known.
        members: Distinct, valid members of the segment.
        added: Members whose addition was accepted; if only planned, who would enter.
        removed: Members whose removal was accepted; if only planned, who would leave.
        invalid: Distinct values that are not sent, by member type.
        invalid_samples: A few of them, masked.
        rejected: Members that the destination did not take, by name.
        unnamed_rejections: Members that it only counted as not taken.
        rejected_samples: A few of the unnamed, masked.
        attempted: Members that were to be added and whose delivery was taken.
        not_added: How many of them were not taken, by name or only counted.
        match_rate: The share of the audience that the tool recognises, 0 to 1; None if it was not asked.
        deliveries: How many deliveries the plan had.
        unconfirmed: Deliveries that were accepted, and not yet applied there when we stopped asking.
        notes: What else there is to say, such as that the audience could not be renamed.
        started_at: UTC; None if it was not begun.
        finished_at: UTC.
        plan: The plan, once it stood.
        error: What stopped it, or what would.
        warnings: What people are alerted to.
        is_permitted: Whether the target may push to the destination.
    """

    activation: Activation
    status: Status
    message: str = ""
    run_id: str | None = None
    remote_id: str | None = None
    members: int = 0
    added: int = 0
    removed: int = 0
    invalid: Mapping[str, int] = field(default_factory=dict)
    invalid_samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: int = 0
    unnamed_rejections: int = 0
    rejected_samples: tuple[str, ...] = ()
    attempted: int = 0
    not_added: int = 0
    match_rate: float | None = None
    deliveries: int = 0
    unconfirmed: int = 0
    notes: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    plan: Plan | None = field(default=None, repr=False)
    error: Exception | None = None
    warnings: tuple[Alert, ...] = ()
    is_permitted: bool = True

    @property
    def key(self) -> str:
        """The activation's key: ``criteo.vip_customers``."""
        return self.activation.key

    @property
    def seconds(self) -> float:
        """How long it took."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def has_failed(self) -> bool:
        """Whether a person has to look at it."""
        return self.status in FAILURES or any(one.level is Severity.ERROR for one in self.warnings)

    @property
    def has_warnings(self) -> bool:
        """Whether it went well, but somebody was not sent or not taken, or there is something to know."""
        return (
            self.status is Status.SUCCESS
            and not self.has_failed
            and bool(
                self.invalid
                or self.rejected
                or self.unnamed_rejections
                or self.unconfirmed
                or self.notes
                or self.warnings
            )
        )

    @property
    def why(self) -> str:
        """Say why a person has to look at it."""
        return self.message or "; ".join(map(str, self.warnings))

    def required_plan(self) -> Plan:
        """Return the plan.

        Raises:
            ActivateError: There is none; the error says why.
        """
        if self.plan is not None:
            return self.plan
        raise self.error or ActivateError(f"activation {self.key}: {self.message or 'it was not planned.'}")


RESULT_COLUMNS: Columns = {
    "activation": lambda result: result.key,
    "audience": lambda result: result.activation.audience.name,
    "status": lambda result: result.status.value,
    "members": lambda result: result.members,
    "added": lambda result: result.added,
    "removed": lambda result: result.removed,
    "invalid": lambda result: sum(result.invalid.values()),
    "rejected": lambda result: result.rejected + result.unnamed_rejections,
    "message": lambda result: result.message,
}


@dataclass(frozen=True, slots=True)
class Results(Listing[ActivationResult]):
    """The results of several activations; ``results["vip_customers"]`` finds one by its name."""

    columns: ClassVar[Columns] = RESULT_COLUMNS

    @overload
    def __getitem__(self, index: int | str) -> ActivationResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ActivationResult]: ...
    def __getitem__(self, index: int | slice | str) -> ActivationResult | Sequence[ActivationResult]:
        return self._named(index) if isinstance(index, str) else self.items[index]

    def _named(self, name: str) -> ActivationResult:
        found = [
            one for one in self.items if name in (one.key, one.activation.name, one.activation.model.name)
        ]
        if len(found) == 1:
            return found[0]
        known = ", ".join(one.key for one in found or self.items) or "none"
        raise KeyError(f"{name!r} names {len(found)} of the activations; there are: {known}")

    @property
    def failures(self) -> tuple[ActivationResult, ...]:
        """The activations that failed, that a guard stopped, or of which an error is warned."""
        return tuple(result for result in self.items if result.has_failed)

    @property
    def success(self) -> bool:
        """Whether none failed."""
        return not self.failures

    @property
    def bug(self) -> Exception | None:
        """The first exception that nobody foresaw; None if there was none."""
        errors = (one.error for one in self.items if one.error)
        return next((error for error in errors if not isinstance(error, ActivateError)), None)

    def raise_for_failures(self) -> None:
        """Raise if any activation failed.

        Raises:
            ActivateError: With the messages of all that failed.
        """
        if self.failures:
            raise ActivateError("\n".join(f"{one.key}: {one.why}" for one in self.failures))


@dataclass(frozen=True, slots=True)
class SyncResult(Results):
    """What a sync did.

    Attributes:
        invocation_id: Names this sync in the artifact and in JSON logs.
        started_at: UTC.
        finished_at: UTC.
        interrupted: Whether a person stopped it.
    """

    invocation_id: str
    started_at: datetime
    finished_at: datetime
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many passed, passed with warnings, failed, were skipped, or were left alone, in dbt's words."""
        skipped = sum(map(_is_skipped, self.items))
        warned = sum(one.has_warnings for one in self.items)
        idle = sum(one.status in IDLE and not one.has_failed for one in self.items)
        failed = len(self.failures)
        return {
            "PASS": len(self.items) - skipped - warned - failed - idle,
            "WARN": warned,
            "ERROR": failed,
            "SKIP": skipped,
            "NO-OP": idle,
            "TOTAL": len(self.items),
        }


def _is_skipped(result: ActivationResult) -> bool:
    if result.has_failed:
        return False
    if result.status in (Status.SKIPPED, Status.HELD):
        return True
    return result.status is Status.PLANNED and not result.is_permitted
