"""Let go of an audience: forget what we know of it, and empty it in the tool first if a person says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dbt_activate.delivery import Audience
from dbt_activate.errors import AudienceGoneError, ConfigError, Problem
from dbt_activate.operations.opening import open_destination
from dbt_activate.state.audiences import AudienceRecord, read_audiences
from dbt_activate.state.changes import ChangeLog
from dbt_activate.state.forgetting import forget_audience
from dbt_activate.state.lease import utc_now
from dbt_activate.state.snapshot import Snapshot
from dbt_activate.sync.diff import IDENTIFIER, Diff, identifiers
from dbt_activate.sync.ledger import Ledger
from dbt_activate.sync.plan import TYPE, DeliveryLimits, Plan
from dbt_activate.sync.run import new_run_id
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.destination import Destination
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session, Warehouse


@dataclass(frozen=True, slots=True)
class Reset:
    """Lets go of the audience of one activation, under its lease.

    Attributes:
        warehouse: The user's warehouse.
        tables: The state tables.
        activation: Whose audience.
    """

    warehouse: Warehouse
    tables: Tables
    activation: Activation

    def execute(self, destination: Destination | None = None) -> bool:
        """Forget all about the audience but its past runs.

        Args:
            destination: Where to empty the audience first: everybody leaves it, also whom we did not put
                in. None leaves its members in the tool.

        Returns:
            Whether there was anything to forget.

        Raises:
            HeldError: A run is at work on the audience.
            DestinationError: The audience could not be emptied; nothing is forgotten.
        """
        ledger = Ledger(self.tables, self.activation.key, new_run_id(utc_now()))
        with self.warehouse.session() as session:
            record = self._record(session)
            if record is None:
                return False
            ledger.open(session)
            if destination:
                self._log_removals(session, ledger, DeliveryLimits.of(destination))
        try:
            if destination:
                _clear(destination, record)
            with self.warehouse.session() as session:
                ledger.lease.renew(session)
                forget_audience(session, self.tables, self.activation.key)
        finally:
            with self.warehouse.session() as session:
                ledger.lease.release(session)
        return True

    def _record(self, session: Session) -> AudienceRecord | None:
        if not self.tables.existing(session):
            return None
        return read_audiences(session, self.tables).get(self.activation.key)

    def _log_removals(self, session: Session, ledger: Ledger, limits: DeliveryLimits) -> None:
        """Log that everybody is about to leave.

        Cut off after that, nobody is known for sure, and the next sync sends all of them again,
        whichever way the segment says.
        """
        plan = Plan(self.activation, {name: _leaving(held) for name, held in self._held(session).items()})
        ledger.write(session, plan, plan.changes(limits))

    def _held(self, session: Session) -> dict[str, pl.DataFrame]:
        snapshot = Snapshot(self.tables, self.activation.key)
        held = {name: snapshot.members(session, name) for name in snapshot.member_types(session)}
        unsure = ChangeLog(self.tables, self.activation.key).unsure(session)
        for (name,), members in unsure.partition_by(TYPE, as_dict=True).items():
            known = held.get(str(name), identifiers())
            held[str(name)] = pl.concat([known, members.select(IDENTIFIER)]).unique()
        return held


def reset_audiences(
    workspace: Workspace, activations: Iterable[Activation], *, clear: bool
) -> tuple[str, ...]:
    """Let go of audiences; return the keys of those that were known. See `Reset.execute`."""
    activations = tuple(activations)
    workspace.check_target(activations)
    with _destinations(workspace, activations if clear else ()) as destinations:
        return tuple(
            one.key
            for one in activations
            if Reset(workspace.warehouse, workspace.tables, one).execute(destinations.get(one.destination))
        )


@contextlib.contextmanager
def _destinations(
    workspace: Workspace, activations: Iterable[Activation]
) -> Iterator[Mapping[str, Destination]]:
    throttles, entries = Throttles(), workspace.destinations.entries
    names = {one.destination for one in activations}
    if problems := [
        _may_not_clear(workspace, entries[name]) for name in names if not _may(workspace, entries[name])
    ]:
        raise ConfigError(problems)
    opened = {name: open_destination(entries[name], throttles) for name in names}
    try:
        yield opened
    finally:
        for destination in opened.values():
            destination.close()


def _may(workspace: Workspace, entry: DestinationEntry) -> bool:
    return entry.may_push(workspace.target.name)


def _may_not_clear(workspace: Workspace, entry: DestinationEntry) -> Problem:
    return Problem(
        entry.place,
        f"destination {entry.name}",
        "targets",
        f"target {workspace.target.name} is not among them, so it may not clear an audience.",
        "Use a target that may push, or leave out --clear.",
    )


def _leaving(held: pl.DataFrame) -> Diff:
    return Diff(added=identifiers(), removed=held, size=0, held=held.height)


def _clear(destination: Destination, record: AudienceRecord) -> None:
    if record.remote_id is not None:
        with contextlib.suppress(AudienceGoneError):  # then nobody is in it
            destination.clear(Audience(record.remote_id, record.name))
