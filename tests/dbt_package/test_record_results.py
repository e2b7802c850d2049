"""How dbt's invocations went stands in the state schema, for a sync on another machine."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import datetime

import pytest

from tests.dbt_package.boutique import KNOWS_CONFIG, SLOW_ON_POSTGRES, Boutique

_BROKEN = {
    "broken.sql": "select cast(email as date) as born_on from {{ ref('customers') }}",
    "child.sql": "select * from {{ ref('broken') }}",
    "nobody.sql": "select 'a' as email union all select 'a' union all select null",
    "schema.yml": """
version: 2
models:
  - name: nobody
    columns:
      - {name: email, data_tests: [not_null, {unique: {config: {error_if: ">9"}}}]}
""",
}


def utc(text: str) -> datetime:
    """Read a time of one of dbt's artifacts, as the state holds times."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def keep_one(boutique: Boutique, times: int = 1) -> None:
    """Let dbt keep the record of one invocation only, and record it so many times over."""
    project = boutique.root / "dbt_project.yml"
    hook = '  - "{{ dbt_activate.record_results(results) }}"\n'
    assert hook in project.read_text()
    project.write_text(
        project.read_text().replace(hook, hook.replace("results)", "results, keep=1)") * times)
    )


def test_what_stands_there_is_what_dbt_says(built: Boutique) -> None:
    """Each node of the first build stands there with dbt's status, count and time, and so does the build."""
    written = json.loads((built.root / "first" / "run_results.json").read_text())
    of_it = f"where invocation_id = '{written['metadata']['invocation_id']}'"
    wanted = {
        (one["unique_id"], one["status"], one["failures"], utc(one["timing"][-1]["completed_at"]))
        for one in written["results"]
        if not one["unique_id"].startswith("operation.")  # the hook itself
    }
    columns = "unique_id, status, failures, completed_at"
    assert set(built.query(f"select {columns} from shop_activate.dbt_results {of_it}")) == wanted
    columns = "project, target, command, dbt_version, results, generated_at"
    [row] = built.query(f"select {columns} from shop_activate.dbt_invocations {of_it}")
    assert row[:3] == ("boutique", built.target, "build")
    assert row[3:5] == (written["metadata"]["dbt_version"], len(wanted))
    assert max(at for *_, at in wanted) <= row[5] <= utc(written["metadata"]["generated_at"])


def test_a_test_says_what_it_tests(built: Boutique) -> None:
    """A gate needs to know whose test it was that failed."""
    where = "resource_type = 'test' and unique_id like '%valid_identifier_vip_customers%'"
    rows = built.query(f"select distinct depends_on from shop_activate.dbt_results where {where}")
    assert [json.loads(depends_on) for (depends_on,) in rows] == [["model.boutique.vip_customers"]]


@pytest.mark.parametrize("built", ["duckdb", SLOW_ON_POSTGRES], indirect=True)
def test_failures_are_recorded_without_what_the_database_quotes(boutique: Boutique) -> None:
    """A model that fails on a value is recorded with dbt's own words, once, and the oldest are forgotten."""
    keep_one(boutique, times=2)
    for name, text in _BROKEN.items():
        (boutique.root / "models" / name).write_text(text)
    boutique.dbt("build", "--select", "broken+", "nobody", succeeds=False)
    failed = boutique.results("message")["broken"]
    assert "Customer" in failed  # so the database did quote somebody's address
    found = boutique.query("select unique_id, status, failures, message from shop_activate.dbt_results")
    rows = {unique_id.split(".")[2]: facts for unique_id, *facts in found}
    assert rows["broken"] == ["error", None, failed.split("\n")[0]]
    assert rows["child"][:2] == ["skipped", None]
    assert rows["not_null_nobody_email"] == ["fail", 1, "Got 1 result, configured to fail if != 0"]
    assert rows["unique_nobody_email"] == ["warn", 1, "Got 1 result, configured to warn if != 0"]
    assert len(found) == len(rows)
    assert boutique.query("select results from shop_activate.dbt_invocations") == [(len(rows),)]


@pytest.mark.parametrize("built", ["duckdb", SLOW_ON_POSTGRES], indirect=True)
def test_each_project_and_target_keeps_its_own(boutique: Boutique) -> None:
    """Where several projects or targets share a state schema, none of them makes another's records go."""
    others = [
        ("x", "boutique", "other"),
        ("y", "another", boutique.target),
        ("z", "boutique", boutique.target),
    ]
    invocations = [(id_, *whose, "build", "1.8.0", utc("2024-01-01"), 1) for id_, *whose in others]
    boutique.fill("shop_activate.dbt_invocations", invocations)
    nodes = [(id_, "model.a.b", "model", "success", None, None, None, "[]") for id_, *_ in others]
    boutique.fill("shop_activate.dbt_results", nodes)
    keep_one(boutique)
    boutique.dbt("run", "--select", "customers")
    for table in ("dbt_invocations", "dbt_results"):
        kept = boutique.query(
            f"select invocation_id from shop_activate.{table} order by length(invocation_id)"
        )
        assert {id_ for (id_,) in kept[:2]} == {"x", "y"}
        assert len(kept) == 3


@pytest.mark.parametrize("built", ["postgres"], indirect=True)
def test_a_role_need_not_make_what_is_there(boutique: Boutique) -> None:
    """Where schema and tables are made, dbt's role needs no right but to write into the two tables."""
    role = f"role_{secrets.token_hex(8)}"
    boutique.execute(f"""
        create role {role} login;
        grant all on schema shop to {role};
        grant select on all tables in schema shop to {role};
        drop table shop.newsletter;
        grant usage on schema shop_activate to {role};
        grant select, insert, delete on shop_activate.dbt_invocations, shop_activate.dbt_results to {role}
    """)
    replace(boutique, user=role).dbt("run", "--select", "newsletter")
    commands = "select command from shop_activate.dbt_invocations order by generated_at desc"
    assert boutique.query(commands)[0] == ("run",)


@pytest.mark.slow
def test_thousands_of_results_are_recorded(boutique: Boutique) -> None:
    """A project with many nodes is recorded whole, though no statement may be as long as one likes."""
    tests = [{"accepted_values": {"name": f"test_{one}", "values": ["a"]}} for one in range(1203)]
    columns = [{"name": "born_on", "data_tests": tests}]
    models = {"version": 2, "models": [{"name": "broken", "columns": columns}]}
    (boutique.root / "models" / "broken.sql").write_text(_BROKEN["broken.sql"])
    (boutique.root / "models" / "broken.yml").write_text(json.dumps(models))
    boutique.dbt("build", "--select", "broken", succeeds=False)
    counted = "select status, count(*) from shop_activate.dbt_results where unique_id like '%{}%' group by 1"
    assert boutique.query(counted.format("test.boutique.test_")) == [("skipped", 1203)]
    assert boutique.query("select max(results) from shop_activate.dbt_invocations") == [(1204,)]


@pytest.mark.slow
@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_what_carries_nothing_out_is_not_recorded(boutique: Boutique) -> None:
    """`dbt compile` and others run the hook, too, and leave the records alone."""
    for command in (
        ["compile"],
        ["parse"],
        ["ls"],
        ["show", "--inline", "select 1 as one"],
        ["docs", "generate"],
    ):
        boutique.dbt(*command)
    assert boutique.query("select distinct command from shop_activate.dbt_invocations") == [("build",)]


@pytest.mark.slow
@pytest.mark.skipif(not KNOWS_CONFIG, reason="this dbt runs no hooks after it")
@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_freshness_is_recorded_by_its_source(boutique: Boutique) -> None:
    """What `dbt source freshness` finds is recorded as its own invocation."""
    boutique.dbt("source", "freshness")
    commands = "select command from shop_activate.dbt_invocations order by generated_at"
    assert boutique.query(commands) == [("build",), ("build",), ("freshness",)]
    sources = "select unique_id, depends_on from shop_activate.dbt_results where resource_type = 'source'"
    assert boutique.query(sources) == [("source.dbt_activate.dbt_activate.runs", "[]")]
