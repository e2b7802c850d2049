"""Selection of models, compared with ``dbt ls`` on a real project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dbt_activate.dbt.manifest import Manifest, Metadata, read_manifest
from dbt_activate.dbt.project import DbtProject, read_project
from dbt_activate.dbt.selection import Selection, select_models
from dbt_activate.dbt.selector import is_simple
from dbt_activate.errors import ConfigError

FILES = {
    "dbt_project.yml": """
name: shop
profile: shop
models: {shop: {marts: {+tags: [nightly], +meta: {owner: crm}}}}
snapshots: {shop: {+enabled: true}}
""",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}",
    "seeds/raw_people.csv": "id,email\n1,a@example.com\n",
    "models/staging/stg_people.sql": "select * from {{ ref('raw_people') }}",
    "models/staging/stg_orders.sql": "select * from {{ source('erp', 'orders') }}",
    "models/staging/schema.yml": """
sources: [{name: erp, schema: main, tables: [{name: orders, config: {tags: [erp]}}]}]
models:
  - name: stg_people
    config: {tags: [pii]}
    columns: [{name: id, data_tests: [not_null]}]
  - {name: stg_orders, config: {materialized: ephemeral}}
""",
    "models/marts/people.sql": "select * from {{ ref('stg_people') }}, {{ ref('stg_orders') }}",
    "models/marts/segments/vip_customers.sql": "select * from {{ ref('people') }}",
    "models/marts/segments/vip_lapsed.sql": "select * from {{ ref('people') }}",
    "models/marts/segments/tiers_v1.sql": "select * from {{ ref('people') }}",
    "models/marts/segments/tiers_v2.sql": "select * from {{ ref('tiers', v=1) }}",
    "models/marts/segments/segments.yml": """
models:
  - name: vip_customers
    config: {tags: [activation], materialized: table, meta: {activation: {destination: criteo}, live: true}}
  - name: vip_lapsed
    config:
      tags: [activation]
      meta: {activation: {destination: emarsys}, channels: [ads, mail], live: false}
  - name: tiers
    latest_version: 2
    versions: [{v: 1}, {v: 2, config: {tags: [newest]}}]
exposures:
  - {name: weekly_report, type: dashboard, owner: {name: x}, config: {tags: [report]},
     depends_on: [ref('vip_lapsed')]}
""",
    "snapshots/people_history.yml": """
snapshots:
  - name: people_history
    relation: ref('people')
    config: {strategy: check, unique_key: id, check_cols: all}
""",
}

SELECTORS = [
    "vip_customers",
    "vip_*",
    "*_people",
    "nobody",
    "tiers",
    "tiers.v1",
    "tiers_v2",
    "tiers.*",
    "shop.marts.segments",
    "marts.segments.vip_*",
    "marts",
    "fqn:shop.marts.*",
    "tag:activation",
    "tag:act*",
    "tag:pii+",
    "tag:erp+",
    "tag:report",
    "+tag:report",
    "path:models/marts",
    "models/marts/segments",
    "models/marts/segments/vip_lapsed.sql",
    "path:models/staging/schema.yml",
    "path:models/*/segments",
    "path:seeds",
    "vip_lapsed.sql",
    "file:stg_people",
    "package:shop",
    "package:this",
    "package:other",
    "config.materialized:table",
    "config.materialized:ephemeral+",
    "config.meta.activation.destination:criteo",
    "config.meta.activation:criteo",
    "config.meta.owner:crm",
    "config.meta.channels:ads",
    "config.meta.live:true",
    "config.meta.live:false",
    "config.tags:pii",
    "+vip_customers",
    "1+vip_customers",
    "2+vip_customers",
    "0+vip_customers",
    "people+0",
    "people+",
    "people+1",
    "raw_people+2",
    "1+people+1",
    "+not_null_stg_people_id",
    "+weekly_report",
    "vip_customers vip_lapsed",
    "tag:nightly,path:models/marts/segments",
    "tag:nightly,vip_* tag:pii",
    "people_history",
    "raw_people",
    "+people_history,tag:nightly",
]
EXCLUDES = [("tag:nightly", "tag:activation"), ("", "vip_* +people"), ("marts", "tag:newest,tiers")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A real project, not parsed yet."""
    root = tmp_path / "shop"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def read(root: Path) -> DbtProject:
    """Read the project."""
    return read_project(root, environment={"PATH": "", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"})


def test_picks_what_dbt_ls_picks(root: Path) -> None:
    """Every selector that is read from the manifest gives what dbt gives."""
    selections = [*((select, "") for select in SELECTORS), *EXCLUDES]
    script = Path(__file__).with_name("dbt_ls.py")
    asked = json.dumps([str(root), selections])
    subprocess.run([sys.executable, script], input=asked, text=True, check=True, capture_output=True)
    listed = json.loads((root / "listed.json").read_text())
    project = read(root)
    manifest = read_manifest(project)
    for (select, exclude), expected in zip(selections, listed, strict=True):
        chosen = Selection((select,) if select else (), (exclude,) if exclude else ())
        assert is_simple((*chosen.select, *chosen.exclude)), select
        assert sorted(select_models(manifest, project, chosen)) == expected, (select, exclude)


def test_asks_dbt_for_the_rest_and_leaves_no_file(root: Path, tmp_path: Path) -> None:
    """What only dbt knows is asked of dbt, with our flags; its artifacts are not written over."""
    project = read_project(
        root, target_path=tmp_path, environment={"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    )
    ids = ("source.shop.erp.orders", "model.shop.stg_orders", "model.shop.people", "model.shop.vip_customers")
    node = {"resource_type": "model"}
    manifest = Manifest("", Metadata(), dict.fromkeys(ids, node))
    selection = Selection(("source:erp+1",), ("tag:activation",), profiles_dir=str(root), target="dev")
    assert select_models(manifest, project, selection) == {"model.shop.stg_orders"}
    assert not (tmp_path / "manifest.json").exists()
    assert not (root / "logs").exists()


@pytest.mark.parametrize(
    "selector",
    [
        "state:modified",
        "@people",
        "source:erp",
        "exposure:x",
        "selector:x",
        "config.severity:warn",
        "path:/x",
    ],
)
def test_knows_what_it_does_not_know(selector: str) -> None:
    """Methods that need more than the manifest are left to dbt, also as part of something simple."""
    assert not is_simple([selector])
    assert not is_simple([f"people {selector}"])
    assert not is_simple([f"people,{selector}"])


def test_no_dbt_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dbt is needed and not installed, the error says what can be selected without it."""
    (tmp_path / "dbt_project.yml").write_text("name: shop")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match=r"no `dbt` on the PATH. Install dbt here, or select by names"):
        select_models(Manifest("", Metadata(), {}), read(tmp_path), Selection(("state:new",)))


def test_dbts_own_error_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dbt says about a selection that it refuses reaches the user."""
    (tmp_path / "dbt_project.yml").write_text("name: shop")
    dbt = tmp_path / "dbt"
    dbt.write_text("#!/bin/sh\necho 'Runtime Error: no such state'\nexit 2\n")
    dbt.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match=r"could not resolve the selection:\nRuntime Error: no such state"):
        select_models(Manifest("", Metadata(), {}), read(tmp_path), Selection(("state:new",)))
