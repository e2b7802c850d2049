"""The sandbox's own pages under ``/_sandbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from dbt_activate.sandbox import Sandbox

if TYPE_CHECKING:
    from conftest import CriteoClient


@pytest.fixture
def admin(sandbox: Sandbox) -> Any:
    """Do a request to an admin page and return the answer."""

    def request(method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{sandbox.url}/_sandbox/{path}", json=body, timeout=10)

    return request


def test_audiences_of_all_vendors(admin: Any, criteo: CriteoClient) -> None:
    """Every audience is listed with its counts, and shown with its members in order."""
    criteo.create("lapsed", description="Gone quiet")
    criteo.amend("5678", "add", ["c@d.co", "a@b.co"])
    summary = {
        "vendor": "criteo",
        "account": "73550",
        "id": "5678",
        "name": "lapsed",
        "description": "Gone quiet",
        "counts": {"email": 2},
    }
    assert admin("GET", "audiences").json() == [summary]
    whole = admin("GET", "audiences/criteo/5678").json()
    assert whole == {**summary, "members": {"email": ["a@b.co", "c@d.co"]}}


def test_requests_are_recorded(sandbox: Sandbox, admin: Any, criteo: CriteoClient) -> None:
    """Each request to a vendor is on record, with what it asked for and how it was answered."""
    admin("DELETE", "requests")
    criteo.amend(sandbox.criteo.add_audience("a"), "add", ["a@b.co", "c@d.co"])
    [request] = admin("GET", "requests?vendor=criteo").json()
    assert (request["method"], request["status"]) == ("PATCH", 200)
    assert (request["operation"], request["count"]) == ("add", 2)
    assert request["path"] == "/2026-07/marketing-solutions/audience-segments/5678/contact-list"
    body = admin("GET", f"requests/{request['index']}").json()["body"]
    assert (len(body), "a@b.co" in body) == (request["size"], True)
    assert admin("GET", f"requests?since={request['index'] + 1}").json() == []


def test_secrets_are_not_recorded(admin: Any, criteo: CriteoClient) -> None:
    """The body of a request for a token is kept without the client's secret."""
    criteo.ask_for_token()
    body = admin("GET", "requests/0").json()["body"]
    assert "client_id=sandbox" in body
    assert "sandbox-secret" not in body


def test_requests_that_reach_no_vendor_are_recorded(sandbox: Sandbox, admin: Any) -> None:
    """A path that no vendor has is a 404 that says where vendors answer, and is on record."""
    answer = requests.get(f"{sandbox.url}/nowhere", timeout=10)
    assert (answer.status_code, "/criteo" in answer.json()["error"]) == (404, True)
    assert [request["vendor"] for request in admin("GET", "requests").json()] == [None]


def test_faults_by_order(admin: Any, criteo: CriteoClient) -> None:
    """Faults are ordered, listed with what became of them, and taken back."""
    assert admin("POST", "faults", {"effect": "error", "status": 503, "times": None}).status_code == 201
    assert criteo.advertisers().status_code == 503
    [order] = admin("GET", "faults").json()
    assert (order["status"], order["seen"], order["hit"]) == (503, 1, 1)
    admin("DELETE", "faults")
    assert criteo.advertisers().status_code == 200


def test_settings(sandbox: Sandbox, admin: Any, criteo: CriteoClient) -> None:
    """Knobs that are named turn, the others stay, and secrets are not shown."""
    change = {"latency_seconds": 0.01, "criteo": {"rate_limit": None}}
    settings = admin("PATCH", "settings", change).json()
    assert (settings["latency_seconds"], settings["criteo"]["rate_limit"]) == (0.01, None)
    assert settings["criteo"]["token_life_seconds"] == 900
    assert "sandbox-secret" not in str(settings)
    assert "x-ratelimit-limit" not in criteo.advertisers().headers
    assert criteo.ask_for_token().status_code == 200


def test_applications_can_be_set(admin: Any, criteo: CriteoClient) -> None:
    """Applications and advertisers are settings, too."""
    clients = {"other": {"secret": "s", "advertisers": ["1"], "permissions": ["read"]}}
    change = {"criteo": {"advertisers": {"1": "Shop"}, "clients": clients}}
    assert admin("PATCH", "settings", change).status_code == 200
    criteo.sign_in(client_id="other", client_secret="s")
    assert criteo.advertisers().json()["data"][0]["attributes"] == {"advertiserName": "Shop"}


def test_audiences_behind_the_users_back(sandbox: Sandbox, admin: Any) -> None:
    """Somebody else can make an audience, change its members, and delete it."""
    wanted = {"name": "theirs", "members": {"email": ["x@y.co"]}, "read_only": True}
    made = admin("POST", "audiences/criteo", wanted).json()
    path = f"audiences/criteo/{made['id']}"
    change = {"add": {"email": ["a@b.co"]}, "remove": {"email": ["x@y.co"]}}
    assert admin("POST", f"{path}/members", change).json()["members"] == {"email": ["a@b.co"]}
    assert sandbox.criteo.audience(made["id"]).read_only
    assert admin("DELETE", path).status_code == 204
    assert admin("GET", path).status_code == 404


def test_expire_tokens(admin: Any, criteo: CriteoClient) -> None:
    """All tokens end at once, on order."""
    assert admin("DELETE", "tokens").status_code == 204
    assert criteo.advertisers().status_code == 401


def test_reset(sandbox: Sandbox, admin: Any, criteo: CriteoClient) -> None:
    """A reset goes back to the start, settings included."""
    criteo.create("a")
    admin("POST", "faults", {"effect": "reset", "times": None})
    admin("PATCH", "settings", {"latency_seconds": 0.01, "criteo": {"rate_limit": 1}})
    assert admin("POST", "reset").status_code == 204
    assert (sandbox.criteo.audiences(), sandbox.faults.orders(), sandbox.traffic.exchanges()) == ([], [], [])
    assert (sandbox.criteo.settings.rate_limit, sandbox.latency_seconds) == (250, 0.0)
    assert criteo.advertisers().status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "nothing", None, 404, "GET /_sandbox/audiences"),
        ("GET", "audiences/criteo/1", None, 404, "no audience '1'"),
        ("POST", "audiences/nobody", {"name": "a"}, 404, "no vendor 'nobody'"),
        ("GET", "requests/99", None, 404, "No request 99"),
        ("GET", "requests?since=x", None, 400, "'x'"),
        ("POST", "faults", {"effect": "explode"}, 400, "effect"),
        ("PATCH", "settings", {"criteo": {"rate_limits": 1}}, 400, "rate_limits"),
        ("PATCH", "settings", {"criteo": 5}, 400, "criteo"),
        ("PATCH", "settings", {"nobody": {}}, 404, "no vendor 'nobody'"),
        ("PATCH", "settings", None, 400, "JSON"),
    ],
)
def test_mistakes_are_explained(
    admin: Any, method: str, path: str, body: Any, status: int, message: str
) -> None:
    """What cannot be done is refused with a message that names it."""
    answer = admin(method, path, body)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text


def test_page_for_people(sandbox: Sandbox) -> None:
    """The page lists the audiences, with names written so that they cannot be markup."""
    sandbox.criteo.add_audience("<b>VIP</b>", members={"email": ["a@b.co"]})
    answer = requests.get(sandbox.url, timeout=10)
    assert answer.headers["content-type"].startswith("text/html")
    assert "&lt;b&gt;VIP&lt;/b&gt;" in answer.text
    assert "1 email" in answer.text
    assert "a@b.co" not in answer.text
