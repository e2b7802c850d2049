"""One run's side of the state tables: what it takes over, logs, records, applies and closes.

`dbt_activate.sync.run` decides the order; why the order within each method here is as it is, is said there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbt_activate.lazy_polars import pl
from dbt_activate.state.changes import ChangeLog, Opening, Outcome
from dbt_activate.state.lease import Clock, Lease, utc_now
from dbt_activate.state.rejections import RejectedMember, Rejections
from dbt_activate.state.snapshot import Snapshot
from dbt_activate.sync.diff import IDENTIFIER, identifiers
from dbt_activate.sync.plan import TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from dbt_activate.state.tables import Tables
    from dbt_activate.sync.plan import Plan
    from dbt_activate.warehouse import Session


@dataclass(slots=True)
class Ledger:
    """What one run writes down about one audience.

    Attributes:
        tables: The state tables.
        audience_key: The audience.
        run_id: The run.
        clock: Gives the time in UTC.
        lease: The run's right to work on the audience.
    """

    tables: Tables
    audience_key: str
    run_id: str
    clock: Clock = utc_now
    lease: Lease = field(init=False)
    _log: ChangeLog = field(init=False)
    _snapshot: Snapshot = field(init=False)
    _rejections: Rejections = field(init=False)
    _openings: tuple[Opening, ...] = field(default=(), init=False)
    _recorders: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        self.lease = Lease(self.tables, self.audience_key, self.run_id, self.clock)
        self._log = ChangeLog(self.tables, self.audience_key)
        self._snapshot = Snapshot(self.tables, self.audience_key)
        self._rejections = Rejections(self.tables, self.audience_key)

    @property
    def is_open(self) -> bool:
        """Whether the audience has been claimed."""
        return self.lease.is_claimed

    @property
    def has_open_changes(self) -> bool:
        """Whether earlier runs left changes open that this run can close."""
        return bool(self._openings)

    def open(self, session: Session) -> None:
        """Claim the audience, and finish what an earlier run was acknowledged but did not apply.

        Raises:
            HeldError: Another run is at work on the audience.
        """
        self.tables.create(session, self.audience_key)
        overtaken = self.lease.claim(session)
        for run_id in {opening.run_id for opening in self._log.openings(session)}:
            self._snapshot.apply(session, run_id)
            self._log.settle(session, run_id)
        for run_id in overtaken:  # a receipt that it records from now on no longer counts
            self._log.reopen(session, run_id, only_open=True)
        self._recorders = self._rejections.recorders(session)
        self._openings = tuple(o for o in self._log.openings(session) if o.run_id not in overtaken)

    def fold(self, session: Session, plan: Plan) -> None:
        """Put those member types into one form of which the snapshot holds two."""
        for member_type, diff in plan.diffs.items():
            if diff.folded is not None:
                self._snapshot.fold(session, member_type, diff.folded)

    def write(self, session: Session, changes: pl.DataFrame) -> None:
        """Log changes, before any of them is sent."""
        if changes.height:
            self._log.write(session, self.run_id, changes)

    def held(self, session: Session) -> dict[str, pl.DataFrame]:
        """Return whom the audience may hold, by member type: the snapshot, and who is unsure."""
        held = {name: self._snapshot.members(session, name) for name in self._snapshot.member_types(session)}
        for (name,), members in self._log.unsure(session).partition_by(TYPE, as_dict=True).items():
            known = held.get(str(name), identifiers())
            held[str(name)] = pl.concat([known, members.select(IDENTIFIER)]).unique()
        return held

    def record(
        self, session: Session, outcomes: Sequence[Outcome], rejected: Sequence[RejectedMember], now: datetime
    ) -> None:
        """Record receipts; rejections first, since an accepted delivery is applied without them."""
        self._rejections.record(session, self.run_id, rejected, now)
        if outcomes:
            self._log.record(session, self.run_id, outcomes)

    def conclude(self, session: Session, undelivered: pl.DataFrame, doubtful: pl.DataFrame) -> None:
        """Apply what was accepted, and close what is certain now.

        Args:
            session: A session.
            undelivered: The members, as `rejections.MEMBER`, that were not delivered.
            doubtful: Changes to keep open, though their deliveries were accepted.

        Raises:
            OvertakenError: Another run has taken the audience over; call `reopen`.
        """
        self._snapshot.apply(session, self.run_id)
        self.lease.renew(session)
        if doubtful.height:
            self._log.write(session, self.run_id, doubtful)
        self._log.settle(session, self.run_id)
        self._log.supersede(session, self._openings)
        self._rejections.consolidate(session, self.run_id, undelivered, self._recorders)

    def reopen(self, session: Session) -> None:
        """Record the run's whole plan as of unknown outcome again: another run overtook it."""
        self._log.reopen(session, self.run_id)
