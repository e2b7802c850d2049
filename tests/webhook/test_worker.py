"""The one that syncs: a warehouse that breaks in between neither ends it nor loses a run."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue

import duckdb
import pytest

from dbt_activate.reporting.events import Event
from dbt_activate.state.tables import Tables
from dbt_activate.state.webhook_runs import Answer, WebhookRun, WebhookRuns
from dbt_activate.webhook.worker import Worker
from tests.protocol.world import MemoryWarehouse
from tests.shop import PATIENCE_SECONDS

RUN = WebhookRun("7", "123", datetime(2026, 1, 31, 19))  # noqa: DTZ001  (the state holds UTC without a zone)


@dataclass
class Bench:
    """A worker whose warehouse can be broken, as a server is that cannot be reached.

    Attributes:
        events: What it told.
        breaking: How the statements begin that the warehouse breaks at.
    """

    events: SimpleQueue[Event] = field(default_factory=SimpleQueue)
    breaking: str = "nothing"

    def __post_init__(self) -> None:
        warehouse = MemoryWarehouse(self._step, duckdb.connect())
        self.runs = WebhookRuns(warehouse, Tables(warehouse, "main_activate"))
        self.runs.prepare()
        self.worker = Worker(self.runs, lambda run: "2 activations went well", self.events.put, ())

    def _step(self, step: str) -> None:
        if step.startswith(self.breaking):
            raise OSError("s3cret")


@pytest.fixture
def bench() -> Bench:
    """A worker without work."""
    return Bench()


def test_a_heartbeat_that_fails_is_followed_by_the_next(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """What the driver raises is noted in the log without its words, and ends nothing."""
    assert bench.runs.take(RUN) is Answer.TAKEN
    bench.worker.add(RUN)
    bench.breaking = "update"
    bench.worker.beat()
    assert "unexpected OSError" in caplog.text
    assert "s3cret" not in caplog.text
    bench.breaking = "nothing"
    caplog.clear()
    bench.worker.beat()
    assert caplog.text == ""


def test_a_run_that_cannot_be_closed_does_not_end_the_worker(bench: Bench) -> None:
    """It is said that it will be synced again, and the next run has its turn."""
    for run in (RUN, WebhookRun("8", "124", RUN.ended_at)):
        bench.runs.take(run)
        bench.worker.add(run)
    bench.breaking = "update"
    thread = threading.Thread(target=bench.worker.work, daemon=True)
    thread.start()
    told = [bench.events.get(timeout=PATIENCE_SECONDS) for _ in range(4)]
    bench.worker.stop()
    thread.join()
    assert [event.name for event in told] == ["RunNotClosed", "RunEnded"] * 2
    assert "s3cret" not in " ".join(event.message for event in told)
