"""Criteo's gateway in the sandbox: tokens, versions, permissions, rate limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from dbt_activate.sandbox import Client, Criteo, CriteoSettings, Sandbox

if TYPE_CHECKING:
    from conftest import CriteoClient


def error_of(response: requests.Response) -> tuple[int, str, str]:
    """Return the status, and the type and code of the one error."""
    [error] = response.json()["errors"]
    assert error["traceId"]
    assert error["instance"] in response.url
    return response.status_code, error["type"], error["code"]


def test_token_is_given_for_fifteen_minutes(criteo: CriteoClient) -> None:
    """Good credentials get a bearer token of 900 seconds, without a refresh token."""
    answer = criteo.ask_for_token().json()
    assert answer.pop("access_token")
    assert answer == {"token_type": "Bearer", "expires_in": 900, "refresh_token": None}


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_wrong_credentials_are_refused(
    criteo: CriteoClient, fields: dict[str, str], status: int, error: str
) -> None:
    """A wrong id, secret or grant gets OAuth's own kind of error."""
    answer = criteo.ask_for_token(**fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_token_request_must_be_a_form(sandbox: Sandbox) -> None:
    """Credentials sent as JSON are not read."""
    answer = requests.post(
        f"{sandbox.url}/oauth2/token", json={"grant_type": "client_credentials"}, timeout=10
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "authorization-token-missing"),
        ("Bearer nonsense", "authorization-token-invalid"),
        ("Basic c2FuZGJveDo=", "authorization-token-invalid"),
    ],
)
def test_request_without_good_token_is_refused(sandbox: Sandbox, header: str | None, code: str) -> None:
    """A missing and an unknown token each get their own code."""
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{sandbox.url}/2026-07/advertisers/me", headers=headers, timeout=10)
    assert error_of(answer) == (401, "authorization", code)


def test_token_ends(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A token whose time is over is refused as expired, and a new one is good."""
    sandbox.criteo.configure(token_life_seconds=0)
    criteo.sign_in()
    assert error_of(criteo.advertisers()) == (401, "authorization", "authorization-token-expired")
    sandbox.criteo.configure(token_life_seconds=900)
    criteo.sign_in()
    assert criteo.advertisers().status_code == 200


def test_tokens_live_side_by_side(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A new token does not end an older one; the order to expire ends all."""
    first = criteo.session.headers["Authorization"]
    criteo.sign_in()
    second = criteo.session.headers["Authorization"]
    statuses = []
    for token in (first, second):
        criteo.session.headers["Authorization"] = token
        statuses.append(criteo.advertisers().status_code)
    sandbox.expire_tokens()
    assert [*statuses, criteo.advertisers().status_code] == [200, 200, 401]


def test_advertisers_with_consent_are_listed(criteo: CriteoClient) -> None:
    """The default application reaches two advertisers."""
    answer = criteo.advertisers().json()
    assert answer["data"][0] == {
        "type": "advertiser",
        "id": "73550",
        "attributes": {"advertiserName": "Shop FR"},
    }
    assert [item["id"] for item in answer["data"]] == ["73550", "99001"]


@pytest.mark.parametrize(
    ("version", "status"),
    [
        *[("2026-01", 200), ("2026-07", 200), ("2027-01", 200)],
        *[("2025-10", 410), ("2023-01", 410), ("2026-04", 404), ("2031-07", 404)],
    ],
)
def test_versions(criteo: CriteoClient, version: str, status: int) -> None:
    """Current versions are served, past ones are gone, others never were."""
    criteo.version = version
    assert criteo.advertisers().status_code == status


def test_unknown_path_is_not_taken_for_unknown_audience(criteo: CriteoClient) -> None:
    """A path that the API lacks is a 404 of another code than a missing audience."""
    assert error_of(criteo.call("GET", "/5678/members")) == (404, "unknown", "not-found")


def test_body_must_be_json(criteo: CriteoClient) -> None:
    """Another media type is a 415, and JSON that is none a 400."""
    headers = {"Content-Type": "text/plain"}
    assert criteo.call("POST", "/search", headers=headers).status_code == 415
    headers = {"Content-Type": "application/json"}
    answer = criteo.call("POST", "/search", headers=headers)
    assert error_of(answer) == (400, "validation", "invalid")


def test_permissions_of_an_application() -> None:
    """An application that may only read searches, and cannot create."""
    reader = Client(secret="r", advertisers=("73550",), permissions=("read",))
    with (
        Sandbox(Criteo(CriteoSettings(clients={"reader": reader}))) as sandbox,
        requests.Session() as session,
    ):
        form = {"grant_type": "client_credentials", "client_id": "reader", "client_secret": "r"}
        token = session.post(f"{sandbox.url}/oauth2/token", data=form).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        url = f"{sandbox.url}/2026-07/marketing-solutions/audience-segments"
        assert session.post(f"{url}/search", json={"data": {"type": "AudienceSegment"}}).status_code == 200
        refused = session.post(f"{url}/create", json={"data": []})
        assert error_of(refused) == (403, "authorization", "insufficient-advertiser-permissions")


def test_rate_limit(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """The request beyond the limit is a 429; every answer says what is left, and until when."""
    sandbox.criteo.configure(rate_limit=2)
    answers = [criteo.advertisers() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"2"}
    assert time.time() < int(answers[0].headers["x-ratelimit-reset"]) <= time.time() + 61
    assert error_of(answers[2]) == (429, "quota", "rate-limit-exceeded")


def test_rate_limit_has_headers_on_errors(criteo: CriteoClient) -> None:
    """A refused request says what is left, too: by default, of 250 a minute."""
    answer = criteo.call("GET", "/1/contact-list/statistics")
    assert answer.status_code == 404
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("250", "249")


def test_rate_limit_window_ends(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Once the window is over, requests pass again."""
    sandbox.criteo.configure(rate_limit=1, rate_window_seconds=0.2)
    assert criteo.advertisers().status_code == 200
    deadline = time.monotonic() + 10
    while criteo.advertisers().status_code == 429:
        assert time.monotonic() < deadline
    assert len(sandbox.traffic.exchanges(operation="advertisers")) > 2


def test_rate_limit_lifted(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Without a limit there is nothing to count, and no header."""
    sandbox.criteo.configure(rate_limit=None)
    answers = [criteo.advertisers() for _ in range(300)]
    assert {answer.status_code for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[-1].headers


def test_paths_under_the_vendors_name(sandbox: Sandbox) -> None:
    """Criteo answers under its name as well as at the root."""
    answer = requests.get(f"{sandbox.url}/criteo/2026-07/advertisers/me", timeout=10)
    assert error_of(answer)[2] == "authorization-token-missing"
