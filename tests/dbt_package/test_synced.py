"""Beside a real `dbt-activate sync`, the package says what happened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from dbt_activate.cli import app
from dbt_activate.sandbox import Sandbox
from dbt_activate.state.tables import Tables
from tests.dbt_package.boutique import KNOWS_CONFIG, STATE_TABLES, Boutique
from tests.dbt_package.state import KEY

SNAPSHOT = f"shop_activate.{Tables.snapshot_table(KEY)}"

NO_SOURCES = {
    "leases": "says who is at work at this moment, and nothing of the past",
    "webhook_runs": "is the queue of the receiver of dbt Cloud's messages, and knows no audience",
}
"""The state tables that the sources leave out, and why."""

pytestmark = pytest.mark.parametrize("built", ["duckdb"], indirect=True)


@pytest.fixture(scope="module")
def synced(built: Boutique, tmp_path_factory: pytest.TempPathFactory) -> Boutique:
    """The boutique after two syncs, between which some left the segment, and another build."""
    boutique = built.copied_to(tmp_path_factory.mktemp("synced") / "boutique")
    boutique.execute("drop schema shop_activate cascade")
    with beside_a_sandbox(boutique):
        sync()
        boutique.execute("delete from shop.vip_customers where customer_id < 300")
        sync("--full-refresh")
    boutique.dbt("build", "--select", "package:dbt_activate", "vip_customers")
    return boutique


@contextmanager
def beside_a_sandbox(boutique: Boutique) -> Iterator[None]:
    """Let the boutique activate into a sandbox, and be the working directory."""
    with Sandbox(rate_limits=False) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            patch.delenv(name)
        patch.setenv("CRITEO_CLIENT_SECRET", "sandbox-secret")
        patch.setenv("CRITEO_BASE_URL", sandbox.url)
        patch.setenv("no_proxy", "127.0.0.1")
        patch.chdir(boutique.root)
        yield


def sync(*flags: str) -> str:
    """Sync in this process, expect that nothing goes wrong, and return what it says."""
    done = CliRunner().invoke(app, ["sync", "--select", "vip_customers", *flags])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_sources_are_the_state_tables(synced: Boutique) -> None:
    """The sources have the tables that a sync makes, but for those left out, and their columns and types."""
    columns = "select table_name, column_name, lower(data_type) from information_schema.columns"
    made: dict[str, dict[str, str]] = {}
    for table, column, data_type in synced.query(f"{columns} where table_schema = 'shop_activate'"):
        made.setdefault(table, {})[column] = data_type.replace("float", "real")  # one type, two names
    described = {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
        for table in STATE_TABLES
    }
    snapshots = {name for name in made if name.startswith("snapshot_")}
    assert made.keys() - snapshots == described.keys() | NO_SOURCES.keys()
    assert described == {name: made[name] for name in described}


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


def test_a_sync_elsewhere_knows_what_failed(boutique: Boutique) -> None:
    """With the manifest alone, and none of dbt's results, a segment is held until its tests pass."""
    boutique.execute("drop schema shop_activate cascade")
    model = boutique.root / "models" / "customers.sql"
    sound = model.read_text()
    model.write_text(sound.replace("@Shop.Example", "@Shop"))
    boutique.dbt("build", "--select", "customers+", succeeds=False)
    (boutique.root / "target" / "run_results.json").unlink()
    with beside_a_sandbox(boutique):
        assert "its test dbt_activate_valid_identifier_vip_customers_email__email failed" in sync()
        model.write_text(sound)
        boutique.dbt("build", "--select", "customers+")
        (boutique.root / "target" / "run_results.json").unlink()
        assert "START sync criteo.vip_customers" in sync()
    assert boutique.query(f"select count(*) > 0 from {SNAPSHOT}") == [(True,)]


@pytest.mark.parametrize("flag", ["--empty", "--sample=3 days"])
def test_a_sync_elsewhere_knows_what_is_not_whole(boutique: Boutique, flag: str) -> None:
    """That dbt built a part of the rows is recorded, too, so that nobody is removed for it."""
    if flag.partition("=")[0] not in boutique.dbt("build", "--help"):
        pytest.skip("this dbt has no such flag")
    boutique.execute("drop schema shop_activate cascade")
    boutique.dbt("build", "--select", "customers+", flag)
    (boutique.root / "target" / "run_results.json").unlink()
    with beside_a_sandbox(boutique):
        assert f"its model was built with {flag.partition('=')[0]}" in sync()


@pytest.mark.slow
@pytest.mark.skipif(not KNOWS_CONFIG, reason="this dbt asks for another spelling")
def test_the_runs_are_fresh(synced: Boutique) -> None:
    """`dbt source freshness` judges the last run."""
    synced.dbt("source", "freshness", "--select", "source:dbt_activate")
    results = json.loads((synced.root / "target" / "sources.json").read_text())["results"]
    assert {one["unique_id"]: one["status"] for one in results} == {
        "source.dbt_activate.dbt_activate.runs": "pass"
    }
