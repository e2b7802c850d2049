"""How the audiences stand: the state tables beside what the project says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.identifiers import mask
from dbt_activate.operations.timetable import Timing, timing
from dbt_activate.reporting.listing import Columns, Listing
from dbt_activate.state.lease import utc_now
from dbt_activate.state.overview import Overview, read_history, read_overview
from dbt_activate.state.rejections import Rejections
from dbt_activate.state.runs import RunRecord

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.warehouse import Session


@dataclass(frozen=True, slots=True)
class AudienceStatus:
    """How one audience stands, as the state tables know it.

    Attributes:
        key: The activation's key.
        audience: The audience's name: as we last gave it, else as it is wanted.
        remote_id: The destination's own id; None if none was made yet.
        members: How many members the snapshot holds.
        last_run: The last run; None if there was none.
        open_changes: Changes whose outcome is not known yet; the next run sends them again.
        rejected: Members that stand rejected by name.
        held_by: Who is at work on it now; None if nobody is.
        next_due_at: From when on it is due, or since when; UTC. None without a schedule, where it is synced
            by hand, and before the first run, which is due at once.
        is_overdue: Whether it was due, was not synced, and is due once more.
        is_declared: Whether the project still has the activation.
    """

    key: str
    audience: str
    remote_id: str | None = None
    members: int = 0
    last_run: RunRecord | None = None
    open_changes: int = 0
    rejected: int = 0
    held_by: str | None = None
    next_due_at: datetime | None = None
    is_overdue: bool = False
    is_declared: bool = True


def _of_last_run(get: Callable[[RunRecord], object]) -> Callable[[AudienceStatus], object]:
    return lambda status: None if status.last_run is None else get(status.last_run)


@dataclass(frozen=True, slots=True)
class StatusListing(Listing[AudienceStatus]):
    """How the audiences stand."""

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key if one.is_declared else f"{one.key} (not in the project)",
        "audience": lambda one: one.audience,
        "remote_id": lambda one: one.remote_id,
        "members": lambda one: one.members,
        "last_run_at": _of_last_run(lambda run: run.started_at),
        "status": _of_last_run(lambda run: run.status),
        "next_due_at": lambda one: one.next_due_at,
        "overdue": lambda one: one.is_overdue,
        "open_changes": lambda one: one.open_changes,
        "rejected": lambda one: one.rejected,
        "held_by": lambda one: one.held_by,
    }


@dataclass(frozen=True, slots=True)
class History(Listing[RunRecord]):
    """Past runs, newest first."""

    columns: ClassVar[Columns] = {
        "started_at": lambda run: run.started_at,
        "activation": lambda run: run.audience_key,
        "status": lambda run: run.status,
        "members": lambda run: run.members,
        "added": lambda run: run.added,
        "removed": lambda run: run.removed,
        "invalid": lambda run: run.invalid,
        "rejected": lambda run: run.rejected + run.unnamed_rejections,
        "run_id": lambda run: run.run_id,
        "message": lambda run: run.message,
    }


@dataclass(frozen=True, slots=True)
class StandingRejection:
    """One member that a destination does not take.

    Attributes:
        key: The activation's key.
        operation: What was tried: ``add`` or ``remove``.
        identifier_type: Such as ``email:sha256``.
        identifier: Masked, unless a person asked to see it.
        code: The destination's own code.
        reason: What it means.
        first_at: Since when; UTC.
        last_at: When it was last tried; UTC.
        attempts: How often it was tried.
    """

    key: str
    operation: str
    identifier_type: str
    identifier: str = field(repr=False)
    code: str
    reason: str
    first_at: datetime
    last_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class RejectionListing(Listing[StandingRejection]):
    """The members that stand rejected.

    Attributes:
        unnamed: For each activation whose destination only counts, how many it did not take last time.
    """

    unnamed: Mapping[str, int] = field(default_factory=dict)

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key,
        "operation": lambda one: one.operation,
        "identifier_type": lambda one: one.identifier_type,
        "identifier": lambda one: one.identifier,
        "code": lambda one: one.code,
        "reason": lambda one: one.reason,
        "first_at": lambda one: one.first_at,
        "last_at": lambda one: one.last_at,
        "attempts": lambda one: one.attempts,
    }


def read_status(
    workspace: Workspace, activations: Iterable[Activation], *, everything: bool
) -> StatusListing:
    """Read how audiences stand.

    Args:
        workspace: The project.
        activations: Whose audiences.
        everything: Whether audiences that the project no longer has are listed, too.
    """
    now = workspace.place.clock()
    with workspace.warehouse.session(read_only=True) as session:
        overview = read_overview(session, workspace.tables, now)
    rows = [_status(overview, one.key, one, now) for one in activations]
    if everything:
        declared = {one.key for one in workspace.activations.items}
        rows += [_status(overview, key, None, now) for key in sorted(overview.keys - declared)]
    return StatusListing(tuple(rows))


def read_runs(workspace: Workspace, activations: Iterable[Activation] | None, limit: int | None) -> History:
    """Read past runs, newest first; of everything that ever ran if no activations are named."""
    keys = None if activations is None else [one.key for one in activations]
    with workspace.warehouse.session(read_only=True) as session:
        return History(tuple(read_history(session, workspace.tables, keys, limit)))


def read_rejections(
    workspace: Workspace, activations: Sequence[Activation], *, reveal: bool
) -> RejectionListing:
    """Read who stands rejected by name, and how many were only counted by the last run."""
    with workspace.warehouse.session(read_only=True) as session:
        runs = read_overview(session, workspace.tables, utc_now()).last_runs
        known = [one for one in activations if one.key in runs]
        rows = [row for one in known for row in _standing(session, workspace, one, reveal=reveal)]
    unnamed = {one.key: runs[one.key].unnamed_rejections for one in known}
    return RejectionListing(tuple(rows), {key: count for key, count in unnamed.items() if count})


def _standing(
    session: Session, workspace: Workspace, activation: Activation, *, reveal: bool
) -> Iterator[StandingRejection]:
    rows = Rejections(workspace.tables, activation.key).read(session).drop("run_id", "recorded_by")
    for row in rows.iter_rows(named=True):
        shown = row["identifier"] if reveal else mask(row["identifier"])
        yield StandingRejection(activation.key, **{**row, "identifier": shown})


def _status(overview: Overview, key: str, activation: Activation | None, now: datetime) -> AudienceStatus:
    record = overview.audiences.get(key)
    when = timing(activation, overview) if activation else Timing(None)
    wanted = activation.audience.name if activation else ""
    return AudienceStatus(
        key=key,
        audience=(record.name if record else "") or wanted,
        remote_id=record.remote_id if record else None,
        members=overview.members.get(key, 0),
        last_run=overview.last_runs.get(key),
        open_changes=overview.open_changes.get(key, 0),
        rejected=overview.rejected.get(key, 0),
        held_by=overview.holders.get(key),
        next_due_at=when.due_at,
        is_overdue=when.is_overdue(now),
        is_declared=activation is not None,
    )
