"""A scripted server, a sandbox, the patience of a test, and destinations that are closed after it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.sandbox import Sandbox
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbt_activate.destination import Destination
    from dbt_activate.sandbox.vendor import Vendor


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server of one's own, on a port that is free."""
    with ScriptedServer() as scripted:
        thread = threading.Thread(target=scripted.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield scripted
        scripted.stopped.set()
        scripted.shutdown()
        thread.join()


@pytest.fixture
def sandbox(vendor: Vendor[Any, Any]) -> Iterator[Sandbox]:
    """A sandbox of one's own, with the vendor that the tests of a file look into."""
    with Sandbox(vendor) as running:
        yield running


@pytest.fixture
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short."""
    return Throttles(
        Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0, poll_seconds=(0.001, 0.002, 0.05))
    )


@pytest.fixture
def connect_as(throttles: Throttles) -> Iterator[Callable[..., Any]]:
    """Make destinations: of a class, with the keys of an entry; and close them after the test."""
    with ExitStack() as stack:

        def make(kind: type[Destination], *, waits: Throttles = throttles, **keys: Any) -> Destination:
            made = kind(kind.Settings.model_validate({"targets": (), **keys}), waits)
            stack.callback(made.close)
            return made

        yield make
