"""The example project, built by dbt itself at both dates of the demo."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "dbt_project_example"
PROBE = Path(__file__).parent / "example" / "deprecations.py"
SUNDAY, NEXT_SUNDAY = "1997-03-16", "1997-03-23"
SEGMENTS = ("big_spenders", "lapsed_customers", "new_customers", "second_purchase", "win_back")


def run(*command: str | Path, **variables: str) -> str:
    """Run a command without what the shell may have set for dbt, and return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    done = subprocess.run(command, check=True, env=kept | variables, stdout=subprocess.PIPE, text=True)
    return done.stdout


def build(folder: Path, today: str) -> None:
    """Let dbt build and test the example as of a day, and write nothing into the project."""
    dbt = Path(sys.executable).with_name("dbt")
    inputs = ("--project-dir", EXAMPLE, "--profiles-dir", EXAMPLE, "--vars", f"{{today: {today}}}")
    outputs = ("--target-path", folder, "--log-path", folder)
    run(dbt, "build", *inputs, *outputs, SHOP_DUCKDB=str(folder / "shop.duckdb"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with one build of the example for each day, made once for all workers of pytest-xdist."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "shop.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for today in (SUNDAY, NEXT_SUNDAY):
            if not (folder / today / "run_results.json").exists():
                build(folder / today, today)
    return folder


def query(shop: Path, today: str, sql: str) -> set[object]:
    """Return the first column of a query on the shop, as of a day."""
    with duckdb.connect(str(shop / today / "shop.duckdb"), read_only=True) as connection:
        return {row[0] for row in connection.sql(sql).fetchall()}


def warnings_of(project: Path, target_path: Path) -> set[str]:
    """Return the names of the warnings that dbt gives when it parses a project strictly."""
    output = run(sys.executable, PROBE, project, target_path)
    return {json.loads(line)["name"] for line in output.splitlines()}


@pytest.mark.parametrize("today", [SUNDAY, NEXT_SUNDAY])
def test_everything_is_built_and_passes_its_tests(shop: Path, today: str) -> None:
    """Every seed, model and test succeeds, without one warning."""
    results = json.loads((shop / today / "run_results.json").read_text())["results"]
    assert {result["status"] for result in results} == {"success", "pass"}
    assert "[WARNING]" not in (shop / today / "dbt.log").read_text()


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("column", ["email", "mobile_ad_id"])
def test_members_enter_and_leave_every_segment(shop: Path, segment: str, column: str) -> None:
    """Within a week some customers stay in a segment, some enter it, and some leave it."""
    people = f"dev.{segment} join dev.customers using (customer_id)"
    sql = f"select customers.{column} from {people} where customers.{column} is not null"
    before, after = query(shop, SUNDAY, sql), query(shop, NEXT_SUNDAY, sql)
    assert before & after
    assert after - before
    assert before - after


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_readme_counts_right(shop: Path, segment: str) -> None:
    """The table in the example's README holds what the models hold."""
    before, after = (
        query(shop, today, f"select email from dev.{segment}") for today in (SUNDAY, NEXT_SUNDAY)
    )
    counts = (len(before), len(after), len(after - before), len(before - after))
    row = " | ".join(f"{count:,}" for count in counts)
    assert re.search(rf"`{segment}` .* \| {row} \|", (EXAMPLE / "README.md").read_text())


@pytest.mark.parametrize("today", [SUNDAY, NEXT_SUNDAY])
def test_the_shop_does_not_know_the_future(shop: Path, today: str) -> None:
    """Only orders on or before the day count, and all of them do."""
    counted = query(shop, today, "select sum(orders) from dev.customers")
    ordered = (
        f"select count(distinct (customer_id, ordered_on)) from dev.raw_orders where ordered_on <= '{today}'"
    )
    assert counted == query(shop, today, ordered)


def test_every_segment_says_how_it_is_activated(shop: Path) -> None:
    """What stands in the model and what stands in dbt_project.yml both reach the manifest."""
    nodes = json.loads((shop / SUNDAY / "manifest.json").read_text())["nodes"].values()
    activated = [node for node in nodes if "activation" in node["config"]["meta"]]
    assert sorted(node["name"] for node in activated) == list(SEGMENTS)
    for node in activated:
        assert node["tags"] == ["activation"]
        assert node["description"]
        assert node["config"]["meta"]["activation_defaults"]["destination"] == "criteo"


def test_parses_without_a_deprecation(tmp_path: Path) -> None:
    """With dbt's schema checks on, the example gives no warning."""
    assert warnings_of(EXAMPLE, tmp_path) == set()


@pytest.mark.skipif(
    tuple(map(int, version("dbt-core").split(".")[:2])) < (1, 10), reason="dbt has such checks since 1.10"
)
def test_the_deprecation_check_bites(tmp_path: Path) -> None:
    """An activation outside of `config.meta` is seen by the check."""
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("target", "logs"))
    segments = project / "models" / "segments" / "segments.yml"
    segments.write_text(
        segments.read_text().replace("      meta:\n        activation: true", "      activation: true")
    )
    assert "CustomKeyInConfigDeprecation" in warnings_of(project, tmp_path)
