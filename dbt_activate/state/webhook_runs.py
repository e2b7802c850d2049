"""The runs of dbt Cloud that a receiver was told of: which were taken, by whom, and what came of them.

A run is taken once, however often and to however many receivers it is told. It may be taken twice only where
the clocks of two machines differ and both are told at the same moment: then it is synced twice, which changes
nothing, since a sync sends differences. It is never lost: who sees another claim gives way to the earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from dbt_activate.state.lease import LIFETIME, Claim, Clock, this_holder, this_process, utc_now

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session, Warehouse


class State(StrEnum):
    """What is known of a run that a receiver was told of."""

    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Answer(StrEnum):
    """What becomes of a run that is told of."""

    TAKEN = "taken"
    """It is ours to sync."""
    KNOWN = "known"
    """It was taken before, here or elsewhere."""
    OUTDATED = "outdated"
    """A later run of the same job was told of before."""
    SKIPPED = "skipped"
    """It is noted, and not to be synced."""


@dataclass(frozen=True, slots=True)
class WebhookRun:
    """One run of dbt Cloud; the attributes are the columns of the ``webhook_runs`` table.

    Attributes:
        dbt_run_id: Its number at dbt Cloud.
        job_id: The number of its job.
        ended_at: When it ended, as dbt Cloud says; UTC.
        state: ``taken`` until it is ``done``; ``failed`` if no sync could be carried out, which is tried
            again when the run is told of again; ``skipped`` if there was nothing to do.
        message: What came of it; holds no identifier and no secret.
        holder: The machine and the process that took it, for people.
        process: The same, so exactly that a process which is gone can be told from one that sleeps.
        taken_at: When it was taken; UTC.
        heartbeat_at: When the process was last heard of; UTC.
    """

    dbt_run_id: str
    job_id: str
    ended_at: datetime
    state: str = State.TAKEN
    message: str | None = None
    holder: str = ""
    process: str = ""
    taken_at: datetime = datetime.min  # noqa: DTZ901  (UTC without a zone, as the tables hold it)
    heartbeat_at: datetime = datetime.min  # noqa: DTZ901  (the same)

    def is_open(self, now: datetime) -> bool:
        """Tell whether a process that is alive has it in hand."""
        claim = Claim(self.dbt_run_id, self.holder, self.process, self.taken_at, self.heartbeat_at)
        return self.state == State.TAKEN and not claim.is_dead(now)


@dataclass(frozen=True, slots=True)
class WebhookRuns:
    """The table, as this process uses it. Each call is a short session of its own.

    Attributes:
        warehouse: Where it is.
        tables: The state tables.
        clock: Gives the time in UTC.
    """

    warehouse: Warehouse
    tables: Tables
    clock: Clock = utc_now

    def prepare(self) -> None:
        """Make the state tables, if they are not there."""
        with self.warehouse.session() as session:
            self.tables.create(session)

    def take(self, run: WebhookRun) -> Answer:
        """Take a run, unless it is known or outdated; the latter is noted."""
        now = self.clock()
        with self.warehouse.session() as session:
            for known in self._read(session, "dbt_run_id = ?", run.dbt_run_id):
                if known.state in (State.DONE, State.SKIPPED) or known.is_open(now):
                    return Answer.KNOWN
                self._delete(session, known)
            if self._is_outdated(session, run):
                self._insert(session, run, State.SKIPPED, "a later run of the job was told of before")
                return Answer.OUTDATED
            self._insert(session, run, State.TAKEN)
            return self._give_way(session, run, now)

    def skip(self, run: WebhookRun, message: str) -> Answer:
        """Note a run that is not to be synced."""
        with self.warehouse.session() as session:
            if self._read(session, "dbt_run_id = ?", run.dbt_run_id):
                return Answer.KNOWN
            self._insert(session, run, State.SKIPPED, message)
        return Answer.SKIPPED

    def is_outdated(self, run: WebhookRun) -> bool:
        """Tell whether a later run of the same job has been told of."""
        with self.warehouse.session(read_only=True) as session:
            return self._is_outdated(session, run)

    def close(self, run: WebhookRun, state: State, message: str | None = None) -> None:
        """Note what came of a run that was ours."""
        with self.warehouse.session() as session:
            session.execute(
                f"update {self._table} set state = ?, message = ?, heartbeat_at = ? "
                "where dbt_run_id = ? and process = ?",
                [state, message, self.clock(), run.dbt_run_id, this_process()],
            )

    def beat(self) -> None:
        """Tell that the process is alive which has our runs in hand."""
        with self.warehouse.session() as session:
            session.execute(
                f"update {self._table} set heartbeat_at = ? where process = ? and state = ?",
                [self.clock(), this_process(), State.TAKEN],
            )

    def release(self) -> None:
        """Let others take what this process had in hand, without waiting until it is given up for gone."""
        with self.warehouse.session() as session:
            session.execute(
                f"update {self._table} set heartbeat_at = ? where process = ? and state = ?",
                [self.clock() - LIFETIME, this_process(), State.TAKEN],
            )

    def adopt(self) -> tuple[list[WebhookRun], bool]:
        """Take the runs whose process is gone, unless another process takes them at the same moment.

        Returns:
            Those runs, the earliest first; and whether other processes have runs in hand, or had until less
            than a lease's lifetime ago.
        """
        now = self.clock()
        with self.warehouse.session() as session:
            found = self._read(session, "state = ?", State.TAKEN)
            adopted = [one for one in found if not one.is_open(now) and self._take_over(session, one, now)]
        others = [one for one in found if one not in adopted and one.process != this_process()]
        return sorted(adopted, key=_age), bool(others)

    def _take_over(self, session: Session, orphan: WebhookRun, now: datetime) -> bool:
        self._insert(session, orphan, State.TAKEN)
        self._delete(session, orphan)
        return self._give_way(session, orphan, now) is Answer.TAKEN

    def _give_way(self, session: Session, run: WebhookRun, now: datetime) -> Answer:
        """Leave the run to another process that took it at the same moment, if it was earlier."""
        rivals = [one for one in self._read(session, "dbt_run_id = ?", run.dbt_run_id) if one.is_open(now)]
        first = min(rivals, key=lambda one: (one.taken_at, one.process))
        if first.process == this_process():
            return Answer.TAKEN
        session.execute(
            f"delete from {self._table} where dbt_run_id = ? and process = ?",
            [run.dbt_run_id, this_process()],
        )
        return Answer.KNOWN

    def _is_outdated(self, session: Session, run: WebhookRun) -> bool:
        return any(_age(other) > _age(run) for other in self._read(session, "job_id = ?", run.job_id))

    @property
    def _table(self) -> str:
        return self.tables.name("webhook_runs")

    def _read(self, session: Session, condition: str, value: str) -> list[WebhookRun]:
        names = ", ".join(WebhookRun.__slots__)
        rows = session.rows(f"select {names} from {self._table} where {condition}", [value])
        return [WebhookRun(*row) for row in rows]

    def _insert(self, session: Session, run: WebhookRun, state: State, message: str | None = None) -> None:
        now = self.clock()
        values = [run.dbt_run_id, run.job_id, run.ended_at, state, message]
        names = WebhookRun.__slots__
        session.execute(
            f"insert into {self._table} ({', '.join(names)}) values ({', '.join('?' * len(names))})",
            [*values, this_holder(), this_process(), now, now],
        )

    def _delete(self, session: Session, run: WebhookRun) -> None:
        session.execute(
            f"delete from {self._table} where dbt_run_id = ? and process = ? and taken_at = ?",
            [run.dbt_run_id, run.process, run.taken_at],
        )


def _age(run: WebhookRun) -> tuple[datetime, int]:
    """Order runs by when they ended, and those that ended at once by their number."""
    return run.ended_at, int(run.dbt_run_id)
