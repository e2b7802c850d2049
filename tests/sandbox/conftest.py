"""A running sandbox, and a client that has a token for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from dbt_activate.sandbox import Sandbox

CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "sandbox",
    "client_secret": "sandbox-secret",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox on a port of its own."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def criteo(sandbox: Sandbox) -> Iterator[CriteoClient]:
    """A client of the sandbox's default application, with a token."""
    with requests.Session() as session:
        client = CriteoClient(session, sandbox.url)
        client.sign_in()
        yield client


@pytest.fixture
def outcome() -> Callable[[Callable[[], requests.Response]], str]:
    """Do a request and say in a word how it ended: its status, or the kind of failure."""

    def say(request: Callable[[], requests.Response]) -> str:
        try:
            return str(request().status_code)
        except requests.exceptions.RequestException as error:
            return type(error).__name__

    return say


@pytest.fixture
def unchanged_logging() -> Iterator[None]:
    """Let urllib3 log afterwards as it did before: Criteo's own client sets its level for everybody."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    yield
    logger.setLevel(level)


class CriteoClient:
    """Criteo's API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url
        self.version = "2026-07"

    def ask_for_token(self, **fields: str) -> requests.Response:
        """Ask for a token, with the default credentials but for the given fields."""
        return self.session.post(f"{self.url}/oauth2/token", data={**CREDENTIALS, **fields})

    def sign_in(self, **fields: str) -> None:
        """Get a token and use it from now on."""
        token = self.ask_for_token(**fields).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def advertisers(self) -> requests.Response:
        """List the advertisers."""
        return self.session.get(f"{self.url}/{self.version}/advertisers/me")

    def call(self, method: str, path: str, data: Any = None, **more: Any) -> requests.Response:
        """Do a request on segments; `data` is what goes under ``data``."""
        url = f"{self.url}/{self.version}/marketing-solutions/audience-segments{path}"
        return self.session.request(method, url, json=None if data is None else {"data": data}, **more)

    def create(self, *names: str, advertiser: str = "73550", **attributes: Any) -> requests.Response:
        """Create contact lists of these names."""
        fixed = {"advertiserId": advertiser, "contactList": {}, **attributes}
        items = [{"type": "AudienceSegment", "attributes": {**fixed, "name": name}} for name in names]
        return self.call("POST", "/create", items)

    def search(self, query: str = "", **filters: Any) -> requests.Response:
        """Search segments; `query` is the query string, with its question mark."""
        return self.call("POST", f"/search{query}", {"type": "AudienceSegment", "attributes": filters})

    def amend(
        self, segment_id: str, operation: str, identifiers: list[str], kind: str = "email", **more: Any
    ) -> requests.Response:
        """Add or remove identifiers."""
        attributes = {"operation": operation, "identifierType": kind, "identifiers": identifiers, **more}
        data = {"type": "ContactlistAmendment", "attributes": attributes}
        return self.call("PATCH", f"/{segment_id}/contact-list", data)
