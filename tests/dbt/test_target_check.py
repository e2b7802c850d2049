"""A manifest of one target is not used with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbt_activate.dbt.manifest import Manifest, Metadata
from dbt_activate.dbt.target_check import check_same_target
from dbt_activate.errors import ArtifactError
from dbt_activate.warehouse import Target


def check(
    output: dict[str, Any], *nodes: dict[str, Any], kind: str = "duckdb", macros: frozenset[str] = frozenset()
) -> None:
    """Check a manifest of some models, written for DuckDB's main schema of ``shop`` if not said otherwise."""
    defaults = {"resource_type": "model", "name": "vip", "database": "shop", "schema": "main"}
    resources = {f"model.shop.m{index}": {**defaults, **node} for index, node in enumerate(nodes)}
    manifest = Manifest("target/manifest.json", Metadata(adapter_type=kind), resources, macros)
    target = Target("shop", "prod", kind, output, Path())
    check_same_target(manifest, list(manifest.models()), target)


SCHEMA_MACRO = frozenset({"generate_schema_name"})

FITTING: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "DuckDB file": ({"path": "/data/shop.duckdb"}, {}, {}),
    "DuckDB file with two dots": ({"path": "shop.db.duckdb"}, {}, {}),
    "DuckDB in memory": ({}, {"database": "memory"}, {}),
    "MotherDuck cannot be told": ({"path": "md:other?token=x"}, {}, {}),
    "own schema": ({"path": "shop.duckdb"}, {"schema": "main_seg", "config": {"schema": "seg"}}, {}),
    "own database": ({"path": "shop.duckdb"}, {"database": "x", "config": {"database": "x"}}, {}),
    "case is folded": ({"database": "SHOP", "schema": "MAIN"}, {}, {"kind": "snowflake"}),
    "Postgres": ({"dbname": "shop", "schema": "main"}, {}, {"kind": "postgres"}),
    "BigQuery": ({"project": "shop", "dataset": "main"}, {}, {"kind": "bigquery"}),
    "nothing known": ({}, {"database": None}, {"kind": "spark"}),
    "own schema macro": (
        {"path": "shop.duckdb"},
        {"schema": "seg", "config": {"schema": "seg"}},
        {"macros": SCHEMA_MACRO},
    ),
    "own database macro": (
        {"path": "prod.duckdb"},
        {},
        {"macros": frozenset({"duckdb__generate_database_name"})},
    ),
}


@pytest.mark.parametrize("case", FITTING)
def test_a_fitting_manifest_passes(case: str) -> None:
    """No project is refused for the names that it gives its schemas."""
    output, node, more = FITTING[case]
    check(output, node, **more)


@pytest.mark.parametrize(
    ("output", "node", "kind", "macros", "message"),
    [
        (
            {"path": "prod.duckdb"},
            {},
            "duckdb",
            frozenset(),
            "vip is in database 'shop' there, and in 'prod'",
        ),
        (
            {"path": "shop.duckdb", "schema": "p"},
            {},
            "duckdb",
            frozenset(),
            "in schema 'main' there, and in 'p'",
        ),
        (
            {"path": "shop.duckdb", "schema": "p"},
            {},
            "duckdb",
            SCHEMA_MACRO,
            "in schema 'main' there, and in 'p'",
        ),
        (
            {"dbname": "shop", "schema": "p"},
            {"schema": "main_seg", "config": {"schema": "seg"}},
            "postgres",
            frozenset(),
            "in schema 'main_seg' there, and in 'p_seg'",
        ),
    ],
)
def test_a_manifest_of_another_target_is_refused(
    output: dict[str, Any], node: dict[str, Any], kind: str, macros: frozenset[str], message: str
) -> None:
    """A database or schema that the target does not have is told, with what to run."""
    with pytest.raises(ArtifactError) as caught:
        check(output, node, kind=kind, macros=macros)
    assert message in str(caught.value)
    assert "Run `dbt build --target prod`" in str(caught.value)


def test_schemas_by_folder_are_left_alone() -> None:
    """Where a project's own macro spreads its models over schemas, nothing can be told."""
    check({"path": "shop.duckdb"}, {"schema": "sales"}, {"schema": "crm"}, macros=SCHEMA_MACRO)


def test_another_warehouse_is_refused() -> None:
    """A manifest for DuckDB is not used on Postgres."""
    manifest = Manifest("target/manifest.json", Metadata(adapter_type="duckdb"), {})
    with pytest.raises(ArtifactError, match="was written for duckdb, and target prod is postgres"):
        check_same_target(manifest, [], Target("shop", "prod", "postgres", {}, Path()))
