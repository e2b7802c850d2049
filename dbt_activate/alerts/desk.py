"""After a sync: find what there is to warn of, remember what changed, and tell it once.

What changed is written down before anybody is told, and who was told after. So a channel that is down hears
of everything in order once it is back, and a run that dies in between may tell something twice, but loses
nothing. Nothing that happens here changes what became of a sync.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_activate.alerts.claim import claimed
from dbt_activate.alerts.evaluation import NEEDS_PAST, Case, evaluate
from dbt_activate.alerts.journal import Found, Latest, changes, standing
from dbt_activate.alerts.message import Message, messages
from dbt_activate.config.watches import Kind
from dbt_activate.errors import HeldError, WarehouseError
from dbt_activate.reporting.lines import not_notified, notified, recovered, warned
from dbt_activate.state.alerts import AlertLog, AlertRecord
from dbt_activate.state.lease import Clock
from dbt_activate.state.past import Past, read_pasts

if TYPE_CHECKING:
    from dbt_activate.alerts.delivering import Outcome
    from dbt_activate.alerts.surroundings import Surroundings
    from dbt_activate.config.notifications_file import Channel, Notifications
    from dbt_activate.reporting.events import Emit
    from dbt_activate.reporting.results import ActivationResult, SyncResult
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session, Warehouse

WRITING, SENDING = "alerts", "notifications"
"""What a run claims. No audience has such a key, since theirs have a dot."""


@dataclass(frozen=True)  # without slots: the log is made once
class Desk:
    """Where the warnings of one sync come together.

    Attributes:
        warehouse: The user's warehouse.
        tables: The state tables of the target.
        project: The dbt project's name.
        target: The dbt target's name.
        history_days: For how long changes are kept.
        invocation_id: Names the sync.
        notifications: The channels.
        surroundings: Where commands run.
        emit: Is told what is found, and what becomes of messages.
        clock: Gives the time in UTC.
    """

    warehouse: Warehouse
    tables: Tables
    project: str
    target: str
    history_days: int
    invocation_id: str
    notifications: Notifications
    surroundings: Surroundings
    emit: Emit
    clock: Clock

    def take_in(self, result: SyncResult, names_rejections: Mapping[str, bool]) -> SyncResult:
        """Put what there is to warn of into the results, and write down what changed.

        Args:
            result: What became of the sync.
            names_rejections: Whether a destination says by name whom it does not take.
        """
        items = [one for one in result if one.is_permitted]
        if not items or result.interrupted:
            return result
        now, past, latest = self.clock(), *self._read(items)
        found: Found = {
            one.key: tuple(
                evaluate(
                    Case(one, past.get(one.key, Past()), now, names_rejections[one.activation.destination])
                )
            )
            for one in items
        }
        changed = self._write(found, now) if self._changes(found, latest, now) else []
        for key, findings in found.items():
            for alert in standing(key, findings, latest, now):
                self.emit(warned(key, alert))
        for record in changed:
            if not record.stands:
                self.emit(recovered(record))
        alerts = {key: standing(key, findings, latest, now) for key, findings in found.items()}
        return replace(result, items=tuple(replace(one, warnings=alerts.get(one.key, ())) for one in result))

    def send(self) -> None:
        """Tell the channels what they are yet to be told, what earlier runs could not tell first."""
        if not self.notifications.channels:
            return
        try:
            if self._pending():
                with claimed(self.warehouse, self.tables, SENDING, self.invocation_id, self.clock):
                    self._send_all()
        except HeldError:
            self.emit(not_notified("Another run is sending notifications, and takes these along."))
        except WarehouseError as error:
            self.emit(not_notified(f"Who is to be notified cannot be read or written: {error}"))

    @cached_property
    def _log(self) -> AlertLog:
        return AlertLog(self.tables)

    def _changes(self, found: Found, latest: Latest, now: datetime) -> list[AlertRecord]:
        return changes(found, latest, now, self.notifications.channels.values(), self.target)

    def _read(self, items: Sequence[ActivationResult]) -> tuple[Mapping[str, Past], Latest]:
        try:
            with self.warehouse.session(read_only=True) as session:
                if not {"alerts", "runs"} <= self.tables.existing(session):
                    return {}, {}
                return self._past(session, items), self._log.latest(session)
        except WarehouseError as error:
            self.emit(not_notified(f"What was warned of before cannot be read: {error}"))
            return {}, {}

    def _past(self, session: Session, items: Sequence[ActivationResult]) -> Mapping[str, Past]:
        watches = [watch for one in items for watch in one.activation.watches]
        if not any(watch.kind in NEEDS_PAST for watch in watches):
            return {}
        size_count = max((one.runs for one in watches if one.kind is Kind.SIZE_CHANGE), default=0)
        current = {one.run_id for one in items if one.run_id}
        return read_pasts(session, self.tables, {one.key for one in items}, size_count, current)

    def _write(self, found: Found, now: datetime) -> list[AlertRecord]:
        """Write down what changed, as it stands once nobody else writes."""
        try:
            with self.warehouse.session() as session:
                self.tables.create(session)
            with (
                claimed(self.warehouse, self.tables, WRITING, self.invocation_id, self.clock),
                self.warehouse.session() as session,
            ):
                changed = self._changes(found, self._log.latest(session), now)
                self._log.write(session, changed)
                self._drop_unwanted(session, self._log.pending(session))
                self._log.prune(session, now, self.history_days)
                return changed
        except HeldError:
            self.emit(not_notified("Another run is writing down warnings; the next sync takes these up."))
        except WarehouseError as error:
            self.emit(not_notified(f"What is warned of cannot be written down: {error}"))
        return []

    def _pending(self) -> list[AlertRecord]:
        with self.warehouse.session(read_only=True) as session:
            return self._log.pending(session) if "alerts" in self.tables.existing(session) else []

    def _send_all(self) -> None:
        """Send until nothing is left but what is for channels that are down."""
        from dbt_activate.alerts.delivering import deliver_all  # most syncs have nothing to tell anybody

        down: set[str] = set()
        while waiting := self._waiting(down):
            outcomes = deliver_all(
                [(channel, [message for _, message in parts]) for channel, parts in waiting],
                self.surroundings,
            )
            with self.warehouse.session() as session:
                for (channel, parts), outcome in zip(waiting, outcomes, strict=True):
                    if self._settle(session, channel, parts, outcome):
                        down.add(channel.name)

    def _waiting(self, down: set[str]) -> list[tuple[Channel, list[tuple[Sequence[AlertRecord], Message]]]]:
        pending = self._pending()
        if self._gone(pending):
            with self.warehouse.session() as session:
                self._drop_unwanted(session, pending)
        waiting = []
        for channel in self.notifications.channels.values():
            records = [one for one in pending if channel.name in one.pending]
            if records and channel.name not in down:
                waiting.append((channel, list(messages(records, self.project, self.target))))
        return waiting

    def _gone(self, pending: Sequence[AlertRecord]) -> set[str]:
        """Return the channels that are waited for and are no longer there."""
        if self.notifications.problems:  # the file may mean them
            return set()
        return {name for one in pending for name in one.pending} - self.notifications.channels.keys()

    def _drop_unwanted(self, session: Session, pending: Sequence[AlertRecord]) -> None:
        """Let nobody wait for a channel that is no longer there."""
        for name in self._gone(pending):
            self._log.settle(session, [one for one in pending if name in one.pending], name, None)

    def _settle(
        self,
        session: Session,
        channel: Channel,
        parts: Sequence[tuple[Sequence[AlertRecord], Message]],
        outcome: Outcome,
    ) -> bool:
        """Note who was told, and return whether the channel is down."""
        for records, message in parts[: outcome.taken]:
            self._log.settle(session, records, channel.name, self.clock())
            self.emit(notified(channel.name, message.title))
        for note in outcome.notes:
            self.emit(not_notified(f"Channel {channel.name}: {note}."))
        if outcome.failure is None:
            return False
        left = sum(len(records) for records, _ in parts[outcome.taken :])
        self.emit(
            not_notified(
                f"Channel {channel.name} was not notified: {outcome.failure.rstrip('.')}. "
                f"The next sync tells it {'this' if left == 1 else f'these {left:,}'} first."
            )
        )
        return True
