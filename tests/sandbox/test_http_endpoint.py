"""The sandbox's HTTP endpoint: an ordinary JSON API of member lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.http import HttpEndpoint

TOKEN = {"Authorization": "Bearer sandbox-token"}


class Api:
    """The API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """Make one request with the token."""
        return self.session.request(method, self.url + path, json=body, **({"headers": TOKEN} | more))


@pytest.fixture
def tool() -> HttpEndpoint:
    """The endpoint, seen from inside."""
    return HttpEndpoint()


@pytest.fixture
def sandbox(tool: HttpEndpoint) -> Iterator[Sandbox]:
    """A sandbox with the endpoint."""
    with Sandbox(tool) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """The API, with a list in it."""
    with requests.Session() as session:
        yield Api(session, f"{sandbox.url}/http")


def test_lists_are_made_found_changed_and_deleted(api: Api, tool: HttpEndpoint) -> None:
    """Names are unique, and a list is shown with its size."""
    made = api("POST", "/lists", {"name": "VIP", "description": "Rich"})
    shown = {"id": "list-1", "name": "VIP", "description": "Rich", "size": 0}
    assert (made.status_code, made.json()) == (201, {"ok": True, "list": shown})
    assert api("POST", "/lists", {"name": "VIP"}).json()["error"]["code"] == "name_taken"
    assert api("GET", "/lists").json() == {"ok": True, "lists": [shown], "next_cursor": None}
    tool.add_audience("Other")
    assert api("PATCH", "/lists/list-1", {"name": "Other"}).status_code == 409
    assert api("PATCH", "/lists/list-1", {"name": "VIPs"}).json()["list"]["name"] == "VIPs"
    assert api("GET", "/lists/list-1").json()["list"]["description"] is None
    assert api("DELETE", "/lists/list-1").status_code == 200
    assert api("GET", "/lists/list-1").json()["error"]["code"] == "no_such_list"


def test_members_go_in_and_out(api: Api, tool: HttpEndpoint) -> None:
    """Together or one by one, by type, and idempotently."""
    number = tool.add_audience("VIP", members={"email": ["stranger"]})
    for _ in range(2):
        assert (
            api("POST", f"/lists/{number}/members", {"type": "email", "members": ["a", "b"]}).json()["added"]
            == 2
        )
        assert api("PUT", f"/lists/{number}/members/email/c%40x").status_code == 200
        assert api("DELETE", f"/lists/{number}/members/email/b").status_code == 204
        assert api("POST", f"/lists/{number}/members/remove", {"type": "email", "members": ["a"]}).ok
    assert tool.members(number) == {"email": {"stranger", "c@x"}}
    assert api("GET", f"/lists/{number}/members?type=email").json()["members"] == ["c@x", "stranger"]
    assert api("DELETE", f"/lists/{number}/members").ok
    assert tool.members(number) == {}


def test_unknown_people(api: Api, tool: HttpEndpoint) -> None:
    """They are named beside a success, or the whole request is refused; alone, it is a 422."""
    number, body = tool.add_audience("VIP"), {"type": "email", "members": ["a", "b"]}
    tool.configure(known={"a"})
    answer = api("POST", f"/lists/{number}/members", body).json()
    assert (answer["added"], [each["member"] for each in answer["rejected"]]) == (1, ["b"])
    tool.configure(unknown_members="refused")
    tool.audience(number).clear()
    assert api("POST", f"/lists/{number}/members", body).status_code == 422
    assert api("PUT", f"/lists/{number}/members/email/b").status_code == 422
    assert tool.members(number) == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("POST", "/lists", {"name": " "}, 400),
        ("POST", "/lists", ["x"], 400),
        ("POST", "/lists/list-1/members", {"type": "email"}, 400),
        ("POST", "/lists/list-1/members", {"type": "email", "members": [1]}, 400),
        ("POST", "/lists/list-1/members", {"type": "email", "members": ["a", "b", "c"]}, 413),
        ("POST", "/lists/list-2/members", {"type": "email", "members": ["a"]}, 403),
        ("POST", "/lists/list-3/members", {"type": "email", "members": ["a"]}, 404),
        ("GET", "/lists?cursor=x", None, 400),
    ],
)
def test_what_is_refused(
    api: Api, tool: HttpEndpoint, method: str, path: str, body: Any, status: int
) -> None:
    """Each with its status, and the same shape of answer."""
    tool.configure(max_members=2)
    tool.add_audience("VIP")
    tool.add_audience("Fixed", read_only=True)
    answer = api(method, path, body)
    assert (answer.status_code, answer.json()["ok"]) == (status, False)


def test_tokens(api: Api, sandbox: Sandbox) -> None:
    """A fixed token, or one that was fetched and lasts for a while."""
    assert api("GET", "/account", headers={}).status_code == 401
    assert api("GET", "/account", headers={"Authorization": "Basic sandbox-token"}).status_code == 401
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
    token = api("POST", "/oauth/token", data=form).json()["access_token"]
    header = {"headers": {"Authorization": f"Bearer {token}"}}
    assert api("GET", "/account", **header).ok
    sandbox.expire_tokens()
    assert api("GET", "/account", **header).status_code == 401
    assert api("POST", "/oauth/token", data=form | {"client_secret": "x"}).status_code == 401
    assert api("POST", "/oauth/token", data={}).status_code == 400


def test_the_rate_limit(api: Api, tool: HttpEndpoint) -> None:
    """One request too many is told how long to wait."""
    tool.configure(rate_limit=1)
    assert api("GET", "/account").ok
    answer = api("GET", "/account")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61


def test_faults_have_the_shape_of_the_api(api: Api, sandbox: Sandbox) -> None:
    """Also inside a success; and requests go by names."""
    for status, code in ((500, "internal"), (200, "internal"), (429, "rate_limited")):
        sandbox.faults.add(Fault(effect="error", status=status, operation="check"))
        answer = api("GET", "/account")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    api("PUT", "/lists/list-1/members/email/a")
    api("POST", "/lists/list-1/members/remove", {"members": ["a", "b"]})
    deeds = [(each.operation, each.count) for each in sandbox.traffic.exchanges(vendor="http")]
    assert deeds[-2:] == [("add", 1), ("remove", 2)]
