"""Deliveries: which are taken, which are refused, and that each run is synced once."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from dbt_activate.webhook.signature import is_signed, sign
from tests.webhook.conftest import Desk
from tests.webhook.deliveries import JOB, SECRET, deliver, payload, request

BODY = json.dumps(payload(7)).encode()


def test_a_run_is_synced(desk: Desk, url: str) -> None:
    """The answer comes before the sync is done."""
    desk.gate.clear()
    assert deliver(url, payload(7)) == (202, "taken")
    assert desk.table() == {"7": "taken"}
    desk.gate.set()
    desk.wait_for("RunEnded")
    assert (desk.synced, desk.table()) == (["7"], {"7": "done"})


def test_the_signature_is_that_of_the_documentation() -> None:
    """A body and its signature, made with ``openssl dgst -sha256 -hmac a-made-up-secret``."""
    signature = "01e28940d74750c7fb8b80db9ba9e2e855e3d2b5be96f9ea4d6f4117b04c67de"
    assert is_signed(b'{"accountId": 1}', signature, SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "\xff",
        sign(BODY, "another secret"),
        sign(BODY + b" ", SECRET),
        sign(BODY, SECRET).upper(),
        f"Bearer {sign(BODY, SECRET)}",
    ],
)
def test_a_wrong_signature_is_refused(desk: Desk, url: str, signature: str) -> None:
    """The answer does not say why, nothing is noted, and no log has the secret or the right signature."""
    assert deliver(url, BODY, signature=signature) == (401, "refused")
    assert desk.table() == {}
    told = " ".join(event.message for event in desk.events)
    assert "its signature is wrong" in told
    assert SECRET not in told + repr(desk.receiver())
    assert sign(BODY, SECRET) not in told


def test_a_request_without_a_signature_is_refused(url: str) -> None:
    """As one with a wrong signature is."""
    assert request(url, "POST", "/", BODY) == (401, "refused")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"job": 999}, "its job is not among those to watch"),
        ({"account": 1}, "another account"),
        ({"event": "job.run.started"}, "the event is not job.run.completed"),
        ({"event": "job.run.errored", "status": 20}, "the event is not job.run.completed"),
    ],
)
def test_what_is_of_no_concern(desk: Desk, url: str, changes: dict[str, Any], why: str) -> None:
    """It is a success to dbt Cloud, which would deliver it again else; nothing is noted."""
    assert deliver(url, payload(7, **changes)) == (200, "ignored")
    assert why in desk.events[-1].message
    assert desk.table() == {}


@pytest.mark.parametrize(
    ("status", "also_failed", "synced"),
    [(20, False, []), (20, True, ["7"]), (30, False, []), (30, True, []), (10, True, ["7"])],
)
def test_the_status_decides(desk: Desk, status: int, also_failed: bool, synced: list[str]) -> None:
    """A run that failed is synced only if asked for, one that was cancelled never; both are noted."""
    with desk.receiver(also_failed=also_failed) as receiver:
        assert deliver(receiver.url, payload(7, status=status))[0] == (202 if synced else 200)
        desk.wait_for("RunEnded" if synced else "RunIgnored")
    assert (desk.synced, desk.table()) == (synced, {"7": "done" if synced else "skipped"})


def test_a_status_code_is_preferred(desk: Desk, url: str) -> None:
    """Newer deliveries have it beside the words."""
    assert deliver(url, payload(7, runStatusCode=20)) == (200, "skipped")


def test_a_run_is_synced_once(desk: Desk, url: str) -> None:
    """However often it is delivered: at once, while it is synced, and replayed afterwards."""
    desk.gate.clear()
    answers = [deliver(url, payload(7)) for _ in range(3)]
    desk.gate.set()
    desk.wait_for("RunEnded")
    answers.append(deliver(url, payload(7)))
    assert answers == [(202, "taken"), (200, "known"), (200, "known"), (200, "known")]
    assert desk.synced == ["7"]


def test_many_at_once(desk: Desk, url: str) -> None:
    """Deliveries of one run and of others that arrive together are told apart."""
    answers: list[tuple[int, str]] = []
    threads = [
        threading.Thread(
            target=lambda run: answers.append(deliver(url, payload(run))), args=(number % 4 + 1,)
        )
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert {status for status, _ in answers} <= {200, 202}
    desk.wait_for("RunEnded", sum(status == 202 for status, _ in answers))
    assert len(desk.synced) == len(set(desk.synced))
    assert set(desk.table()) == {"1", "2", "3", "4"}


def test_an_older_run_is_noted_and_skipped(desk: Desk, url: str) -> None:
    """What it built is not there any more; a run of another job is no reason."""
    deliver(url, payload(9, minute=30))
    desk.wait_for("RunEnded")
    assert deliver(url, payload(8, minute=20)) == (200, "outdated")
    assert deliver(url, payload(5, minute=10, job=124)) == (202, "taken")
    desk.wait_for("RunEnded", 2)
    assert (desk.synced, desk.table()["8"]) == (["9", "5"], "skipped")


def test_what_waits_is_skipped_once_a_later_run_has_ended(desk: Desk, url: str) -> None:
    """The later one has all of it."""
    desk.gate.clear()
    for run_id in (1, 2, 3):
        assert deliver(url, payload(run_id, minute=run_id)) == (202, "taken")
    desk.gate.set()
    desk.wait_for("RunEnded", 3)
    assert "3" in desk.synced
    assert "2" not in desk.synced
    assert desk.table()["2"] == "skipped"


def test_a_sync_that_cannot_be_carried_out_is_tried_again(desk: Desk, url: str) -> None:
    """Say, since dbt Cloud does not answer; the run is not lost."""
    desk.failures = 2
    deliver(url, payload(7))
    desk.wait_for("RunEnded")
    assert [event.name for event in desk.events].count("RunPostponed") == 2
    assert (desk.synced, desk.table()) == (["7"], {"7": "done"})


@pytest.mark.parametrize("failures", [1, 3])
def test_a_sync_that_breaks_is_tried_again_and_its_error_kept_to_itself(
    desk: Desk, url: str, failures: int
) -> None:
    """A library's own words may hold a secret."""
    desk.failures, desk.failure = failures, OSError("s3cret")
    deliver(url, payload(7))
    desk.wait_for("RunEnded")
    assert desk.table() == {"7": "done" if failures == 1 else "failed"}
    told = " ".join(event.message for event in desk.events)
    assert ("unexpected OSError" in told, "s3cret" in told) == (True, False)


def test_a_sync_that_failed_is_done_when_the_run_is_delivered_again(desk: Desk, url: str) -> None:
    """A person may let dbt Cloud send the delivery again."""
    desk.failures = 3
    deliver(url, payload(7))
    desk.wait_for("RunEnded")
    assert desk.table() == {"7": "failed"}
    assert deliver(url, payload(7)) == (202, "taken")
    desk.wait_for("RunEnded", 2)
    assert desk.table() == {"7": "done"}


def test_a_run_that_cannot_be_noted_is_not_taken(desk: Desk) -> None:
    """The answer lets dbt Cloud deliver it again, and then it is taken."""
    with desk.receiver() as receiver:
        desk.query("alter table prod_activate.webhook_runs rename to gone")
        assert deliver(receiver.url, payload(7)) == (503, "try again")
        desk.query("alter table prod_activate.gone rename to webhook_runs")
        assert deliver(receiver.url, payload(7)) == (202, "taken")
        desk.wait_for("RunEnded")


def test_a_warehouse_that_is_slow_is_not_waited_for(desk: Desk) -> None:
    """The answer comes before dbt Cloud gives up, and lets it deliver the run again."""
    with desk.receiver(answer_seconds=0.0) as receiver:
        assert deliver(receiver.url, payload(7)) == (503, "try again")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        payload(7, runId="seven"),
        payload(7, jobId=None),
        payload(-7),
        {"accountId": 1},
    ],
)
def test_what_is_signed_and_makes_no_sense(desk: Desk, url: str, content: Any) -> None:
    """It is refused, and nothing of it is repeated."""
    assert deliver(url, content) == (400, "refused")
    assert "seven" not in desk.events[-1].message
    assert desk.table() == {}


def test_a_body_that_is_too_long_is_refused(url: str) -> None:
    """Whether it says so before or not."""
    assert deliver(url, b"x" * 300_000)[0] == 413
    in_pieces = iter([b"x" * 100_000] * 3)
    assert request(url, "POST", "/", in_pieces)[0] == 413


def test_a_body_that_never_comes_holds_nobody_up(desk: Desk, url: str) -> None:
    """Another delivery is answered meanwhile."""
    with socket.create_connection(urlsplit(url).netloc.rsplit(":", 1)) as slow:  # type: ignore[arg-type]  # a port as text is fine
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert deliver(url, payload(7)) == (202, "taken")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/health", (200, "healthy")),
        ("HEAD", "/health", (200, "")),
        ("POST", "/health", (405, "refused")),
        ("GET", "/", (405, "refused")),
        ("GET", "/elsewhere", (404, "refused")),
    ],
)
def test_other_requests(url: str, method: str, path: str, answer: tuple[int, str]) -> None:
    """A load balancer can ask whether it is there."""
    assert request(url, method, path) == answer


@pytest.mark.parametrize(
    "changes",
    [
        {"runStatusCode": 10, "projectId": "167194", "runReason": "Kicked off from UI"},
        {"runStatusCode": None, "runFinishedAt": None},
        {"runStatus": None, "runStatusCode": "10", "runFinishedAt": "soon"},
    ],
    ids=["all of it", "nulls", "text"],
)
def test_what_is_said_of_a_run_in_more_or_fewer_words(desk: Desk, url: str, changes: dict[str, Any]) -> None:
    """What is there besides, or is not known, is no reason to refuse a run that went well."""
    assert deliver(url, payload(7, **changes)) == (202, "taken")
    desk.wait_for("RunEnded")
    [(ended_at,)] = desk.query("select ended_at from prod_activate.webhook_runs")
    assert f"{ended_at:%Y-%m-%d}" == "2026-01-31"


def test_jobs_are_compared_as_numbers_are_written(desk: Desk, url: str) -> None:
    """Whether dbt Cloud writes them as text or not."""
    assert deliver(url, payload(7, jobId=JOB, runId=7)) == (202, "taken")
