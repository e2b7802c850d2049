"""The runs of dbt Cloud: taken once among all receivers, and never lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dbt_activate.state.lease import LIFETIME, utc_now
from dbt_activate.state.tables import Tables
from dbt_activate.state.webhook_runs import Answer, State, WebhookRun, WebhookRuns
from tests.protocol.world import MemoryWarehouse

ENDED = datetime(2026, 1, 31, 19)  # noqa: DTZ001  (the state holds UTC without a zone)
RUN = WebhookRun("7", "123", ENDED)


@pytest.fixture
def runs(tables: Tables) -> WebhookRuns:
    """The table, empty."""
    return WebhookRuns(tables.warehouse, tables)


def claim(runs: WebhookRuns, *, ago: timedelta = timedelta(0), state: State = State.TAKEN) -> None:
    """Let a process on another machine have taken the run."""
    at = utc_now() - ago
    values = ["7", "123", ENDED, state, None, "elsewhere (process 1)", "elsewhere#1#1", at, at]
    with runs.warehouse.session() as session:
        table = runs.tables.name("webhook_runs")
        session.execute(f"insert into {table} values ({', '.join('?' * 9)})", values)


def holders(runs: WebhookRuns) -> list[str]:
    """Return who has the run, by machine: here or elsewhere."""
    with runs.warehouse.session() as session:
        rows = session.rows(f"select process from {runs.tables.name('webhook_runs')}")
    return ["elsewhere" if process == "elsewhere#1#1" else "here" for (process,) in rows]


@pytest.mark.parametrize(
    ("state", "ago", "answer"),
    [
        (State.TAKEN, timedelta(0), Answer.KNOWN),
        (State.TAKEN, LIFETIME, Answer.TAKEN),
        (State.DONE, LIFETIME, Answer.KNOWN),
        (State.SKIPPED, LIFETIME, Answer.KNOWN),
        (State.FAILED, timedelta(0), Answer.TAKEN),
    ],
)
def test_what_another_receiver_has_taken(
    runs: WebhookRuns, state: State, ago: timedelta, answer: Answer
) -> None:
    """It is left to it while it is alive, and once it is done."""
    claim(runs, state=state, ago=ago)
    assert runs.take(RUN) is answer
    assert holders(runs) == ["here" if answer is Answer.TAKEN else "elsewhere"]


@pytest.mark.parametrize(("ago", "holder"), [(timedelta(seconds=1), "elsewhere"), (-LIFETIME, "here")])
def test_of_two_at_once_the_earlier_has_it(runs: WebhookRuns, ago: timedelta, holder: str) -> None:
    """Each sees the other, and just one gives way."""
    raced: list[bool] = []

    def race(step: str) -> None:
        if step.startswith("insert") and not raced:
            raced.append(True)
            claim(runs, ago=ago)

    assert isinstance(runs.warehouse, MemoryWarehouse)
    racing = replace(runs, warehouse=MemoryWarehouse(race, runs.warehouse.connection))
    assert (racing.take(RUN), raced) == (Answer.TAKEN if holder == "here" else Answer.KNOWN, [True])
    assert (holder in holders(runs), "here" in holders(runs)) == (True, holder == "here")


def test_the_runs_of_a_process_that_is_gone_are_adopted(runs: WebhookRuns) -> None:
    """Not while it may be alive; that it may be is said."""
    claim(runs)
    assert runs.adopt() == ([], True)
    later = replace(runs, clock=lambda: utc_now() + LIFETIME)
    orphans, others = later.adopt()
    assert ([one.dbt_run_id for one in orphans], others, holders(runs)) == (["7"], False, ["here"])


@pytest.mark.parametrize(("ago", "holder"), [(timedelta(seconds=1), "elsewhere"), (-LIFETIME, "here")])
def test_of_two_that_adopt_at_once_the_earlier_has_the_run(
    runs: WebhookRuns, ago: timedelta, holder: str
) -> None:
    """As when two receivers are started together after both were killed; the other goes on watching."""
    claim(runs, ago=2 * LIFETIME)
    raced: list[bool] = []

    def race(step: str) -> None:
        if step.startswith("insert") and not raced:
            raced.append(True)
            claim(runs, ago=ago)

    assert isinstance(runs.warehouse, MemoryWarehouse)
    racing = replace(runs, warehouse=MemoryWarehouse(race, runs.warehouse.connection))
    orphans, others = racing.adopt()
    assert ([one.dbt_run_id for one in orphans], others) == (
        (["7"], False) if holder == "here" else ([], True)
    )
    assert (holder in holders(runs), "here" in holders(runs)) == (True, holder == "here")


def test_runs_are_adopted_in_order(runs: WebhookRuns) -> None:
    """The earliest first."""
    for number, minute in (("9", 1), ("10", 1), ("8", 2)):
        runs.take(replace(RUN, dbt_run_id=number, job_id=number, ended_at=ENDED.replace(minute=minute)))
    runs.release()
    assert [one.dbt_run_id for one in runs.adopt()[0]] == ["9", "10", "8"]


def test_what_is_let_go_can_be_had_at_once(runs: WebhookRuns) -> None:
    """And a heartbeat takes it back."""
    runs.take(RUN)
    runs.release()
    runs.beat()
    assert runs.adopt() == ([], False)
    runs.release()
    assert [one.dbt_run_id for one in runs.adopt()[0]] == ["7"]
    assert holders(runs) == ["here"]


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        (replace(RUN, dbt_run_id="8"), Answer.TAKEN),
        (replace(RUN, dbt_run_id="6"), Answer.OUTDATED),
        (replace(RUN, dbt_run_id="8", ended_at=ENDED - timedelta(seconds=1)), Answer.OUTDATED),
        (replace(RUN, dbt_run_id="6", job_id="124"), Answer.TAKEN),
    ],
)
def test_what_is_outdated(runs: WebhookRuns, other: WebhookRun, answer: Answer) -> None:
    """A run of the same job that ended before one that is known; with the same end, the smaller number."""
    runs.take(RUN)
    assert runs.take(other) is answer
    assert runs.is_outdated(RUN) is (other.dbt_run_id == "8" and answer is Answer.TAKEN)


def test_what_came_of_a_run_is_noted(runs: WebhookRuns) -> None:
    """In the row of the process that had it."""
    runs.take(RUN)
    runs.close(RUN, State.DONE, "2 activations went well")
    with runs.warehouse.session() as session:
        rows = session.rows(f"select state, message from {runs.tables.name('webhook_runs')}")
    assert rows == [("done", "2 activations went well")]
