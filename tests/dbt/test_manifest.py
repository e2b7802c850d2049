"""Reading ``target/manifest.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dbt_activate.dbt.manifest import Manifest, read_manifest
from dbt_activate.dbt.model import Contract
from dbt_activate.dbt.project import read_project
from dbt_activate.errors import ArtifactError

SCHEMA = "https://schemas.getdbt.com/dbt/manifest/v12.json"

VIP = {
    "resource_type": "model",
    "package_name": "shop",
    "name": "vip",
    "alias": "vip_table",
    "database": "shop",
    "schema": "main",
    "relation_name": '"shop"."main"."vip_table"',
    "description": "Big spenders",
    "tags": ["activation"],
    "fqn": ["shop", "marts", "vip"],
    "patch_path": "shop://models/schema.yml",
    "original_file_path": "models/vip.sql",
    "language": "sql",
    "columns": {
        "email": {"config": {"meta": {"kind": "pii"}}},
        "id": {"meta": {"kind": "key"}},
    },
    "config": {"materialized": "table", "meta": {"activation": "criteo"}},
    "depends_on": {"nodes": ["model.shop.people"]},
    "a key of tomorrow": 1,
}


def manifest_of(folder: Path, **sections: Any) -> Manifest:
    """Write a manifest and read it."""
    metadata = {"dbt_schema_version": SCHEMA, "dbt_version": "1.11.0", "adapter_type": "duckdb"}
    text = json.dumps({"metadata": {**metadata, **sections.pop("metadata", {})}, **sections})
    return manifest_of_text(folder, text)


def manifest_of_text(folder: Path, text: str | bytes) -> Manifest:
    """Write a file as the manifest and read it."""
    (folder / "dbt_project.yml").write_text("name: shop")
    (folder / "target").mkdir(exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    (folder / "target" / "manifest.json").write_bytes(data)
    return read_manifest(read_project(folder, environment={}))


def test_reads_a_model(tmp_path: Path) -> None:
    """Everything that an activation needs to know of its model is there; unknown keys do no harm."""
    vip = manifest_of(tmp_path, nodes={"model.shop.vip": VIP}).model("model.shop.vip")
    assert (vip.relation_name, vip.path) == ('"shop"."main"."vip_table"', "models/schema.yml")
    assert (vip.materialized, vip.tags, vip.meta) == ("table", ("activation",), {"activation": "criteo"})
    assert vip.columns == {"email": {"kind": "pii"}, "id": {"kind": "key"}}
    assert vip.depends_on == ("model.shop.people",)


def test_every_key_may_be_missing(tmp_path: Path) -> None:
    """A manifest of dbt v2 leaves out what dbt v1 sets to null."""
    model = manifest_of(tmp_path, nodes={"model.shop.x": {"resource_type": "model"}}).model("model.shop.x")
    assert (model.relation_name, model.version, model.columns, model.meta) == ("", None, {}, {})


# What dbt v2 writes: no key that would be null, but `config.meta`; and a column without a `meta` of its own
# is given the model's (https://github.com/dbt-labs/dbt-fusion, crates/dbt-schemas).
OF_V2 = {
    "resource_type": "model",
    "package_name": "shop",
    "name": "vip",
    "alias": "vip",
    "database": "shop",
    "schema": "main",
    "relation_name": '"shop"."main"."vip"',
    "fqn": ["shop", "vip"],
    "original_file_path": "models/vip.sql",
    "patch_path": "models/schema.yml",
    "contract": {"enforced": True, "alias_types": True},
    "columns": {
        "email": {
            "name": "email",
            "data_type": "text",
            "constraints": [{"type": "not_null"}],
            "config": {"meta": {"pii": True}},
            "meta": {"pii": True},
        },
        "segment": {"name": "segment", "config": {}, "meta": {"activation": "criteo", "pii": True}},
    },
    "config": {"materialized": "table", "meta": {"activation": "criteo", "pii": True}},
}


def test_reads_a_model_of_dbt_v2(tmp_path: Path) -> None:
    """What it leaves out does no harm, and a column is not taken for what its model says of itself."""
    seed = {"resource_type": "seed", "name": "people", "config": {"meta": None}}
    nodes = {"model.shop.vip": OF_V2, "seed.shop.people": seed}
    manifest = manifest_of(tmp_path, metadata={"dbt_version": "2.0.1"}, nodes=nodes)
    vip, people = (manifest.model(id_) for id_ in nodes)
    assert (vip.path, vip.description, vip.depends_on, people.meta) == ("models/schema.yml", "", (), {})
    assert vip.columns == {"email": {"pii": True}, "segment": {}}
    assert vip.contract == Contract({"email": "text", "segment": ""}, frozenset({"email"}))


@pytest.mark.parametrize(
    ("keys", "contract"),
    [
        ({}, None),
        ({"config": {"contract": {"enforced": False}}}, None),
        ({"config": {"contract": {"enforced": True}}}, Contract({"id": "", "email": ""})),
        (
            {
                "config": {"contract": {"enforced": True}},
                "columns": {"id": {"data_type": "int", "constraints": [{"type": "not_null"}]}},
            },
            Contract({"id": "int"}, frozenset({"id"})),
        ),
        (
            {
                "config": {"contract": {"enforced": True}},
                "constraints": [{"type": "primary_key", "columns": ["id"]}, {"type": "check"}],
            },
            Contract({"id": "", "email": ""}, frozenset({"id"})),
        ),
    ],
)
def test_reads_a_contract(tmp_path: Path, keys: dict[str, Any], contract: Contract | None) -> None:
    """Only one that dbt enforces says what the columns are, and which of them hold no null."""
    node = {"resource_type": "model", "columns": {"id": {}, "email": {}}} | keys
    assert manifest_of(tmp_path, nodes={"model.shop.x": node}).model("model.shop.x").contract == contract


def test_a_manifest_of_another_project_is_refused(tmp_path: Path) -> None:
    """Both projects are named; the files of one are never held for the other's."""
    with pytest.raises(ArtifactError, match=r"is of the project 'crm', and this is 'shop'. .* --target-path"):
        manifest_of(tmp_path, metadata={"project_name": "crm"})


def test_a_model_without_properties_is_placed_in_its_own_file(tmp_path: Path) -> None:
    """Where no YAML file describes a model, its own file is the one to open."""
    node = {**VIP, "patch_path": None}
    assert (
        manifest_of(tmp_path, nodes={"model.shop.vip": node}).model("model.shop.vip").path == "models/vip.sql"
    )


def test_versions_have_names_of_their_own(tmp_path: Path) -> None:
    """The versions of a model, which share a name, can be told apart."""
    node = {**VIP, "version": 2}
    assert manifest_of(tmp_path, nodes={"m": node}).model("m").versioned_name == "vip_v2"


def test_lists_models_seeds_and_snapshots(tmp_path: Path) -> None:
    """What is a relation made by dbt can be activated; tests, sources and disabled nodes cannot."""
    kinds = ("model", "seed", "snapshot", "test", "analysis")
    nodes = {f"{kind}.shop.x": {"resource_type": kind, "meta": {"activation": True}} for kind in kinds}
    sources = {"source.shop.x.y": {"resource_type": "source", "meta": {"activation": True}}}
    manifest = manifest_of(tmp_path, nodes=nodes, sources=sources, disabled={"model.shop.z": [VIP]})
    assert manifest.with_meta("activation") == ["model.shop.x", "seed.shop.x", "snapshot.shop.x"]


def test_knows_who_wrote_it(tmp_path: Path) -> None:
    """The version of dbt, the invocation and the time are kept."""
    written = {"invocation_id": "abc", "generated_at": "2026-11-21T23:46:41.740775Z", "project_name": "shop"}
    metadata = manifest_of(tmp_path, metadata=written).metadata
    assert (metadata.dbt_version, metadata.adapter_type) == ("1.11.0", "duckdb")
    assert (metadata.invocation_id, metadata.project_name) == ("abc", "shop")
    assert metadata.generated_at is not None
    assert metadata.generated_at.isoformat() == "2026-11-21T23:46:41.740775+00:00"


@pytest.mark.parametrize("version", ["v10", "v11", "v12", "v20"])
def test_reads_the_schemas_that_have_the_same_keys(tmp_path: Path, version: str) -> None:
    """Manifests of dbt 1.6 and later are read; v20 is what previews of dbt v2 called v12."""
    assert manifest_of(tmp_path, metadata={"dbt_schema_version": SCHEMA.replace("v12", version)}).ids() == []


@pytest.mark.parametrize("schema", [SCHEMA.replace("v12", "v9"), SCHEMA.replace("v12", "v21"), "", None])
def test_another_schema_is_a_clear_error(tmp_path: Path, schema: str | None) -> None:
    """A schema that is not known is refused, and its writer is named."""
    with pytest.raises(
        ArtifactError, match=r"manifest\.json: was written by dbt 1\.11\.0 in .* reads v10 to v12"
    ):
        manifest_of(tmp_path, metadata={"dbt_schema_version": schema})


@pytest.mark.parametrize("text", ["", '{"metadata": {"dbt_sch', b"\xff\xfe\x00", "[]"])
def test_a_broken_file_is_a_clear_error(tmp_path: Path, text: str | bytes) -> None:
    """A manifest that was cut off is no traceback."""
    with pytest.raises(ArtifactError, match=r"^target/manifest\.json: .* Run `dbt build` again"):
        manifest_of_text(tmp_path, text)


def test_no_manifest_says_what_to_run(tmp_path: Path) -> None:
    """A project that was never built is told to be built."""
    (tmp_path / "dbt_project.yml").write_text("name: shop")
    with pytest.raises(ArtifactError) as caught:
        read_manifest(read_project(tmp_path, environment={}))
    assert str(caught.value) == "target/manifest.json: is not there. Run `dbt build` first."
