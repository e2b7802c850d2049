"""A scripted server, and the patience of a test."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


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
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short."""
    return Throttles(Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0))
