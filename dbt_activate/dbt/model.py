"""A model, seed or snapshot as the manifest has it.

dbt v2 leaves out keys that dbt v1 sets to null, so every key may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]
"""A resource as dbt wrote it."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What dbt holds a model's relation to: it has these columns, of these types, and no others.

    Attributes:
        types: The type of each column, as it was written.
        not_null: The columns that hold no null.
    """

    types: Mapping[str, str]
    not_null: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Model:
    """A model, seed or snapshot.

    Attributes:
        unique_id: dbt's id: ``model.shop.vip_customers``.
        resource_type: ``model``, ``seed`` or ``snapshot``.
        package: The package it stands in.
        name: Its name, which the versions of a model share.
        version: Its version, or None.
        alias: The relation's own name.
        database: The relation's database, or None.
        schema: The relation's schema.
        relation_name: The relation, quoted and ready to use; an empty text for an ephemeral model.
        description: Its description, rendered.
        tags: Its tags.
        fqn: Package, folders and name.
        path: The file where its properties stand, else its own; relative to its package.
        materialized: How dbt makes it.
        language: ``sql`` or ``python``; an empty text for a seed.
        columns: The columns that are documented, with the ``meta`` of each.
        meta: Its ``meta``.
        config: All of its configuration.
        depends_on: The ids of its parents.
        contract: Its contract; None where dbt enforces none.
        private_to: The group outside of which nothing may depend on it; an empty text if it is not private.
    """

    unique_id: str
    resource_type: str
    package: str
    name: str
    version: str | None
    alias: str
    database: str | None
    schema: str
    relation_name: str
    description: str
    tags: tuple[str, ...]
    fqn: tuple[str, ...]
    path: str
    materialized: str
    language: str
    columns: Mapping[str, Mapping[str, Any]] = field(repr=False)
    meta: Mapping[str, Any] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    depends_on: tuple[str, ...] = field(repr=False)
    contract: Contract | None = field(repr=False, default=None)
    private_to: str = ""

    @property
    def versioned_name(self) -> str:
        """Its name, with ``_v2`` if it has versions: unique within its package."""
        return self.name if self.version is None else f"{self.name}_v{self.version}"


def node_meta(node: Node) -> Mapping[str, Any]:
    """Return a node's ``config.meta``, completed by the ``meta`` that stands beside ``config``."""
    return {**(node.get("meta") or {}), **_config_meta(node)}


def is_old_meta(node: Node, key: str) -> bool:
    """Tell whether a key stands only in the ``meta`` beside ``config``, which dbt has deprecated."""
    return key in (node.get("meta") or {}) and key not in _config_meta(node)


def read_model(unique_id: str, node: Node) -> Model:
    """Make a model, seed or snapshot of what dbt wrote."""
    config = node.get("config") or {}
    version = node.get("version")
    return Model(
        unique_id=unique_id,
        resource_type=node["resource_type"],
        package=node.get("package_name") or "",
        name=node.get("name") or "",
        version=None if version is None else str(version),
        alias=node.get("alias") or node.get("name") or "",
        database=node.get("database"),
        schema=node.get("schema") or "",
        relation_name=node.get("relation_name") or "",
        description=node.get("description") or "",
        tags=tuple(node.get("tags") or ()),
        fqn=tuple(node.get("fqn") or ()),
        path=_path(node),
        materialized=config.get("materialized") or "",
        language=node.get("language") or "",
        columns=_column_meta(node),
        meta=node_meta(node),
        config=config,
        depends_on=parents_of(node),
        contract=_contract(node),
        private_to=(node.get("group") or "") if node.get("access") == "private" else "",
    )


def _column_meta(node: Node) -> Mapping[str, Mapping[str, Any]]:
    """Return the ``meta`` of each column. One that has none is given its model's by dbt v2: not its own."""
    of_model = node_meta(node)
    own = {name: node_meta(column) for name, column in (node.get("columns") or {}).items()}
    return {name: {} if meta == of_model else meta for name, meta in own.items()}


def _contract(node: Node) -> Contract | None:
    said = (node.get("config") or {}).get("contract") or node.get("contract") or {}
    if not said.get("enforced"):
        return None
    columns: Mapping[str, Node] = node.get("columns") or {}
    keys = (one for one in node.get("constraints") or () if one.get("type") == "primary_key")
    not_null = {name for key in keys for name in key.get("columns") or ()}
    not_null |= {name for name, column in columns.items() if _is_required(column)}
    types = {name: column.get("data_type") or "" for name, column in columns.items()}
    return Contract(types, frozenset(not_null))


def _is_required(column: Node) -> bool:
    return any(one.get("type") in ("not_null", "primary_key") for one in column.get("constraints") or ())


def _config_meta(node: Node) -> Mapping[str, Any]:
    return (node.get("config") or {}).get("meta") or {}


def _path(node: Node) -> str:
    patch = node.get("patch_path") or ""
    return patch.partition("://")[2] or patch or node.get("original_file_path") or ""


def parents_of(node: Node) -> tuple[str, ...]:
    """Return the ids on which a resource depends."""
    return tuple((node.get("depends_on") or {}).get("nodes") or ())
