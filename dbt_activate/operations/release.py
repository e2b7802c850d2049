"""Let go of an audience: bring it into a last state in the tool, then forget what we know of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from dbt_activate.delivery import Audience, Delivery, Receipt
from dbt_activate.errors import AudienceGoneError
from dbt_activate.state.audiences import AudienceRecord, read_audiences
from dbt_activate.state.forgetting import forget_audience
from dbt_activate.state.lease import utc_now
from dbt_activate.state.loss import find_snapshot
from dbt_activate.sync.ledger import Ledger
from dbt_activate.sync.plan import DeliveryLimits, number_changes, split_changes
from dbt_activate.sync.push import Pusher
from dbt_activate.sync.run import new_run_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from dbt_activate.destination import Destination
    from dbt_activate.state.tables import Tables
    from dbt_activate.sync.plan import PlannedDelivery
    from dbt_activate.sync.push import Answer
    from dbt_activate.warehouse import Session, Warehouse


class LastState(StrEnum):
    """How an audience is left behind in the tool."""

    AS_IT_IS = "as it is"
    WITHOUT_OURS = "without ours"
    """Those whom we put in are taken out; who else is in it stays."""
    EMPTY = "empty"
    """Everybody is taken out, also whom we did not put in."""
    DELETED = "deleted"


@dataclass(slots=True)
class Release:
    """Lets go of one audience, under its lease.

    Attributes:
        warehouse: The user's warehouse.
        tables: The state tables.
        key: The audience's key.
    """

    warehouse: Warehouse
    tables: Tables
    key: str
    _ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.tables, self.key, new_run_id(utc_now()))

    def execute(self, last_state: LastState, destination: Destination | None = None) -> bool:
        """Forget all about the audience but its past runs.

        Args:
            last_state: What it is to be in the tool first.
            destination: Where it is; needed unless it stays as it is.

        Returns:
            Whether there was anything to forget.

        Raises:
            HeldError: A run is at work on the audience.
            WarehouseError: Nobody knows who was put in, since the snapshot is gone.
            DestinationError: The tool did not do as it was asked; nothing is forgotten.
        """
        with self.warehouse.session() as session:
            record = self._record(session)
            if record is None:
                return False
            if last_state is LastState.WITHOUT_OURS:
                find_snapshot(session, self.tables, self.key)
            self._ledger.open(session)
            changes = self._log_removals(session, destination) if destination else None
        try:
            if destination and changes is not None and record.remote_id is not None:
                audience = Audience(record.remote_id, record.name)
                with contextlib.suppress(AudienceGoneError):  # then nobody is in it
                    self._leave(destination, audience, last_state, changes)
            self._forget()
        finally:
            with self.warehouse.session() as session:
                self._ledger.lease.release(session)
        return True

    def _record(self, session: Session) -> AudienceRecord | None:
        if not self.tables.existing(session):
            return None
        return read_audiences(session, self.tables).get(self.key)

    def _log_removals(self, session: Session, destination: Destination) -> pl.DataFrame:
        """Log that everybody is about to leave.

        Cut off after that, nobody is known for sure, and the next sync sends all of them again,
        whichever way the segment says.
        """
        limits = DeliveryLimits.of(destination)
        changes = number_changes(removed=self._ledger.held(session), added={}, limits=limits)
        self._ledger.write(session, changes)
        return changes

    def _leave(
        self, destination: Destination, audience: Audience, last_state: LastState, changes: pl.DataFrame
    ) -> None:
        match last_state:
            case LastState.WITHOUT_OURS:
                self._take_out(destination, audience, changes)
            case LastState.EMPTY:
                destination.clear(audience)
            case LastState.DELETED:
                destination.delete(audience)

    def _take_out(self, destination: Destination, audience: Audience, changes: pl.DataFrame) -> None:
        failures: list[Exception] = []

        def send(deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
            return [destination.push(audience, delivery) for delivery in deliveries]

        def note(_: PlannedDelivery, answer: Answer) -> None:
            if isinstance(answer, Exception):
                failures.append(answer)

        pusher = Pusher(send, destination.concurrency, note, self._stay_in_touch)
        pusher.push((delivery,) for delivery in split_changes(changes))
        if failure := pusher.stopped_by or next(iter(failures), None):
            raise failure

    def _stay_in_touch(self) -> None:
        if not self._ledger.lease.is_fresh():
            with self.warehouse.session() as session:
                self._ledger.lease.renew(session)

    def _forget(self) -> None:
        with self.warehouse.session() as session:
            self._ledger.lease.renew(session)
            forget_audience(session, self.tables, self.key)
