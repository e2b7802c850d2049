"""The one way in which destinations talk to their tool."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from dbt_activate.errors import AccessError, AuthenticationError, InterruptedRunError, UnavailableError
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Judge,
    Kind,
    LateAnswerError,
    LostAnswerError,
    RefusedAnswerError,
    Request,
    demanded_wait,
    judge_status,
)
from dbt_activate.http.client import Client
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.garbled_server import garbled_server
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

GOOD = Reply(200, {"data": 1})
LOST = [
    Reply(500, {"errors": []}),
    Reply(502, b"<html>bad gateway</html>"),
    Reply(503),
    Reply(504),
    Reply(fault="reset"),
    Reply(fault="silence"),
    Reply(200, {"data": "x" * 100}, fault="truncate"),
    Reply(200, b"<html>please log in</html>"),
]
IDENTIFIER, SECRET = "ada@example.com", "s3cr3t-t0k3n"

Connect = Callable[..., Client]


class Key:
    """An API key in a header."""

    def __init__(self, key: str = SECRET) -> None:
        self._key = key

    def headers(self) -> dict[str, str]:
        """Return the header."""
        return {"Authorization": self._key}

    def refused(self, headers: object) -> bool:
        """There is no other key."""
        return False

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def connect(server: ScriptedServer, throttles: Throttles) -> Iterator[Connect]:
    """Make clients of the scripted server, and close them after the test."""
    clients = []

    def make(
        *, url: str = server.url, judge: Judge = judge_status, waits: Throttles = throttles, key: str = SECRET
    ) -> Client:
        clients.append(
            Client(
                "Acme",
                url,
                throttle=waits.get("app", None),
                retry=waits.retry,
                timeout_seconds=0.3,
                credentials=Key(key),
                judge=judge,
            )
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize("bad", [Reply(429), *LOST], ids=repr)
def test_what_may_pass_is_tried_again(server: ScriptedServer, connect: Connect, bad: Reply) -> None:
    """An idempotent request gets over anything that may pass."""
    server.script("/x", bad, bad, GOOD)
    assert connect().send(Request("PATCH", "/x", body=[1])).body == {"data": 1}
    assert len(server.calls("/x")) == 3


@pytest.mark.parametrize("bad", LOST, ids=repr)
def test_what_may_have_been_taken_is_not_sent_twice(
    server: ScriptedServer, connect: Connect, bad: Reply
) -> None:
    """A request that is not idempotent is sent once, where nobody knows whether it was carried out."""
    server.script("/x", bad, GOOD)
    with pytest.raises(LostAnswerError):
        connect().send(Request("POST", "/x", body=[1], idempotent=False))
    assert len(server.calls("/x")) == 1


def test_what_was_certainly_not_taken_is_sent_again(server: ScriptedServer, connect: Connect) -> None:
    """Also a request that is not idempotent gets over a rate limit."""
    server.script("/x", Reply(429), GOOD)
    assert connect().send(Request("POST", "/x", idempotent=False)).status == 200


def test_a_port_on_which_nobody_listens(connect: Connect) -> None:
    """No connection is certainly not taken: it is tried again, then given up with the host's name."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        words = r"127\.0\.0\.1.*no connection.*check the address.*Tried 4 times"
        with pytest.raises(UnavailableError, match=words) as caught:
            connect(url=url).send(Request("POST", "/x", idempotent=False))
    assert not isinstance(caught.value, LostAnswerError)


def test_encryption_that_breaks_after_a_request(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent by then may have been carried out: it is not sent twice."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with garbled_server(tmp_path / "certificate.pem") as (url, read):
        with pytest.raises(LostAnswerError, match="the encrypted connection broke"):
            connect(url=url).send(Request("POST", "/x", body=[1], idempotent=False))
        assert len(read) == 1


def test_a_certificate_that_is_not_trusted(connect: Connect, tmp_path: Path) -> None:
    """Nothing was sent, certainly: it is tried again, and the message says what may be wrong."""
    with garbled_server(tmp_path / "certificate.pem") as (url, read):
        with pytest.raises(UnavailableError, match=r"REQUESTS_CA_BUNDLE.*Tried 4 times") as caught:
            connect(url=url).send(Request("POST", "/x", body=[1], idempotent=False))
        assert not isinstance(caught.value, LostAnswerError)
        assert read == []


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 415, 422])
def test_a_refusal_is_final(server: ScriptedServer, connect: Connect, status: int) -> None:
    """What is wrong with a request stays wrong; the caller sees which status it was."""
    server.script("/x", Reply(status))
    with pytest.raises(RefusedAnswerError, match=f"Acme answered PATCH /x with {status}") as caught:
        connect().send(Request("PATCH", "/x"))
    assert (caught.value.status, len(server.seen)) == (status, 1)


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (403, AccessError)])
def test_credentials_are_never_tried_again(
    server: ScriptedServer, connect: Connect, status: int, error: type[Exception]
) -> None:
    """A key that is refused, or may not do this, is sent once."""
    server.script("/x", Reply(status))
    with pytest.raises(error):
        connect().send(Request("GET", "/x"))
    assert len(server.seen) == 1


def test_trying_again_ends(server: ScriptedServer, connect: Connect) -> None:
    """After the last attempt the error says how often it was tried."""
    server.script("/x", Reply(500))
    with pytest.raises(UnavailableError, match=r"Acme answered GET /x with 500\. Tried 4 times\."):
        connect().send(Request("GET", "/x"))
    assert len(server.seen) == 4


@pytest.mark.parametrize("status", [429, 503])
def test_a_demanded_wait_is_waited(server: ScriptedServer, connect: Connect, status: int) -> None:
    """Where the tool says how long to stay away, we do."""
    server.script("/x", Reply(status, headers={"Retry-After": "0.3"}), GOOD)
    started_at = time.monotonic()
    connect().send(Request("GET", "/x"))
    assert time.monotonic() - started_at >= 0.3


def test_a_wait_that_is_too_long_is_handed_on(server: ScriptedServer, connect: Connect) -> None:
    """A demand beyond our patience ends the request at once, and says how long it would have been."""
    server.script("/x", Reply(429, headers={"Retry-After": "3600"}))
    with pytest.raises(UnavailableError) as caught:
        connect().send(Request("GET", "/x"))
    assert (caught.value.retry_after, len(server.seen)) == (3600, 1)


def test_a_wait_that_is_too_long_is_too_long_for_all(server: ScriptedServer, connect: Connect) -> None:
    """Others with the same credentials do not sit it out either: they fail at once, and nothing is sent."""
    server.script("/x", Reply(503, headers={"Retry-After": "3600"}))
    first, second = connect(), connect()
    with pytest.raises(UnavailableError):
        first.send(Request("GET", "/x"))
    with pytest.raises(UnavailableError, match=r"Acme wants to be left alone for 3[56]\d\d more") as caught:
        second.send(Request("POST", "/x", idempotent=False))
    assert caught.value.retry_after == pytest.approx(3600, abs=5)
    assert len(server.seen) == 1


def test_a_used_up_limit_holds_all_who_share_it(server: ScriptedServer, connect: Connect) -> None:
    """Once no request remains, another client with the same credentials waits for the reset, too."""
    used_up = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(time.time() + 0.4),
        "Retry-After": "0.4",
    }
    server.script("/x", Reply(200, {}, used_up), GOOD)
    started_at = time.monotonic()
    connect().send(Request("GET", "/x"))
    connect().send(Request("GET", "/x"))
    assert time.monotonic() - started_at >= 0.4


DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
DATE_SECONDS = 1795255200


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (429, {"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT", "Date": DATE}, 30),
        (429, {"Retry-After": "Sat, 21 Nov 2026 09:00:00 GMT", "Date": DATE}, 0),
        (429, {"Retry-After": "soon"}, None),
        (429, {"x-ratelimit-reset": f"{DATE_SECONDS + 20}", "Date": DATE}, 20),
        (429, {"x-ratelimit-reset": "later"}, None),
        (429, {"x-ratelimit-reset": "30"}, 30),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30),
        (429, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "30"}, None),
        (429, {}, None),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{DATE_SECONDS + 9}", "Date": DATE}, 9),
        (200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": f"{DATE_SECONDS + 9}", "Date": DATE}, None),
        (503, {"Retry-After": "120"}, 120),
    ],
)
def test_what_the_headers_demand(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """Waits are read by the tool's own clock, and what cannot be read demands nothing."""
    assert demanded_wait(Answer(status, headers, None)) == seconds


def test_a_failure_inside_a_success(server: ScriptedServer, connect: Connect) -> None:
    """The tool's own judge decides what a 200 means, inside the loop of attempts."""

    def judge(answer: Answer) -> Fault | None:
        return Fault(Kind.NOT_TAKEN, code="busy") if answer.body == {"busy": True} else None

    server.script("/x", Reply(200, {"busy": True}), Reply(200, {"busy": True}), GOOD)
    assert connect(judge=judge).send(Request("POST", "/x", idempotent=False)).body == {"data": 1}


def test_redirects_are_not_followed(server: ScriptedServer, connect: Connect) -> None:
    """Credentials never travel to another address, and the message says which to set."""
    server.script("/x", Reply(302, headers={"Location": "https://elsewhere.test/?code=1"}))
    with pytest.raises(RefusedAnswerError, match=r"redirects to https://elsewhere\.test\. Set base_url"):
        connect().send(Request("GET", "/x"))


def test_a_base_url_with_a_path(server: ScriptedServer, connect: Connect) -> None:
    """Behind a proxy, every path follows the proxy's own; bodies go with any method."""
    server.script("/proxy/v1/x", GOOD)
    connect(url=f"{server.url}/proxy/").send(
        Request("DELETE", "/v1/x", body=[["1"]], params={"mode": "Sync"})
    )
    (seen,) = server.seen
    assert (seen.method, seen.query, seen.body) == ("DELETE", "mode=Sync", [["1"]])
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["User-Agent"].startswith("dbt-activate/")


def test_a_netrc_file_changes_nothing(
    server: ScriptedServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords that a user keeps for a host are not sent in place of the configured key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.script("/x", GOOD)
    connect().send(Request("GET", "/x"))
    assert server.seen[0].headers["Authorization"] == SECRET


def test_connections_are_kept(server: ScriptedServer, connect: Connect) -> None:
    """Requests in turn share one connection, also after an error."""
    server.script("/x", GOOD, Reply(500), GOOD)
    client = connect()
    for _ in range(5):
        client.send(Request("GET", "/x"))
    assert len({seen.connection for seen in server.seen}) == 1


def test_a_key_with_a_line_break(connect: Connect) -> None:
    """A key that no header can carry is an error that does not quote it."""
    with pytest.raises(AuthenticationError, match="line break") as caught:
        connect(key=f"{SECRET}\n").send(Request("GET", "/x"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("bad", [*LOST, Reply(400, {"echo": IDENTIFIER}), Reply(401)], ids=repr)
@pytest.mark.parametrize("idempotent", [True, False])
def test_nothing_that_was_sent_is_told(
    server: ScriptedServer, connect: Connect, caplog: pytest.LogCaptureFixture, bad: Reply, idempotent: bool
) -> None:
    """Neither logs nor errors, nor any error behind them, hold an identifier, a secret or a body."""
    caplog.set_level(logging.DEBUG)
    server.script("/x", bad)
    request = Request(
        "PATCH", "/x", [IDENTIFIER], None, {"key": SECRET}, idempotent=idempotent, personal=True
    )
    with pytest.raises(Exception, match="Acme") as caught:
        connect().send(request)
    error: BaseException | None = caught.value
    told = "".join(traceback.format_exception(error)) + caplog.text.replace(f"?key={SECRET}", "")
    while error is not None:
        assert not hasattr(error, "request")  # as the errors of requests have, with body and headers
        told += repr(error) + repr(vars(error))
        error = error.__cause__ or error.__context__
    assert IDENTIFIER not in told
    assert SECRET not in told
    assert "PATCH /x: " in caplog.text


def test_free_text_is_told_only_of_what_holds_no_identifiers(
    server: ScriptedServer, connect: Connect
) -> None:
    """The tool's detail helps with a segment's name, and may quote a person elsewhere."""

    def judge(answer: Answer) -> Fault | None:
        return Fault(
            Kind.REFUSED, code="invalid", title="Bad value", detail=f"got {IDENTIFIER}", reference="t-1"
        )

    server.script("/x", Reply(400))
    with pytest.raises(
        RefusedAnswerError, match=rf"invalid: Bad value: got {IDENTIFIER}\. \(reference t-1\)"
    ):
        connect(judge=judge).send(Request("POST", "/x"))
    with pytest.raises(RefusedAnswerError, match=r"invalid: Bad value\. \(reference t-1\)"):
        connect(judge=judge).send(Request("POST", "/x", personal=True))


def test_a_deprecation_is_told_once(
    server: ScriptedServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A version that will be switched off is one warning in a run, with the date."""
    server.script("/x", Reply(200, {}, {"Deprecation": "true", "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}))
    client = connect()
    for _ in range(3):
        client.send(Request("GET", "/x"))
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "01 Jan 2027" in warning.getMessage()


def test_a_stopped_run_does_not_sit_out_its_waits(server: ScriptedServer, connect: Connect) -> None:
    """Ctrl-C ends a back-off of an hour at once."""
    waits = Throttles(Retry(first_wait_seconds=3600, total_seconds=36_000))
    server.script("/x", Reply(500))
    caught: list[Any] = []

    def send() -> None:
        try:
            connect(waits=waits).send(Request("GET", "/x"))
        except InterruptedRunError as error:
            caught.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    assert server.arrived.wait(timeout=5)
    waits.stop()
    thread.join(timeout=5)
    assert len(caught) == 1


@pytest.mark.parametrize("slow", [Reply(408), Reply(504), Reply(fault="silence")], ids=repr)
def test_what_can_be_divided_is_not_sent_again_whole(
    server: ScriptedServer, connect: Connect, slow: Reply
) -> None:
    """A time-out of a divisible request is its caller's to divide; other failures are tried again."""
    server.script("/x", slow, GOOD)
    with pytest.raises(LateAnswerError):
        connect().send(Request("POST", "/x", body=[1, 2], divisible=True))
    assert len(server.calls("/x")) == 1
    server.script("/y", Reply(503), Reply(fault="reset"), GOOD)
    assert connect().send(Request("POST", "/y", body=[1, 2], divisible=True)).status == 200
