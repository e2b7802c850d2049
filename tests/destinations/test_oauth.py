"""One token for all threads, renewed in time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from dbt_activate.errors import AuthenticationError, DestinationError, UnavailableError
from dbt_activate.http.answer import Request
from dbt_activate.http.client import Client
from dbt_activate.http.oauth import ClientCredentials, judge_token
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.throttle import Throttles

SECRET = "s3cr3t"


def token(value: str, expires_in: object = 900) -> Reply:
    """Give out a token."""
    return Reply(200, {"access_token": value, "token_type": "Bearer", "expires_in": expires_in})


@pytest.fixture
def client(server: ScriptedServer, throttles: Throttles) -> Iterator[Client]:
    """A client of /x that gets its tokens from /token."""
    throttle = throttles.get("app", None)
    common = {"throttle": throttle, "retry": throttles.retry, "timeout_seconds": 5.0}
    tokens = Client("Acme", server.url, judge=judge_token, **common)
    request = Request("POST", "/token", form={"grant_type": "client_credentials", "client_secret": SECRET})
    made = Client("Acme", server.url, credentials=ClientCredentials(tokens, request), **common)
    server.script("/token", token("t1"), token("t2"), token("t3"))
    server.script("/x", Reply(200, {}))
    yield made
    made.close()


def bearers(server: ScriptedServer) -> list[str]:
    """Return the tokens that requests carried."""
    return [seen.headers["Authorization"].removeprefix("Bearer ") for seen in server.calls("/x")]


def test_a_token_is_asked_for_once(server: ScriptedServer, client: Client) -> None:
    """Sixteen threads share one token, and its request is a form."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client.send, [Request("GET", "/x")] * 64))
    (asked,) = server.calls("/token")
    assert asked.content == b"grant_type=client_credentials&client_secret=s3cr3t"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert set(bearers(server)) == {"t1"}


def test_the_request_for_a_token(server: ScriptedServer, throttles: Throttles) -> None:
    """It goes to the whole of the URL, with the grant type and whatever else the tool wants to see."""
    server.script("/auth/v2/token", token("t1"))
    credentials = ClientCredentials.at(
        f"{server.url}/auth/v2/token",
        label="Acme",
        form={"client_id": "app"},
        headers={"X-Realm": "eu"},
        throttle=throttles.get("app", None),
        retry=throttles.retry,
        timeout_seconds=5.0,
    )
    assert credentials.headers() == {"Authorization": "Bearer t1"}
    credentials.close()
    (asked,) = server.seen
    assert (asked.method, asked.content) == ("POST", b"grant_type=client_credentials&client_id=app")
    assert asked.headers["X-Realm"] == "eu"


def test_a_token_is_renewed_before_its_end(server: ScriptedServer, client: Client) -> None:
    """A token that is about to run out is used no more."""
    server.script("/token", token("t1", "0"), token("t2"))
    client.send(Request("GET", "/x"))
    client.send(Request("GET", "/x"))
    client.send(Request("GET", "/x"))
    assert bearers(server) == ["t1", "t2", "t2"]


@pytest.mark.parametrize("expires_in", [None, "soon"])
def test_a_token_without_a_lifetime(server: ScriptedServer, client: Client, expires_in: object) -> None:
    """It is good until it is refused."""
    server.script("/token", token("t1", expires_in), token("t2"))
    client.send(Request("GET", "/x"))
    server.script("/x", Reply(401), Reply(200, {}))
    client.send(Request("GET", "/x"))
    assert bearers(server) == ["t1", "t1", "t2"]


def test_a_refused_token_is_renewed_once_for_all(server: ScriptedServer, client: Client) -> None:
    """Sixteen threads whose token dies under them get one new one, and all their requests through."""
    client.send(Request("GET", "/x"))
    server.refuse("/x", "Bearer t1")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.send, [Request("POST", "/x", idempotent=False)] * 16))
    assert [answer.status for answer in answers] == [200] * 16
    assert len(server.calls("/token")) == 2


def test_a_second_refusal_is_final(server: ScriptedServer, client: Client) -> None:
    """A new token that is refused as well means that the credentials are no good."""
    server.script("/x", Reply(401))
    with pytest.raises(AuthenticationError):
        client.send(Request("GET", "/x"))
    assert bearers(server) == ["t1", "t2"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_sent_once(server: ScriptedServer, client: Client, status: int) -> None:
    """However many threads ask, and ask again, a wrong secret knocks once and is never told."""
    body = {"error": "invalid_client", "error_description": f"{SECRET} is wrong"}
    server.script("/token", Reply(status, body))

    def send(_: int) -> DestinationError:
        with pytest.raises(AuthenticationError, match=r"invalid_client\. Check client_id and") as caught:
            client.send(Request("GET", "/x"))
        return caught.value

    with ThreadPoolExecutor(16) as pool:
        errors = list(pool.map(send, range(32)))
    assert len(server.seen) == 1
    assert all(SECRET not in str(error) for error in errors)


@pytest.mark.parametrize("wrong", [Reply(404, b"<html>"), Reply(405), Reply(302)], ids=repr)
def test_an_address_that_gives_no_tokens(server: ScriptedServer, client: Client, wrong: Reply) -> None:
    """It is asked once, and never taken for a refusal of what the token was wanted for."""
    server.script("/token", wrong)
    for _ in range(3):
        with pytest.raises(AuthenticationError, match=r"POST /token with \d+.*token_url"):
            client.send(Request("GET", "/x"))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "bad", [Reply(500), Reply(fault="reset"), Reply(200, {}), Reply(200, b"<html>")], ids=repr
)
def test_a_token_endpoint_that_stumbles(server: ScriptedServer, client: Client, bad: Reply) -> None:
    """A token is asked for again where the answer is of no use."""
    server.script("/token", bad, token("t1"))
    client.send(Request("GET", "/x"))
    assert bearers(server) == ["t1"]


def test_those_who_wait_for_a_token_share_its_failure(server: ScriptedServer, client: Client) -> None:
    """Sixteen threads do not knock in turn on a token endpoint that is down."""
    server.script("/token", Reply(503, headers={"Retry-After": "0.1"}))
    start = threading.Barrier(16)

    def send(_: int) -> None:
        start.wait()
        with pytest.raises(UnavailableError):
            client.send(Request("GET", "/x"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(16)))
    assert len(server.seen) == 4


def test_a_token_endpoint_that_is_down(server: ScriptedServer, client: Client) -> None:
    """It is tried as often as any request and no more; once it is back, so are we."""
    server.script("/token", *[Reply(503)] * 4, token("t1"))
    with pytest.raises(UnavailableError, match=r"POST /token with 503.*Tried 4 times"):
        client.send(Request("GET", "/x"))
    assert (len(server.calls("/token")), bearers(server)) == (4, [])
    assert client.send(Request("GET", "/x")).status == 200
