"""Carry out one activation, by syncing or by only planning, and put what came of it into a result."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbt_activate.config.activation import OnExisting
from dbt_activate.config.watches import Kind
from dbt_activate.delivery import Audience
from dbt_activate.errors import ActivateError, GuardError
from dbt_activate.reporting.events import Emit
from dbt_activate.reporting.lines import Turn, delivered, planned
from dbt_activate.reporting.results import ActivationResult, Status
from dbt_activate.state.runs import write_run
from dbt_activate.sync.plan import DeliveryLimits, Plan, PlannedDelivery, check_guards
from dbt_activate.sync.planning import make_plan
from dbt_activate.sync.run import Context, Sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.destination import Destination
    from dbt_activate.sync.push import Answer

logger = logging.getLogger("dbt_activate.operations.outcome")


def sync_one(turn: Turn, destination: Destination, context: Context, emit: Emit) -> ActivationResult:
    """Sync one activation. What nobody foresaw stands in the result's error, as it is."""
    sync = Sync(turn.activation, destination, context)
    sync.watcher = _Told(turn, sync, emit)
    try:
        sync.execute()
    except Exception as bug:
        logger.debug("not foreseen", exc_info=bug)
        return replace(_result_of(sync), error=bug)
    return _result_of(sync, _match_rate(sync, destination))


def plan_one(turn: Turn, entry: DestinationEntry, context: Context, *, only_asked: bool) -> ActivationResult:
    """Plan one activation: the warehouse stays as it is, and no destination is asked.

    Args:
        turn: The activation.
        entry: Its destination.
        context: The warehouse, and what was asked for.
        only_asked: Whether a plan is all that was asked for; else the target may not push.
    """
    result = ActivationResult(
        turn.activation,
        Status.PLANNED,
        "" if only_asked else _why_only_planned(entry, context.target),
        started_at=context.clock(),
        is_permitted=entry.may_push(context.target),
    )
    try:
        plan = _make_plan(turn, entry, context)
        result = _with_plan(result, plan, _limits(entry))
        result = replace(result, notes=tuple(_notes(plan, entry)))
        check_guards(plan, context.options.allowed)
    except GuardError as guard:
        result = replace(result, status=Status.GUARDED, message=str(guard), error=guard)
    except ActivateError as error:
        result = replace(result, status=Status.ERROR, message=str(error), error=error)
    except Exception as bug:
        logger.debug("not foreseen", exc_info=bug)
        message = f"activation {result.key}: {type(bug).__name__} (a bug)"
        result = replace(result, status=Status.ERROR, message=message, error=bug)
    return replace(result, finished_at=context.clock())


def record_held(result: ActivationResult, context: Context) -> ActivationResult:
    """Record that a segment was held: nobody was sent, and the history says why."""
    begun = context.new_run(result.activation)
    record = replace(begun, finished_at=begun.started_at, status=result.status.value, message=result.message)
    try:
        with context.warehouse.session() as session:
            context.tables.create(session)  # no snapshot: an empty one would hide that it is lost
            write_run(session, context.tables, record)
    except ActivateError as error:
        return replace(result, notes=(f"this is not in the history: {error}",))
    return replace(result, run_id=record.run_id)


@dataclass(frozen=True, slots=True)
class _Told:
    """Passes on what a run tells of itself."""

    turn: Turn
    sync: Sync
    emit: Emit

    def planned(self, plan: Plan) -> None:
        """The plan stands."""
        self.emit(planned(self.turn, plan.added_count, plan.removed_count, self.sync.run.deliveries))

    def delivered(self, delivery: PlannedDelivery, answer: Answer) -> None:
        """A delivery was answered."""
        failure = answer if isinstance(answer, Exception) else None
        self.emit(delivered(self.turn, delivery.number, failure))


def _make_plan(turn: Turn, entry: DestinationEntry, context: Context) -> Plan:
    with context.warehouse.session(read_only=True) as session:
        return make_plan(
            session,
            context.tables,
            turn.activation,
            entry.destination,
            full_refresh=context.options.full_refresh,
        )


def _why_only_planned(entry: DestinationEntry, target: str) -> str:
    allowed = ", ".join(entry.targets) or "none"
    return (
        f"target {target} may not push to {entry.name} (targets: {allowed}, says {entry.place}); planned only"
    )


def _result_of(sync: Sync, match_rate: float | None = None) -> ActivationResult:
    run = sync.run
    return ActivationResult(
        activation=sync.activation,
        status=Status(run.status),
        message=run.message or "",
        run_id=run.run_id,
        remote_id=sync.remote_id,
        members=run.members,
        added=run.added,
        removed=run.removed,
        invalid=sync.plan.invalid if sync.plan else {},
        invalid_samples=sync.plan.samples if sync.plan else {},
        rejected=run.rejected,
        unnamed_rejections=run.unnamed_rejections,
        rejected_samples=tuple(sync.tally.samples),
        attempted=sync.tally.attempted,
        not_added=sync.tally.not_added,
        match_rate=match_rate,
        deliveries=run.deliveries,
        unconfirmed=run.unconfirmed,
        notes=tuple(sync.notes),
        started_at=run.started_at,
        finished_at=run.finished_at,
        plan=sync.plan,
        error=sync.error,
    )


def _match_rate(sync: Sync, destination: Destination) -> float | None:
    """Ask for the match rate where somebody wants to be warned of it. It is not worth a failure."""
    is_wanted = any(watch.kind is Kind.MATCH_RATE for watch in sync.activation.watches)
    if not is_wanted or sync.error or sync.remote_id is None:
        return None
    try:
        return destination.match_rate(Audience(sync.remote_id, sync.activation.audience.name))
    except Exception as error:  # whatever a tool makes of its statistics
        logger.debug("no match rate of %s", sync.activation.key, exc_info=error)
        return None


def _notes(plan: Plan, entry: DestinationEntry) -> Iterator[str]:
    if plan.activation.on_existing is OnExisting.REPLACE and not plan.held:
        yield (
            f"if {entry.destination.label} has this audience already, it is emptied first, in a step of its "
            "own (on_existing: replace); until the additions are through, it holds fewer members"
        )


def _limits(entry: DestinationEntry) -> DeliveryLimits:
    usual = DeliveryLimits.of(entry.destination)
    size = entry.outline and entry.outline.delivery_size
    return replace(usual, members=min(size, usual.members)) if size else usual


def _with_plan(result: ActivationResult, plan: Plan, limits: DeliveryLimits) -> ActivationResult:
    return replace(
        result,
        members=plan.members,
        added=plan.added_count,
        removed=plan.removed_count,
        invalid=plan.invalid,
        invalid_samples=plan.samples,
        deliveries=plan.delivery_count(limits),
        plan=plan,
    )
