"""One run at a time per audience: a claim in the warehouse, kept alive by a heartbeat.

A lease can run out under a process that is only asleep, so it is a courtesy and not the proof: a run
asks `Lease.check` before every delivery, and what it did is recorded so that a run which overtook it, or
which it overtook, still ends in the right audience (see `dbt_activate.sync.run`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_activate.errors import HeldError, OvertakenError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session

LIFETIME = timedelta(minutes=5)
"""After this long without a heartbeat, another run may take the audience over."""

HEARTBEAT = timedelta(minutes=1)
"""How often a run renews its lease. A lease that is younger than this is not asked about."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time in UTC, without a zone, as the state tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the lease table."""

    run_id: str
    holder: str
    process: str
    claimed_at: datetime
    heartbeat_at: datetime

    def is_dead(self, now: datetime) -> bool:
        """Tell whether it ran out, or its process on this very machine is gone."""
        return now - self.heartbeat_at >= LIFETIME or _is_gone(self.process)


@dataclass(slots=True)
class Lease:
    """The right of one run to work on one audience.

    Attributes:
        tables: The state tables.
        audience_key: The audience.
        run_id: The run.
        clock: Gives the time in UTC.
        renewed_at: When the warehouse last knew us as the holder; None before.
    """

    tables: Tables
    audience_key: str
    run_id: str
    clock: Clock = utc_now
    renewed_at: datetime | None = field(default=None, init=False)

    def claim(self, session: Session) -> tuple[str, ...]:
        """Claim the audience, and return the runs whose lease had run out and is now ours.

        Raises:
            HeldError: Another run is at work on it, with an earlier claim.
        """
        dead = self._refuse_if_held(self._claims(session))
        now = self.clock()
        session.execute(
            f"insert into {self._table} values (?, ?, ?, ?, ?, ?)",
            [self.audience_key, self.run_id, this_holder(), this_process(), now, now],
        )
        self._refuse_if_raced(session)
        for claim in dead:
            session.execute(f"delete from {self._table} where run_id = ?", [claim.run_id])
        self.renewed_at = now
        return tuple(claim.run_id for claim in dead)

    @property
    def is_claimed(self) -> bool:
        """Whether this run has claimed the audience."""
        return self.renewed_at is not None

    def is_fresh(self) -> bool:
        """Tell, without asking the warehouse, whether nobody can have taken the audience over yet."""
        return self.renewed_at is not None and self.clock() - self.renewed_at < HEARTBEAT

    def renew(self, session: Session) -> None:
        """Tell the warehouse that we are alive, and make sure that we still hold the audience.

        Raises:
            OvertakenError: Another run has taken it over.
        """
        now = self.clock()
        session.execute(f"update {self._table} set heartbeat_at = ? where run_id = ?", [now, self.run_id])
        if not session.rows(f"select 1 from {self._table} where run_id = ?", [self.run_id]):
            raise OvertakenError(
                f"{self.audience_key}: this run was out of touch for so long that another run took the "
                "audience over. Nothing more is sent; what was under way stands as open in the log. "
                "Let the other run finish, then run sync again."
            )
        self.renewed_at = now

    def release(self, session: Session) -> None:
        """Let the next run in."""
        session.execute(f"delete from {self._table} where run_id = ?", [self.run_id])

    @property
    def _table(self) -> str:
        return self.tables.name("leases")

    def _claims(self, session: Session) -> list[Claim]:
        rows = session.rows(
            f"select run_id, holder, process, claimed_at, heartbeat_at from {self._table} "
            "where audience_key = ?",
            [self.audience_key],
        )
        return [Claim(*row) for row in rows if row[0] != self.run_id]

    def _refuse_if_raced(self, session: Session) -> None:
        """Give way to anybody else who claimed at the same moment.

        Of two that claim at once, the later to insert sees the other here, so that never both go on.
        """
        try:
            self._refuse_if_held(self._claims(session))
        except HeldError:
            self.release(session)
            raise

    def _refuse_if_held(self, claims: Iterable[Claim]) -> list[Claim]:
        """Return the dead ones among the claims; raise if one is alive."""
        dead = []
        for claim in claims:
            if not claim.is_dead(self.clock()):
                raise HeldError(
                    f"{self.audience_key}: run {claim.run_id} on {claim.holder} is at work on this audience "
                    f"(last heard of at {claim.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC). Wait for it to finish. "
                    f"If it is gone, its lease ends by itself {LIFETIME.seconds // 60} minutes after that."
                )
            dead.append(claim)
        return dead


@cache
def _machine() -> str:
    """Name the kernel boot and process namespace: a process id means something only within them."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:  # not Linux
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{namespace}"


def this_holder() -> str:
    """Name this machine and process, for people."""
    return f"{socket.gethostname()} (process {os.getpid()})"


def this_process() -> str:
    """Name this process so exactly that `Claim.is_dead` can tell whether it is gone."""
    return f"{_machine()}#{os.getpid()}#{_started(os.getpid()) or ''}"


def _started(pid: int) -> str | None:
    """Say when a process started, in the kernel's own ticks; an empty text if it is gone, None if hidden."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError):
        return None if _is_hidden(pid) else ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def _is_hidden(pid: int) -> bool:
    """Tell whether a process may be there though it is not in /proc, which can hide those of other users."""
    if not Path("/proc/self").exists():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_gone(process: str) -> bool:
    """Tell whether a process is certainly gone: known only of this machine, and only on Linux."""
    machine, pid, started = process.rsplit("#", 2)
    if not started or machine != _machine():
        return False
    now = _started(int(pid))
    return now is not None and now != started
