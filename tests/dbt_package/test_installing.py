"""The package installs into any project, builds before the first sync, and warns of nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.dbt_package.boutique import (
    PACKAGE,
    PROJECT,
    SLOW_ON_POSTGRES,
    Boutique,
    copy_project,
    new_database,
)
from tests.docs.pages import ROOT, read_blocks
from tests.shop import without_dbt_variables
from tests.test_example import PROBE

PAGE = ROOT / "docs" / "dbt-package.md"
GIT_URL = "https://github.com/<organization>/dbt-activate.git"
MODELS = yaml.safe_load((PACKAGE / "models" / "models.yml").read_text())["models"]


def test_builds_before_the_first_sync(built: Boutique) -> None:
    """With no state at all, everything is built and every test passes, without one warning."""
    results = json.loads((built.root / "first" / "run_results.json").read_text())["results"]
    output = (built.root / "first" / "output.txt").read_text()
    assert {result["status"] for result in results} == {"success", "pass"}
    for of_dbt in ("0 warnings", "This version of dbt is deprecated"):
        output = output.replace(of_dbt, "")
    assert not re.search("warning|deprecat", output, re.IGNORECASE)
    assert "activation_succeeded_vip_customers_48 passes: nothing was synced from this target yet" in output


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model["name"]))
def test_a_model_has_its_columns_with_and_without_state(built: Boutique, model: dict[str, Any]) -> None:
    """Before the first sync a model is empty; its columns are those that are described, and stay so."""
    described = [column["name"] for column in model["columns"]]
    shown = (
        "select column_name from information_schema.columns where table_schema = 'shop' and table_name = '{}'"
    )
    found = built.query(shown.format(model["name"]) + " order by ordinal_position")
    assert [name for (name,) in found] == described
    if built.target == "duckdb":
        cursor = duckdb.execute(built.compiled(model["name"], "first"))
        assert [column[0] for column in cursor.description or ()] == described
        assert cursor.fetchall() == []


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_parses_without_a_deprecation(built: Boutique, tmp_path: Path) -> None:
    """With dbt's schema checks on, neither the package nor a project that uses it gives a warning."""
    probe = [sys.executable, *map(str, (PROBE, built.root, tmp_path))]
    environment = without_dbt_variables() | built.environment
    done = subprocess.run(probe, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("built", ["duckdb", SLOW_ON_POSTGRES], indirect=True)
def test_the_state_schema_is_that_of_dbt_activate(boutique: Boutique) -> None:
    """Where the project sets another schema, models and records follow it, as dbt-activate itself does."""
    with (boutique.root / "dbt_project.yml").open() as file:
        project = yaml.safe_load(file)
    project["vars"]["dbt_activate"] = {"schema": "audiences"}
    (boutique.root / "dbt_project.yml").write_text(yaml.safe_dump(project))
    boutique.execute(
        "create schema audiences; create table audiences.runs as select * from shop_activate.runs"
    )
    boutique.dbt("run", "--select", "activation_runs")
    assert '"audiences"."runs"' in boutique.compiled("activation_runs")
    assert boutique.query("select command, results from audiences.dbt_invocations") == [("run", 1)]


@pytest.mark.slow
def test_an_empty_build_works(boutique: Boutique) -> None:
    """With `--empty`, for which dbt puts subqueries in the place of relations, all is built and tested."""
    boutique.execute("delete from shop_activate.dbt_invocations")
    boutique.dbt("build", "--empty")
    results = boutique.results()
    assert {*results.values()} == {"success", "pass"}
    assert boutique.query("select count(*) from shop.vip_customers") == [(0,)]
    recorded = [name for name in results if "on-run-end" not in name]  # but the hook itself
    invocations = boutique.query("select command, results from shop_activate.dbt_invocations")
    assert invocations == [("build --empty", len(recorded))]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_installs_from_git_as_the_page_says(
    target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From a repository that has the package in a folder, dbt installs it, and the project builds."""
    repository, project = tmp_path / "dbt-activate", tmp_path / "project"
    shutil.copytree(PACKAGE, repository / "macros")
    copy_project(project)
    packages = next(block.text for block in read_blocks(PAGE) if block.file == "packages.yml")
    (project / "packages.yml").write_text(packages.replace(GIT_URL, repository.as_uri()))
    revision = yaml.safe_load(packages)["packages"][0]["revision"]
    commit = "git init -q && git add . && git -c user.name=a -c user.email=a@shop.test commit -qm package"
    subprocess.run(f"{commit} && git tag {revision}", cwd=repository, check=True, shell=True)  # noqa: S602  (our own words)
    host = request.getfixturevalue("postgres") if target == "postgres" else ""
    boutique = Boutique(project, target, host, database="from_git")
    if host:
        new_database(host, boutique.database)
    boutique.dbt("deps")
    boutique.dbt("build")
    assert boutique.query("select count(*) from shop.activation_runs") == [(0,)]


def test_the_page_shows_the_boutique() -> None:
    """All SQL and YAML of the page is in the files that are built here."""
    for block in read_blocks(PAGE):
        if block.language in {"sql", "yaml"} and block.file != "packages.yml":
            shown = block.text.partition("\n")[2].strip()
            assert shown in (PROJECT / str(block.file)).read_text(), block.file


def test_every_macro_and_model_is_described() -> None:
    """What a project can use is in the documentation that dbt makes."""
    described = {
        macro["name"] for macro in yaml.safe_load((PACKAGE / "macros" / "macros.yml").read_text())["macros"]
    }
    tests = {f"test_{path.stem}" for path in (PACKAGE / "macros" / "tests").glob("*.sql")}
    public = {"normalize_identifier", "is_valid_identifier", "hash_identifier", "sha256"}
    assert described == tests | public | {"holdout", "segment", "matches", "record_results"}
    assert {path.stem for path in (PACKAGE / "models").glob("*.sql")} == {model["name"] for model in MODELS}
