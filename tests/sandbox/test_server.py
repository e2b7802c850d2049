"""Starting and stopping the sandbox, in a thread and in the foreground."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from dbt_activate.errors import ActivateError
from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.batch import Batch

if TYPE_CHECKING:
    from conftest import CriteoClient
    from starlette.responses import Response

    from dbt_activate.sandbox.call import Call

FOREGROUND = "from dbt_activate.sandbox import Sandbox; Sandbox().serve(lambda url: print(url, flush=True))"


def test_url_takes_requests_at_once() -> None:
    """The address is good as soon as the sandbox is started, and no longer once it is stopped."""
    with Sandbox() as sandbox:
        url = sandbox.url
        assert requests.get(f"{url}/_sandbox/audiences", timeout=10).json() == []
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=10)
    with pytest.raises(RuntimeError, match="start"):
        _ = sandbox.url


def test_what_it_holds_outlives_a_restart() -> None:
    """A sandbox that is stopped and started again holds what it held."""
    sandbox = Sandbox()
    with sandbox:
        sandbox.criteo.add_audience("kept")
    with sandbox:
        assert requests.get(f"{sandbox.url}/_sandbox/audiences", timeout=10).json()[0]["name"] == "kept"


def test_sandboxes_are_apart() -> None:
    """Two sandboxes run side by side and share nothing."""
    with Sandbox() as one, Sandbox() as other:
        one.criteo.add_audience("mine")
        assert requests.get(f"{other.url}/_sandbox/audiences", timeout=10).json() == []


def test_port_in_use() -> None:
    """A port that is taken is an error that says so, and what to do."""
    with Sandbox() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(ActivateError, match=f"port {port}.*Choose another"):
            Sandbox(port=port).start()


def test_started_twice() -> None:
    """A sandbox that runs is not started again."""
    with Sandbox() as sandbox, pytest.raises(RuntimeError, match="running already"):
        sandbox.start()


def test_foreground() -> None:
    """In the foreground it announces its address, prints nothing else, and ends well on Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-c", FOREGROUND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert requests.get(f"{url}/_sandbox/audiences", timeout=10).json() == []
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (0, "", "")


def test_a_vendor_that_breaks(caplog: pytest.LogCaptureFixture) -> None:
    """A vendor's own mistake is answered with a 500, and logged for whoever wrote the vendor."""

    class Broken(Batch):
        name = "broken"

        def answer(self, call: Call) -> Response:
            raise ZeroDivisionError(call.method)

    with Sandbox(Broken()) as sandbox:
        assert requests.get(f"{sandbox.url}/broken/lists", timeout=10).status_code == 500
    assert "in answer" in caplog.text
    assert "ZeroDivisionError: GET" in caplog.text


def test_latency_is_waited_side_by_side() -> None:
    """Each request waits the latency, and none waits for another."""
    with Sandbox(latency_seconds=0.5) as sandbox, ThreadPoolExecutor(8) as threads:
        begun = time.monotonic()
        list(threads.map(requests.get, [f"{sandbox.url}/criteo/2026-07/advertisers/me"] * 8))
        assert 0.5 <= time.monotonic() - begun < 2.5


def test_stop_does_not_wait_for_a_held_request(criteo: CriteoClient, sandbox: Sandbox) -> None:
    """A request that is held up does not keep the sandbox from stopping."""
    sandbox.faults.add(Fault(effect="delay", delay_seconds=60))
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(criteo.advertisers)
        deadline = time.monotonic() + 10
        while not sandbox.traffic.exchanges(operation="advertisers"):
            assert time.monotonic() < deadline
        begun = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - begun < 10
        assert held.exception() is not None or held.result().status_code == 500


def test_requests_and_methods_from_many_threads() -> None:
    """Members that come by requests and by methods at once are all held."""
    with Sandbox(rate_limits=False) as sandbox, ThreadPoolExecutor(8) as threads:
        audience = sandbox.criteo.add_audience("list")
        path = f"{sandbox.url}/_sandbox/audiences/criteo/{audience}/members"

        def put(number: int) -> None:
            sandbox.criteo.put_members(audience, "email", [f"m{number}@b.co"])
            requests.post(path, json={"add": {"email": [f"r{number}@b.co"]}}, timeout=10)
            sandbox.criteo.members(audience)

        list(threads.map(put, range(100)))
        assert len(sandbox.criteo.members(audience)["email"]) == 200


def test_secret_is_not_printed() -> None:
    """The settings hide the clients' secrets wherever they are printed."""
    assert "sandbox-secret" not in repr(Sandbox().criteo.settings)
