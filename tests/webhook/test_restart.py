"""The command: it syncs for real, ends in an orderly way, and a restart loses nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbt_activate import ConfigError, Project
from dbt_activate.reporting.events import Event
from tests.dbt_cloud.conftest import built, cloud, with_results
from tests.dbt_cloud.server import TOKEN, DbtCloudServer, Fault
from tests.shop import PATIENCE_SECONDS, VIPS, Shop, sha256
from tests.webhook.deliveries import JOB, SECRET, deliver, payload

__all__ = ["built", "cloud"]  # fixtures


class Process:
    """A receiver in a process of its own; what it writes is kept."""

    def __init__(self, shop: Shop) -> None:
        flags = ("--job", str(JOB), "--port", "0", "--log-format", "json")
        self.popen = shop.start("webhook", *flags)
        self.events: list[Any] = []
        self.url = str(self.wait_for("WebhookListening")["info"]["msg"]).split()[2]

    def wait_for(self, name: str) -> Any:
        """Wait until it tells of something."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["info"]["name"] == name:
                return self.events[-1]
        raise AssertionError(self.events)

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and return the exit code."""
        self.popen.send_signal(how)
        output, _ = self.popen.communicate(timeout=PATIENCE_SECONDS)
        self.events += map(json.loads, output.splitlines())
        return self.popen.returncode


@pytest.fixture
def processes(
    shop: Shop, built: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended whatever happens; the environment has the webhook's secret."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what is killed clears nothing away
    monkeypatch.setenv("DBT_CLOUD_WEBHOOK_SECRET", SECRET)
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_taken_survives_the_process(
    shop: Shop,
    cloud: DbtCloudServer,
    built: dict[str, bytes],
    processes: list[subprocess.Popen[str]],
    how: signal.Signals,
) -> None:
    """It is synced by the next start, without being delivered again; no secret is written."""
    cloud.add_run(70512, built)
    cloud.faults.append(Fault(silent=True))
    first = Process(shop)
    processes.append(first.popen)
    assert deliver(first.url, payload(70512)) == (202, "taken")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not cloud.asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert first.end(how) == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    assert shop.audience() == {}

    second = Process(shop)
    processes.append(second.popen)
    assert second.wait_for("RunEnded")["info"]["msg"].endswith("is done: 2 activations went well.")
    assert shop.audience()["email"] == sha256(VIPS)
    assert deliver(second.url, payload(70512)) == (200, "known")
    assert second.end(signal.SIGTERM) == 0
    assert second.events[-1]["info"]["msg"] == "Stopped. Nothing was left."
    written = json.dumps(first.events + second.events)
    assert SECRET not in written
    assert TOKEN not in written


def test_a_receiver_of_a_project(
    shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that failed is synced if asked for, and its gates hold what did not go well."""
    monkeypatch.setenv("DBT_CLOUD_WEBHOOK_SECRET", SECRET)
    cloud.add_run(7, with_results(built, newcomers="error"), statuses=[20])
    events: list[Event] = []
    project = Project(shop.root, emit=events.append)
    with project.webhook(jobs=[JOB], also_failed=True) as receiver:
        assert deliver(receiver.url, payload(7, status=20)) == (202, "taken")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(event.name == "RunEnded" for event in events):
            assert time.monotonic() < deadline, [event.message for event in events]
            time.sleep(0.01)
    assert shop.audience()["email"] == sha256(VIPS)
    assert shop.audience("newcomers") == {}


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("DBT_CLOUD_WEBHOOK_SECRET", "DBT_CLOUD_WEBHOOK_SECRET is not set"),
        ("DBT_CLOUD_API_TOKEN", "DBT_CLOUD_API_TOKEN is not set"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_listened_to(
    shop: Shop, built: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    """Not at the first delivery."""
    monkeypatch.setenv("DBT_CLOUD_WEBHOOK_SECRET", SECRET)
    monkeypatch.delenv(missing)
    result = shop.activate("webhook", "--job", "123")
    assert (result.exit_code, words in result.output) == (1, True)
    assert shop.activate("webhook").exit_code == 2
    with pytest.raises(ConfigError):
        Project(shop.root).webhook(jobs=[])


def test_a_receiver_takes_the_artifacts_of_the_run_alone(
    shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are refused at once, and not at the first delivery."""
    monkeypatch.setenv("DBT_CLOUD_WEBHOOK_SECRET", SECRET)
    with pytest.raises(ConfigError, match="of the run that it is told of"):
        Project(shop.root, artifacts=shop.root).webhook(jobs=[JOB])


def test_a_port_that_is_taken_is_said(
    shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    monkeypatch.setenv("DBT_CLOUD_WEBHOOK_SECRET", SECRET)
    result = shop.activate("webhook", "--job", "123", "--port", str(cloud.server_port))
    assert (result.exit_code, "Choose another with --port" in result.output) == (1, True)
