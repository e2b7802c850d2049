"""A receiver whose syncs are noted, on a real database and a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dbt_activate.errors import ActivateError
from dbt_activate.operations.workspace import Place, Workspace
from dbt_activate.reporting.events import Event
from dbt_activate.state.webhook_runs import WebhookRun, WebhookRuns
from dbt_activate.webhook.intake import Concern
from dbt_activate.webhook.receiver import Receiver
from tests.dbt_cloud.server import ACCOUNT
from tests.shop import PATIENCE_SECONDS, Shop
from tests.webhook.deliveries import JOB, SECRET


@dataclass
class Desk:
    """A receiver, and what it did.

    Attributes:
        shop: Whose database it has.
        synced: The runs that were synced, in order.
        events: What it told.
        failures: How many of the next syncs cannot be carried out.
        failure: What those raise.
        gate: Cleared, it holds every sync.
    """

    shop: Shop
    synced: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    failures: int = 0
    failure: Exception = field(default_factory=lambda: ActivateError("dbt Cloud answered with 500."))
    gate: threading.Event = field(default_factory=threading.Event)
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def receiver(self, **options: Any) -> Receiver:
        """Make a receiver, not yet listening."""
        return Receiver(
            SECRET,
            Concern(str(ACCOUNT), frozenset({str(JOB), "124"}), options.pop("also_failed", False)),
            self.runs,
            self.sync,
            self.tell,
            retry_seconds=options.pop("retry_seconds", (0.01, 0.01)),
            **options,
        )

    @property
    def runs(self) -> WebhookRuns:
        """The table of runs."""
        workspace = Workspace(Place(self.shop.root))
        return WebhookRuns(workspace.warehouse, workspace.tables)

    def sync(self, run: WebhookRun) -> str:
        """Note that a run was synced."""
        assert self.gate.wait(PATIENCE_SECONDS)
        if self.failures:
            self.failures -= 1
            raise self.failure
        self.synced.append(run.dbt_run_id)
        return "2 activations went well"

    def tell(self, event: Event) -> None:
        """Note what is told."""
        with self._moved:
            self.events.append(event)
            self._moved.notify_all()

    def wait_for(self, name: str, times: int = 1) -> None:
        """Wait until something was told so many times."""

        def is_there() -> bool:
            return sum(event.name == name for event in self.events) >= times

        with self._moved:
            assert self._moved.wait_for(is_there, PATIENCE_SECONDS), [event.message for event in self.events]

    def table(self) -> dict[str, str]:
        """Return the state of each run that is known."""
        return dict(self.query("select dbt_run_id, state from prod_activate.webhook_runs"))

    def query(self, sql: str) -> list[Any]:
        """Ask the database, in turn with the receiver."""
        with self.runs.warehouse.session() as session:
            return session.rows(sql)


@pytest.fixture
def desk(shop: Shop) -> Desk:
    """A receiver's surroundings."""
    made = Desk(shop)
    made.gate.set()
    return made


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    """The address of a receiver that listens."""
    with desk.receiver() as receiver:
        yield receiver.url
        desk.gate.set()
