"""The lease: one run at a time, and what happens when one falls silent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations

import duckdb
import pytest

from dbt_activate.errors import HeldError, OvertakenError
from dbt_activate.state.lease import HEARTBEAT, LIFETIME, Lease
from dbt_activate.state.tables import Tables
from tests.protocol.world import Clock, MemoryWarehouse, Session
from tests.state.conftest import KEY

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    """A clock that goes when it is told to."""
    return Clock()


@pytest.fixture
def lease(tables: Tables, clock: Clock) -> Callable[[str], Lease]:
    """Make the lease of a run."""
    return lambda run_id: Lease(tables, KEY, run_id, clock)


@contextmanager
def other_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a process that waits, and yield it with what its claim says of it."""
    code = "from dbt_activate.state.lease import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def claim_of(session: Session, tables: Tables, clock: Clock, process: str) -> None:
    """Write the claim of another process."""
    row = [KEY, "other", "elsewhere (process 1)", process, clock(), clock()]
    session.execute(f"insert into {tables.name('leases')} values (?, ?, ?, ?, ?, ?)", row)


def test_a_second_claim_is_refused(session: Session, lease: Callable[[str], Lease], clock: Clock) -> None:
    """The message says which run, where, and when it was last heard of."""
    assert lease("one").claim(session) == ()
    clock.now += LIFETIME - SECOND
    with pytest.raises(HeldError) as caught:
        lease("two").claim(session)
    for part in (
        KEY,
        "run one",
        socket.gethostname(),
        f"process {os.getpid()}",
        "2026-01-01 00:00:00",
        "5 min",
    ):
        assert part in str(caught.value)
    lease("one").renew(session)


def test_another_audience_is_free(session: Session, tables: Tables, clock: Clock) -> None:
    """A lease is of one audience."""
    Lease(tables, KEY, "one", clock).claim(session)
    assert Lease(tables, "tool.others", "two", clock).claim(session) == ()


def test_a_silent_run_is_taken_over_and_named(
    session: Session, lease: Callable[[str], Lease], clock: Clock
) -> None:
    """After its lifetime a lease is anybody's; who takes it learns whose it was."""
    lease("one").claim(session)
    clock.now += LIFETIME
    assert lease("two").claim(session) == ("one",)
    with pytest.raises(HeldError):
        lease("three").claim(session)


def test_a_renewed_lease_lives_on(session: Session, lease: Callable[[str], Lease], clock: Clock) -> None:
    """A heartbeat counts, not the time of the claim."""
    one = lease("one")
    one.claim(session)
    clock.now += LIFETIME - SECOND
    one.renew(session)
    clock.now += LIFETIME - SECOND
    with pytest.raises(HeldError):
        lease("two").claim(session)


def test_renewing_after_a_takeover_raises(
    session: Session, lease: Callable[[str], Lease], clock: Clock
) -> None:
    """It does so each time, and does no harm to the run that holds the audience now."""
    one, two = lease("one"), lease("two")
    one.claim(session)
    clock.now += LIFETIME
    two.claim(session)
    for _ in range(2):
        with pytest.raises(OvertakenError, match=r"another run took the audience over\. .* run sync again"):
            one.renew(session)
    one.release(session)
    two.renew(session)


def test_releasing_lets_the_next_in(session: Session, lease: Callable[[str], Lease]) -> None:
    """At once, and nobody is reported as dead."""
    one = lease("one")
    one.claim(session)
    one.release(session)
    assert lease("two").claim(session) == ()


def test_a_lease_is_fresh_for_one_heartbeat(
    session: Session, lease: Callable[[str], Lease], clock: Clock
) -> None:
    """So long nobody need ask the warehouse, and renewing begins it anew."""
    one = lease("one")
    assert not one.is_fresh()
    one.claim(session)
    clock.now += HEARTBEAT - SECOND
    assert one.is_fresh()
    clock.now += SECOND
    assert not one.is_fresh()
    one.renew(session)
    assert one.is_fresh()


@pytest.mark.skipif(sys.platform != "linux", reason="that a process is gone is known on Linux only")
def test_a_process_that_is_gone_is_taken_over_at_once(session: Session, tables: Tables, clock: Clock) -> None:
    """A run that was killed on this machine does not hold up the next one; one that lives does."""
    lease = Lease(tables, KEY, "mine", clock)
    with other_process() as (process, name):
        claim_of(session, tables, clock, name)
        with pytest.raises(HeldError):
            lease.claim(session)
        process.kill()
        process.wait()
        assert lease.claim(session) == ("other",)


def test_of_a_process_elsewhere_nothing_is_known(session: Session, tables: Tables, clock: Clock) -> None:
    """The same process id on another machine, or one without a start time, is waited for."""
    for process in ("another machine#1#1", f"{socket.gethostname()}#1#"):
        claim_of(session, tables, clock, process)
        with pytest.raises(HeldError):
            Lease(tables, KEY, "mine", clock).claim(session)
        session.execute(f"delete from {tables.name('leases')}")


@dataclass
class Order:
    """An order in which two runs take their steps, a statement each."""

    turns: list[str]
    at_work: str | None = None
    moved: threading.Condition = field(default_factory=threading.Condition)

    def step(self, run: str) -> Callable[[str], None]:
        """Make the step of a run: its last statement is done, and it waits for its next turn."""

        def wait(name: str) -> None:
            with self.moved:
                self._leave(run)
                self.moved.wait_for(lambda: self.at_work is None and self.turns[:1] in ([], [run]), 20)
                self.at_work, self.turns = run, self.turns[1:]

        return wait

    def end(self, run: str) -> None:
        """The run takes no more steps."""
        with self.moved:
            self.turns = [turn for turn in self.turns if turn != run]
            self._leave(run)

    def _leave(self, run: str) -> None:
        if self.at_work == run:
            self.at_work = None
        self.moved.notify_all()


def race(turns: Sequence[str]) -> tuple[set[str], Lease, MemoryWarehouse]:
    """Let two runs claim an audience in that order of steps; return who holds it."""
    connection, order, winners = duckdb.connect(), Order(list(turns)), set[str]()
    warehouse = MemoryWarehouse(lambda step: None, connection)
    tables = Tables(warehouse, "main_activate")
    with warehouse.session() as session:
        tables.create(session, KEY)

    def claim(run: str) -> None:
        session = Session(connection.cursor(), order.step(run), transactions=True)
        try:
            Lease(tables, KEY, run, Clock()).claim(session)
            winners.add(run)
        except HeldError:
            pass
        finally:
            order.end(run)

    threads = [threading.Thread(target=claim, args=[run]) for run in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return winners, Lease(tables, KEY, "c", Clock()), warehouse


@pytest.mark.parametrize("places", list(combinations(range(8), 4)))
def test_two_that_claim_at_once_never_both_hold_it(places: tuple[int, ...]) -> None:
    """In whatever order their statements come; if neither does, the audience is free."""
    winners, next_one, warehouse = race(["a" if place in places else "b" for place in range(8)])
    assert len(winners) <= 1
    with warehouse.session() as session:
        if winners:
            with pytest.raises(HeldError):
                next_one.claim(session)
        else:
            assert next_one.claim(session) == ()
