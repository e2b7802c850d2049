"""``list --destinations``: what is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dbt_activate.cli import app
from dbt_activate.destinations import destination_types
from tests.cli.test_inspect import imported_by


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no project."""
    monkeypatch.chdir(tmp_path)


def test_installed_destinations_are_listed() -> None:
    """Each with its label, what can be mapped, and its package; no project is needed."""
    rows = json.loads(CliRunner().invoke(app, "list --destinations --output json").stdout)
    assert [row["type"] for row in rows] == [*destination_types()]
    (criteo,) = (row for row in rows if row["type"] == "criteo")
    assert criteo["destination"] == "Criteo"
    assert "email" in criteo["identifiers"]
    assert criteo["package"].startswith("dbt-activate ")


def test_only_names() -> None:
    """For scripts, one type a line."""
    assert CliRunner().invoke(app, "ls --destinations --output name").stdout.split() == [*destination_types()]


def test_it_is_quick() -> None:
    """No HTTP library is waited for, though every destination is loaded."""
    assert (
        imported_by("list", "--destinations") & {"dbt", "polars", "duckdb", "requests", "starlette"} == set()
    )
