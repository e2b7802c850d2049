"""Beside a real `dbt-activate sync`, the package says what happened."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from dbt_activate.cli import app
from dbt_activate.sandbox import Sandbox
from dbt_activate.state.tables import Tables
from tests.dbt_package.boutique import STATE_TABLES, Boutique
from tests.dbt_package.state import KEY

SNAPSHOT = f"shop_activate.{Tables.snapshot_table(KEY)}"

pytestmark = pytest.mark.parametrize("built", ["duckdb"], indirect=True)


@pytest.fixture(scope="module")
def synced(built: Boutique, tmp_path_factory: pytest.TempPathFactory) -> Boutique:
    """The boutique after two syncs, between which some left the segment, and another build."""
    boutique = built.copied_to(tmp_path_factory.mktemp("synced") / "boutique")
    boutique.execute("drop schema shop_activate cascade")
    with Sandbox(rate_limits=False) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            patch.delenv(name)
        patch.setenv("CRITEO_CLIENT_SECRET", "sandbox-secret")
        patch.setenv("CRITEO_BASE_URL", sandbox.url)
        patch.setenv("no_proxy", "127.0.0.1")
        patch.chdir(boutique.root)
        sync()
        boutique.execute("delete from shop.vip_customers where customer_id < 300")
        sync("--full-refresh")
    boutique.dbt("build", "--select", "package:dbt_activate", "vip_customers")
    return boutique


def sync(*flags: str) -> None:
    """Sync in this process, and expect that all goes well."""
    done = CliRunner().invoke(app, ["sync", "--select", "vip_customers", *flags])
    assert done.exit_code == 0, done.output


def test_the_sources_are_the_state_tables(synced: Boutique) -> None:
    """The sources have the columns and types of the tables that a sync makes."""
    columns = "select table_name, column_name, lower(data_type) from information_schema.columns"
    made: dict[str, dict[str, str]] = {}
    for table, column, data_type in synced.query(f"{columns} where table_schema = 'shop_activate'"):
        made.setdefault(table, {})[column] = data_type
    for table in STATE_TABLES:
        described = {column["name"]: column["data_type"] for column in table["columns"]}
        assert described == made[table["name"]], table["name"]


def test_the_history_leads_to_the_snapshot(synced: Boutique) -> None:
    """Who entered and did not leave is who is in the audience, and each moved once."""
    moved = "select identifier_type, identifier from shop.activation_membership_history where event = '{}'"
    entered, left = (synced.query(moved.format(event)) for event in ("entered", "left"))
    assert len(entered) == len(set(entered)) > len(left) == len(set(left)) > 0
    assert set(entered) - set(left) == set(
        synced.query(f"select identifier_type, identifier from {SNAPSHOT}")
    )


def test_the_tests_on_the_segment_pass(synced: Boutique) -> None:
    """All that the boutique asks of its audience holds."""
    asked = {name: status for name, status in synced.results().items() if name.startswith("dbt_activate_")}
    assert len(asked) == 4
    assert set(asked.values()) == {"pass"}


def test_runs_and_receipts_are_there(synced: Boutique) -> None:
    """The models show the two runs, and an answer to each delivery."""
    runs = "select status, full_refresh from shop.activation_runs order by started_at"
    assert synced.query(runs) == [("success", False), ("success", True)]
    sums = "select sum({}) from shop.{}"
    [(delivered,)] = synced.query(sums.format("members", "activation_receipts"))
    assert [(delivered,)] == synced.query(sums.format("added + removed", "activation_runs"))
    assert synced.query("select count(*) from shop.activation_rejections") == [(0,)]


@pytest.mark.slow
def test_the_runs_are_fresh(synced: Boutique) -> None:
    """`dbt source freshness` judges the last run."""
    synced.dbt("source", "freshness", "--select", "source:dbt_activate")
