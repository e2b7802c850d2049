"""Syncs in processes of their own: two at once, one that a person interrupts, and one on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.shop import BIN, VIPS, Shop, sha256


def test_two_syncs_at_once(shop: Shop) -> None:
    """The second says who holds the audience and fails; the first goes on, and neither spoils anything."""
    shop.sandbox.latency_seconds = 0.5
    with shop.start("sync", "-s", "vip_customers") as first:
        shop.wait_for_request("search", first)
        second = shop.activate("sync", "-s", "vip_customers")
        status = shop.activate("status", "-s", "vip_customers")
        output, _ = first.communicate()
    assert first.returncode == 0, output
    assert second.exit_code == 1
    assert f"(process {first.pid}) is at work on this audience" in second.output
    assert f"(process {first.pid})" in status.output
    assert shop.audience()["email"] == sha256(VIPS)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sync(shop: Shop, sent: signal.Signals) -> None:
    """What is under way is waited for and kept, the exit code is 2, and the next sync does the rest."""
    shop.sandbox.latency_seconds = 0.5
    with shop.start("sync", "-s", "vip_customers") as process:
        shop.wait_for_request("add", process)
        process.send_signal(sent)
        output, _ = process.communicate()
    assert process.returncode == 2
    assert "Nothing more is sent; waiting for the answers" in output
    assert "Traceback" not in output
    (result,) = shop.artifact()["results"]
    assert (result["status"], result["counts"]["added"]) == ("partial", 100)
    assert shop.query("select count(*) from prod_activate.receipts where accepted") == [(1,)]
    shop.sandbox.latency_seconds = 0
    assert "[+100 −0 in" in shop.activate("sync", "-s", "vip_customers").output
    assert {kind: len(members) for kind, members in shop.audience().items()} == {"email": 100, "madid": 100}


def test_a_second_interrupt_leaves_at_once(shop: Shop) -> None:
    """Nobody has to wait for a tool that hangs, and the next clean sync still ends in the right audience."""
    shop.sandbox.latency_seconds = 30
    with shop.start("sync", "-s", "vip_customers") as process:
        shop.wait_for_request("token", process)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert any("Press Ctrl-C again" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    assert process.returncode == 2
    assert shop.artifact()["results"][0]["status"] == "error"
    shop.sandbox.latency_seconds = 0
    assert shop.activate("sync", "-s", "vip_customers").exit_code == 0
    assert shop.audience()["email"] == sha256(VIPS)


def test_bars_on_a_terminal(shop: Shop) -> None:
    """On a terminal, deliveries under way are drawn as bars, and the lines stay as they are elsewhere."""
    shop.sandbox.latency_seconds = 0.2
    ours, theirs = pty.openpty()
    command = [BIN / "dbt-activate", "sync", "-s", "vip_customers"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(pieces(ours)).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "1/2 deliveries" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b[32m+200 −0 in" in shown
    assert "Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1" in shown


def pieces(terminal: int) -> Iterator[bytes]:
    """Read a terminal until whoever writes to it has gone."""
    with contextlib.suppress(OSError):  # how Linux says that
        while piece := os.read(terminal, 65536):
            yield piece


def test_a_sync_goes_on_when_nobody_reads_its_lines_any_more(shop: Shop) -> None:
    """A reader like ``head``, which leaves after the first line, does not stop what is under way."""
    shop.sandbox.latency_seconds = 0.1
    process = shop.start("sync")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait()
    assert shop.audience()["email"] == sha256(VIPS)
    assert [one["status"] for one in shop.artifact()["results"]] == ["success", "success"]
