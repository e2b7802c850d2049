"""Whether the manifest was written for the target that is about to be used.

A manifest does not name its target, but its models name their database and schema. A manifest of dev
together with ``--target prod`` would send the wrong people, so it is refused, where that can be told for
certain; a project may compute names as it likes, and then less can be told:

- A model's database is the target's, unless its config names another or the project overrides
  ``generate_database_name``.
- A model's schema is the target's, with ``_`` and the schema that its config names, if it does.
- Where the project overrides ``generate_schema_name``, only models without a schema of their own are
  looked at, and only if all of them in the project stand in one schema: that one is the target's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbt_activate.errors import ArtifactError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Model
    from dbt_activate.warehouse import Target

_DATABASE_KEYS = ("database", "dbname", "project", "catalog")
_SCHEMA_KEYS = ("schema", "dataset")


def check_same_target(manifest: Manifest, models: Iterable[Model], target: Target) -> None:
    """Refuse a manifest that was written for another target.

    Args:
        manifest: The manifest.
        models: The models that are about to be read.
        target: The target that is about to be used.

    Raises:
        ArtifactError: A model stands elsewhere than this target puts it.
    """
    checked = [model for model in models if model.resource_type == "model"]
    problem = _wrong_adapter(manifest, target)
    problem = problem or _wrong_database(manifest, checked, target)
    problem = problem or _wrong_schema(manifest, checked, target)
    if problem:
        hint = f"Run `dbt build --target {target.name}`, or use the target that dbt built last."
        raise ArtifactError([Problem(manifest.label, "", "", problem, hint)])


def _wrong_adapter(manifest: Manifest, target: Target) -> str | None:
    written_for = manifest.metadata.adapter_type
    if not written_for or written_for == target.type:
        return None
    return f"was written for {written_for}, and target {target.name} is {target.type}."


def _wrong_database(manifest: Manifest, models: Iterable[Model], target: Target) -> str | None:
    expected = _database(target)
    if expected is None or _is_overridden(manifest, "generate_database_name"):
        return None
    for model in models:
        if not model.config.get("database") and not _is_same(model.database or expected, expected):
            return _elsewhere(model, "database", model.database, expected, target)
    return None


def _wrong_schema(manifest: Manifest, models: Iterable[Model], target: Target) -> str | None:
    base = _schema(target)
    if base is None:
        return None
    if _is_overridden(manifest, "generate_schema_name"):
        return _wrong_base_schema(manifest, base, target)
    for model in models:
        own = str(model.config.get("schema") or "").strip()
        expected = f"{base}_{own}" if own else base
        if not _is_same(model.schema, expected):
            return _elsewhere(model, "schema", model.schema, expected, target)
    return None


def _wrong_base_schema(manifest: Manifest, base: str, target: Target) -> str | None:
    plain = [
        model
        for model in manifest.models()
        if model.resource_type == "model" and not model.config.get("schema")
    ]
    schemas = {model.schema.casefold() for model in plain}
    if len(schemas) != 1 or base.casefold() in schemas:
        return None
    return _elsewhere(plain[0], "schema", plain[0].schema, base, target)


def _is_overridden(manifest: Manifest, macro: str) -> bool:
    return any(name == macro or name.endswith(f"__{macro}") for name in manifest.overridden_macros)


def _database(target: Target) -> str | None:
    named = next((str(target.output[key]) for key in _DATABASE_KEYS if target.output.get(key)), None)
    if named or target.type != "duckdb":
        return named
    path = str(target.output.get("path") or ":memory:")
    if path == ":memory:":
        return "memory"
    # MotherDuck, DuckLake and remote files have names of their own; dbt-duckdb alone knows them.
    is_remote = re.match(r"\w{2,}:", path)
    return None if is_remote else _duckdb_catalog(path)


def _duckdb_catalog(path: str) -> str | None:
    # DuckDB names a database after its file, up to the first dot.
    return re.split(r"[\\/]", path)[-1].lstrip(".").split(".")[0] or None


def _schema(target: Target) -> str | None:
    named = next((str(target.output[key]) for key in _SCHEMA_KEYS if target.output.get(key)), None)
    return named or ("main" if target.type == "duckdb" else None)


def _is_same(one: str, other: str) -> bool:
    # Snowflake and others fold the case of names that are not quoted.
    return one.casefold() == other.casefold()


def _elsewhere(model: Model, what: str, found: str | None, expected: str, target: Target) -> str:
    return (
        f"was written for another target: {model.versioned_name} is in {what} {found!r} there, and in "
        f"{expected!r} with target {target.name}."
    )
