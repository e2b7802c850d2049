"""The generic tests and the models say of the state what it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from dbt_activate.cli import app
from dbt_activate.state.lease import LIFETIME
from tests.dbt_package.boutique import Boutique
from tests.dbt_package.state import KEY, State, ago

SUCCEEDED = "dbt_activate_activation_succeeded"
REJECTED = "dbt_activate_rejected_below"
SIZE = "dbt_activate_audience_size_between"
HISTORY = "activation_membership_history"
ANN = {"audience_key": KEY, "identifier_type": "email:sha256", "identifier": "ann@shop.test"}


def limits(state: State) -> list[datetime]:
    """Return the moments that a test asks of a heartbeat and of a success, as it was compiled."""
    found = re.findall(r"[<>] cast\('(.*?)'", state.boutique.compiled(f"{SUCCEEDED}_vip"))
    return [datetime.fromisoformat(text) for text in found]


def is_running(seconds_alive: float) -> Callable[[State], None]:
    """A success, and since then a run that gave a sign of life so long after the last moment that counts."""

    def fill(state: State) -> None:
        state.add_run("1", hours_ago=3)
        state.add_run("2", "running")
        state.add("runs", run_id="x", audience_key="criteo.other", status="error", started_at=ago(hours=1))
        heartbeat = limits(state)[0] + timedelta(seconds=seconds_alive)
        state.run("insert into shop_activate.leases values (%s, %s, %s)", [KEY, "2", heartbeat])

    return fill


def runs(*statuses: tuple[str, float]) -> Callable[[State], None]:
    """Runs that ended so, so many hours ago."""

    def fill(state: State) -> None:
        for number, (status, hours_ago) in enumerate(statuses):
            state.add_run(str(number), status, hours_ago)

    return fill


@pytest.mark.parametrize(
    ("fill", "passes"),
    [
        (runs(), True),  # what was never synced is not judged
        (runs(("success", 1)), True),
        (runs(("success", 47)), True),
        (runs(("success", 50)), False),  # max_age_hours is 48
        (runs(("success", 2), ("error", 1)), False),
        (runs(("success", 2), ("guarded", 1)), False),
        (runs(("success", 2), ("partial", 1)), False),
        (runs(("error", 2), ("success", 1)), True),
        (runs(("success", 2), ("running", 1)), False),  # it was killed
        (is_running(1), True),
        (is_running(-1), False),
    ],
)
def test_activation_succeeded(state: State, fill: Callable[[State], None], passes: bool) -> None:
    """It asks the last run for its success, and the last success for its age."""
    fill(state)
    assert (not state.rows_of(f"{SUCCEEDED}_vip")) is passes


def test_a_heartbeat_counts_as_long_as_a_lease(state: State) -> None:
    """A run is taken for killed when another sync would take its lease, and not before."""
    last_heartbeat, last_success = limits(state)
    assert last_heartbeat - last_success == timedelta(hours=48) - LIFETIME


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_the_activations_of_a_model_are_those_of_dbt_activate(
    built: Boutique, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a model declares its activations, the tests know their keys as dbt-activate does."""
    monkeypatch.chdir(built.root)
    listed = CliRunner().invoke(app, ["list", "--output", "name", "--select", "activated"])
    asked = re.search(r"audience_key in \((.*)\)", built.compiled(f"{SUCCEEDED}_activated"))
    assert asked is not None
    assert sorted(re.findall(r"'(.*?)'", asked[1])) == sorted(listed.output.split())
    assert len(listed.output.split()) == 3


def test_what_is_switched_off_is_not_judged(state: State) -> None:
    """A model whose activations are all switched off passes, whatever became of them before."""
    paused = {"audience_key": "criteo.paused", "activation": "paused"}
    state.add_run("1", "error", members=0, unnamed_rejections=9, **paused)
    assert [state.rows_of(f"{test}_paused") for test in (SUCCEEDED, REJECTED, SIZE)] == [[], [], []]


def reject(state: State, *identifiers: str, **values: Any) -> None:
    """Let members stand rejected."""
    for identifier in identifiers:
        row = {**ANN, "operation": "add", "identifier": identifier, "first_at": ago(hours=1), **values}
        state.add("rejections", **row)


@pytest.mark.parametrize(
    ("named", "unnamed", "members", "passes"),
    [
        (0, 0, 0, True),
        (4, 0, 100, True),
        (5, 0, 100, False),  # not below 0.05
        (2, 3, 100, False),
        (2, 2, 100, True),
        (1, 0, 0, False),
    ],
)
def test_rejected_below(state: State, named: int, unnamed: int, members: int, passes: bool) -> None:
    """It counts whom the tool named, and how many it only counted in the last run that sent any."""
    state.add_run("1", hours_ago=4, members=1, unnamed_rejections=1000)
    state.add_run("2", hours_ago=3, members=1, unnamed_rejections=unnamed)
    state.add_run("3", hours_ago=2, members=members, deliveries=0)
    state.add_run("4", "error", members=1, unnamed_rejections=1000)
    people = [f"{number}@shop.test" for number in range(named)]
    reject(state, *people)
    reject(state, *people[:1], recorded_by="4")  # there twice, while a run folds them
    reject(state, "gone@shop.test", operation="remove")
    reject(state, "other@shop.test", audience_key="criteo.other")
    assert (not state.rows_of(f"{REJECTED}_vip")) is passes


@pytest.mark.parametrize(("members", "passes"), [(12, False), (13, True), (100_003, True), (100_004, False)])
def test_audience_size_between(state: State, members: int, passes: bool) -> None:
    """It is the size after the last success, less those who are rejected by name."""
    state.add_run("1", hours_ago=3, members=50)
    state.add_run("2", hours_ago=2, members=members)
    state.add_run("3", "error", members=50)
    reject(state, "a@shop.test", "b@shop.test", "c@shop.test")
    assert (not state.rows_of(f"{SIZE}_vip")) is passes


def deliver(
    state: State,
    run_id: str,
    operation: str = "add",
    *,
    hours_ago: float,
    accepted: bool = True,
    opening: int = 1,
) -> None:
    """Let a run send Ann, once."""
    state.add_run(run_id, hours_ago=hours_ago)
    same = {"audience_key": KEY, "run_id": run_id, "delivery": 1}
    state.add("deliveries", **same, operation=operation, opening=opening)
    state.add("changes", **{**ANN, **same}, operation=operation)
    state.add("receipts", **same, opening=1, accepted=accepted, answered_at=ago(hours=hours_ago))


def history(state: State) -> list[tuple[str, str]]:
    """Return what happened to Ann, and in which run, in order."""
    rows = state.run(
        f"select event, run_id from ({state.boutique.compiled(HISTORY)}) h order by happened_at", []
    )
    return [(event, run_id) for event, run_id in rows]


def test_who_enters_and_leaves_is_in_the_history(state: State) -> None:
    """A member that is sent again has not moved, and one that comes back enters again."""
    deliver(state, "1", hours_ago=9)
    deliver(state, "2", hours_ago=8)  # a full refresh
    deliver(state, "3", "remove", hours_ago=7)
    deliver(state, "4", hours_ago=6)
    assert history(state) == [("entered", "1"), ("left", "3"), ("entered", "4")]


def test_what_was_not_taken_did_not_happen(state: State) -> None:
    """Neither a delivery that failed nor one whose outcome is unknown again says that anybody moved."""
    deliver(state, "1", hours_ago=9, accepted=False)
    deliver(state, "2", hours_ago=8, opening=2)
    deliver(state, "3", hours_ago=7)
    assert history(state) == [("entered", "3")]


def test_who_stands_rejected_has_not_entered(state: State) -> None:
    """As long as a rejection stands, no run since the first one has brought the member in."""
    deliver(state, "1", hours_ago=9)
    deliver(state, "2", hours_ago=8)
    reject(state, ANN["identifier"], first_at=ago(hours=9), last_at=ago(hours=8), run_id="2")
    assert history(state) == []


def test_who_was_in_before_the_rejection_stays_in_the_history(state: State) -> None:
    """A member that entered, left and is refused now did enter and leave."""
    deliver(state, "1", hours_ago=9)
    deliver(state, "2", "remove", hours_ago=8)
    deliver(state, "3", hours_ago=2)
    reject(state, ANN["identifier"], first_at=ago(hours=2), last_at=ago(hours=2), run_id="3")
    assert history(state) == [("entered", "1"), ("left", "2")]


def test_a_rejection_is_shown_once(state: State) -> None:
    """A member that stands there twice, while a run folds its rejections into earlier ones, is shown once."""
    reject(state, "a@shop.test", attempts=1, last_at=ago(hours=2))
    reject(state, "a@shop.test", attempts=2, last_at=ago(hours=1))
    assert [row[-1] for row in state.rows_of("activation_rejections")] == [2]


def warn(state: State, number: int, alert: str, *, hours_ago: float, **values: Any) -> None:
    """Let a warning of the VIP customers be raised, or be over."""
    row = {"audience_key": KEY, "warning": "empty_segment", "level": "warn", **values}
    state.add("alerts", number=number, state=alert, since=ago(hours=hours_ago), **row)


def test_the_warnings_that_stand_are_known(state: State) -> None:
    """Of the changes of a warning, the last one says whether it stands."""
    warn(state, 1, "raised", hours_ago=9)
    warn(state, 2, "recovered", hours_ago=8)
    warn(state, 3, "raised", hours_ago=7)
    warn(state, 4, "raised", hours_ago=6, level="error")
    warn(state, 1, "raised", hours_ago=9, warning="overdue")
    warn(state, 2, "recovered", hours_ago=5, warning="overdue")
    sql = f"select warning, number, stands from ({state.boutique.compiled('activation_alerts')}) alerts"
    assert {row[:2] for row in state.run(sql) if row[2]} == {("empty_segment", 4)}
    assert len(state.run(sql)) == 6
