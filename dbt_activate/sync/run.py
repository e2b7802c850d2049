"""One sync run of one activation, start to end; the only file that knows the order of the steps.

Log, push, apply. The diff is written to the warehouse as changes before the first request; each
delivery's receipt is recorded; accepted deliveries are applied to the snapshot. A run that dies leaves its
deliveries open, and the next diff counts their members as unsure, so that they are sent again whichever
way the segment says. There is no resume code: resuming is diffing.

What several runs may do to each other, and why each order of steps is as it is:

- A run checks its lease before every delivery. Found overtaken, it sends nothing more and records its
  whole plan as of unknown outcome again: the run that overtook it may have applied its own view since.
- A run that takes an audience over raises the `opening` of the open deliveries that it finds there.
  Receipts, applying and settling count for the first opening only, so that whatever the overtaken run
  still writes has no effect but to open its own deliveries again.
- A run which takes over a dead run's lease keeps the dead run's changes open for the run after it, too:
  a request of the dead run may still be on its way.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dbt_activate.delivery import Audience, Confirmation, Delivery, Receipt
from dbt_activate.errors import (
    ActivateError,
    DestinationError,
    GuardError,
    InterruptedRunError,
    OvertakenError,
    WarehouseError,
)
from dbt_activate.lazy_polars import pl
from dbt_activate.state.audiences import AudienceRecord, Pending, read_audiences, write_audience
from dbt_activate.state.lease import Clock, utc_now
from dbt_activate.state.loss import find_snapshot
from dbt_activate.state.runs import TIME_IN_ID, RunRecord, prune_history, write_run
from dbt_activate.sync.audience import Binding
from dbt_activate.sync.ledger import Ledger
from dbt_activate.sync.plan import (
    Allowed,
    DeliveryLimits,
    Plan,
    PlannedDelivery,
    check_guards,
    doubtful_changes,
    paired,
    split_changes,
    undelivered_members,
)
from dbt_activate.sync.planning import make_plan
from dbt_activate.sync.push import TICK_SECONDS, Answer, Pusher
from dbt_activate.sync.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbt_activate.config.activation import Activation
    from dbt_activate.destination import Destination
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session, Warehouse

FLUSH = timedelta(seconds=2)
"""How often receipts are recorded while pushing."""

HISTORY_DAYS = 90
"""For how long the log of changes is kept, unless configured."""


class Watcher(Protocol):
    """Is told how a run goes on, from the run's own thread."""

    def planned(self, plan: Plan) -> None:
        """Called when the plan stands and nothing has been sent yet."""

    def delivered(self, delivery: PlannedDelivery, answer: Answer) -> None:
        """Called with each delivery and what the destination said to it."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a person may ask of one run.

    Attributes:
        full_refresh: Count nobody as sure: everybody is sent again, and who left is removed.
        allowed: Guards that are waived.
        history_days: For how long the log of changes is kept.
    """

    full_refresh: bool = False
    allowed: Allowed = field(default_factory=Allowed)
    history_days: int = HISTORY_DAYS


@dataclass(frozen=True, slots=True)
class Context:
    """What a run needs besides its activation and its destination.

    Attributes:
        warehouse: The user's warehouse.
        tables: The state tables of the target.
        target: The dbt target's name.
        invocation_id: dbt's id of the invocation that wrote the manifest.
        results_id: dbt's id of the invocation whose results are at hand; empty where there are none.
        options: What a person asked for.
        cancelled: Set when a person stops the run.
        clock: Gives the time in UTC.
        invoked_at: When the invocation began; None for when the run does.
        tick_seconds: How often a run looks up from waiting for answers.
    """

    warehouse: Warehouse
    tables: Tables
    target: str = ""
    invocation_id: str = ""
    results_id: str = ""
    options: SyncOptions = field(default_factory=SyncOptions)
    cancelled: threading.Event = field(default_factory=threading.Event)
    clock: Clock = utc_now
    invoked_at: datetime | None = None
    tick_seconds: float = TICK_SECONDS

    def new_run(self, activation: Activation) -> RunRecord:
        """Begin the record of a run."""
        now = self.clock()
        return RunRecord(
            run_id=new_run_id(now),
            audience_key=activation.key,
            destination=activation.destination,
            activation=activation.name,
            model=activation.model.unique_id,
            target=self.target,
            invocation_id=self.invocation_id,
            started_at=now,
            full_refresh=self.options.full_refresh,
            results_id=self.results_id,
            fingerprint=activation.fingerprint,
            invoked_at=self.invoked_at or now,
        )


def new_run_id(now: datetime) -> str:
    """Make an id that sorts by time."""
    return f"{now:{TIME_IN_ID}}-{secrets.token_hex(4)}"


@dataclass(slots=True)
class Sync:
    """One run of one activation.

    Attributes:
        activation: What is synced.
        destination: Where to.
        context: The warehouse, and what was asked for.
        watcher: Is told how it goes on.
        run: What there is to say of the run; kept up to date.
        plan: The plan, once it stands.
        error: What stopped the run or made it incomplete; None if all went well.
        remote_id: The destination's own id of the audience, once it is known.
        tally: What the destination has answered so far.
        notes: What a person should know of, though all went well.
    """

    activation: Activation
    destination: Destination
    context: Context
    watcher: Watcher | None = None
    run: RunRecord = field(init=False)
    plan: Plan | None = field(default=None, init=False)
    error: ActivateError | None = field(default=None, init=False)
    remote_id: str | None = field(default=None, init=False)
    tally: Tally = field(default_factory=Tally, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _ledger: Ledger = field(init=False)
    _record: AudienceRecord = field(init=False)
    _flushed_at: datetime = field(init=False)
    _renewing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.run = self.context.new_run(self.activation)
        self._ledger = Ledger(self.context.tables, self.run.audience_key, self.run.run_id, self.context.clock)
        self._flushed_at = self.run.started_at

    def execute(self) -> RunRecord:
        """Bring the audience in step with the segment.

        Never raises an `ActivateError`: it stands in `error`, and its message in the record. Nothing
        here is done in a ``finally``: a process that is killed does not come by there either.
        """
        try:
            self._sync()
        except ActivateError as error:
            self._end(error)
        except Exception as bug:
            self._end(ActivateError(f"activation {self.activation.key}: {type(bug).__name__} (a bug)"))
            raise
        else:
            self._end(None)
        return self.run

    def _sync(self) -> None:
        """Plan, bind, log, push, apply."""
        record = self._begin()
        audience = self._bind(record)
        changes = self._write_log()
        pusher = self._push(audience, changes)
        self._confirm(audience, pusher)
        self._apply(changes)
        failure = pusher.stopped_by or self.tally.first_failure
        if failure:
            raise failure

    def _begin(self) -> AudienceRecord:
        """Claim the audience and make the plan. Nothing is sent yet, nor asked."""
        self.destination.get_ready()
        with self._session() as session:
            find_snapshot(session, self.context.tables, self.activation.key)  # before an empty one is made
            self._ledger.open(session)
            self._record = self._read_record(session)
            self.remote_id = self._record.remote_id
            self._make_plan(session)
        return self._record

    def _make_plan(self, session: Session) -> None:
        self.plan = make_plan(
            session,
            self.context.tables,
            self.activation,
            type(self.destination),
            full_refresh=self.context.options.full_refresh or self._is_refilled,
        )
        check_guards(self.plan, self.context.options.allowed)
        self.run = replace(self.run, members=self.plan.members, invalid=sum(self.plan.invalid.values()))

    def _bind(self, record: AudienceRecord) -> Audience:
        """Find or make the remote audience; plan once more if the old one had vanished."""
        names = dict.fromkeys(field.identifier_type.name for field in self.activation.fields)
        self.destination.prepare(self.activation.audience, list(names))
        binding = Binding(self.activation, self.destination, record, self._save_record)
        audience = binding.bind()
        self.notes += binding.notes
        self.remote_id = audience.remote_id
        is_new = binding.needs_refill and not self._is_refilled
        self._record = binding.record
        if is_new:
            with self._session() as session:
                self._make_plan(session)
        return audience

    @property
    def _is_refilled(self) -> bool:
        """Whether nobody in the snapshot is sure, as the audience vanished, or seemed to.

        Where the new one has the id of the old one it may be the same, with everybody still in it.
        """
        return self._record.pending is Pending.REFILL

    def _write_log(self) -> pl.DataFrame:
        """Write down what will be sent, before any of it is."""
        plan = self._planned
        changes = plan.changes(DeliveryLimits.of(self.destination))
        self.run = replace(self.run, deliveries=changes["delivery"].n_unique())
        if changes.height or plan.is_folded or self._is_refilled:
            with self._session() as session:
                write_run(session, self.context.tables, self.run)
                self._ledger.fold(session, plan)
                self._ledger.write(session, changes)
                if self._is_refilled:  # all are in the log now, and unsure until they are through
                    record, now = replace(self._record, pending=Pending.NOTHING), self.context.clock()
                    self._record = write_audience(session, self.context.tables, record, now)
        if self.watcher:
            self.watcher.planned(plan)
        return changes

    def _push(self, audience: Audience, changes: pl.DataFrame) -> Pusher:
        pusher = Pusher(
            send=lambda deliveries: self._send(audience, deliveries),
            concurrency=self.destination.concurrency,
            answered=self._answered,
            tick=self._tick,
            tick_seconds=self.context.tick_seconds,
        )
        if changes.height:
            pusher.push(self._parcels(split_changes(changes)))
        return pusher

    def _parcels(self, deliveries: Iterable[PlannedDelivery]) -> Iterable[tuple[PlannedDelivery, ...]]:
        if self.destination.shares_requests:
            return paired(deliveries, DeliveryLimits.of(self.destination))
        return ((delivery,) for delivery in deliveries)

    def _send(self, audience: Audience, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """Send one parcel, if the audience is still ours; called in several threads."""
        self._stay_in_touch()
        if self.context.cancelled.is_set():
            raise InterruptedRunError(
                f"activation {self.activation.key}: stopped. What was acknowledged is kept, the rest "
                "stands as open in the log. Run sync again to go on."
            )
        if len(deliveries) == 1:
            return (self.destination.push(audience, deliveries[0]),)
        removal, addition = deliveries
        return self.destination.push_together(audience, removal, addition)

    def _confirm(self, audience: Audience, pusher: Pusher) -> None:
        """Follow what was accepted until it is applied there. It stands as accepted, whatever comes of it."""
        references = self.tally.references
        if not (self.destination.confirms_later and references) or pusher.stopped_by:
            return
        try:
            self.tally.confirmation = pusher.attend(lambda: self.destination.confirm(audience, references))
        except (DestinationError, InterruptedRunError) as error:
            self.tally.confirmation = Confirmation(unconfirmed=len(references), note=str(error))
        self.notes += filter(None, [self.tally.confirmation.note])

    def _answered(self, delivery: PlannedDelivery, answer: Answer) -> None:
        self.tally.note(delivery, answer, self.context.clock())
        if self.watcher:
            self.watcher.delivered(delivery, answer)

    def _tick(self) -> None:
        self._stay_in_touch()
        if self.context.clock() - self._flushed_at >= FLUSH:
            with self._session() as session:
                self._flush(session)

    def _stay_in_touch(self) -> None:
        """Make sure that nobody took the audience over; asks the warehouse only now and then."""
        if self._ledger.lease.is_fresh():
            return
        with self._renewing:
            if not self._ledger.lease.is_fresh():
                with self._session() as session:
                    self._ledger.lease.renew(session)

    def _flush(self, session: Session) -> None:
        outcomes, rejections = self.tally.taken()
        self._ledger.record(session, outcomes, rejections, self.context.clock())
        self._flushed_at = self.context.clock()

    def _apply(self, changes: pl.DataFrame) -> None:
        """Carry the accepted deliveries over into the snapshot, and close what is certain."""
        if not (changes.height or self._ledger.has_open_changes):
            return
        with self._session() as session:
            self._flush(session)
            self._ledger.conclude(
                session,
                undelivered=undelivered_members(changes, self.tally.accepted),
                doubtful=doubtful_changes(self._planned, changes, self.tally.rejected_frame()),
            )

    def _end(self, error: ActivateError | None) -> None:
        """Write the record and give the audience back; if it was overtaken, all is open again."""
        self.error = error
        tally = self.tally
        self.run = replace(
            self.run,
            finished_at=self.context.clock(),
            status=self._status(),
            message=self._message(),
            added=tally.added,
            removed=tally.removed,
            rejected=len(tally.rejected),
            unnamed_rejections=tally.unnamed_rejections,
            unconfirmed=tally.confirmation.unconfirmed,
        )
        if self._ledger.is_open:
            try:
                self._close_ledger()
            except WarehouseError as lost:  # the lease runs out by itself
                self.error = self.error or lost
                self.run = replace(self.run, status=self._status(), message=self._message())

    def _close_ledger(self) -> None:
        with self._session() as session:
            if isinstance(self.error, OvertakenError):
                self._ledger.reopen(session)
            write_run(session, self.context.tables, self.run)
            if self.run.deliveries:
                days = self.context.options.history_days
                prune_history(session, self.context.tables, self.context.clock(), days)
            self._ledger.lease.release(session)

    def _message(self) -> str | None:
        """Say what went wrong, and where: a destination knows nothing of activations."""
        where = f"activation {self.activation.key}: " if isinstance(self.error, DestinationError) else ""
        message = str(self.error) if self.error else None
        return message and (message if message.startswith(where) else f"{where}{message}")

    @property
    def _planned(self) -> Plan:
        assert self.plan is not None  # noqa: S101  (`_begin` made it: this is for the type checker)
        return self.plan

    def _status(self) -> str:
        if self.error is None:
            return "success"
        if isinstance(self.error, GuardError):
            return "guarded"
        return "partial" if self.tally.accepted else "error"

    def _session(self) -> AbstractContextManager[Session]:
        return self.context.warehouse.session()

    def _read_record(self, session: Session) -> AudienceRecord:
        known = read_audiences(session, self.context.tables).get(self.activation.key)
        return known or AudienceRecord(
            key=self.activation.key,
            destination=self.activation.destination,
            activation=self.activation.name,
            model=self.activation.model.unique_id,
        )

    def _save_record(self, record: AudienceRecord) -> AudienceRecord:
        with self._session() as session:
            return write_audience(session, self.context.tables, record, self.context.clock())
