"""Servers that take messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alerts.post_office import Letterbox, mail_server, web_server


@pytest.fixture
def web() -> Iterator[Letterbox]:
    """A web server."""
    with web_server() as box:
        yield box


@pytest.fixture
def mail() -> Iterator[Letterbox]:
    """A mail server."""
    with mail_server() as box:
        yield box
