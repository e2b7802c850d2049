"""What all orchestrators need: time, and `uv` to install them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.orchestrators.workshop import Workshop
from tests.shop import BIN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))  # they are large, if they are not in uv's cache


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Where to install an orchestrator."""
    if not shutil.which("uv", path=BIN):
        pytest.skip("orchestrators are installed with uv")
    home = tmp_path / "workshop"
    home.mkdir()
    return Workshop(home)
