"""``target/manifest.json``: what dbt knows of the project, read as plain JSON.

The keys that are read here are the same in the schema versions that are accepted. dbt v2 leaves out keys
that dbt v1 sets to null, so every key may be missing. Nothing is made of a node until it is asked for.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.problems import place

if TYPE_CHECKING:
    from dbt_activate.dbt.project import DbtProject

OLDEST_SCHEMA, NEWEST_SCHEMA = 10, 12
"""The manifest's schema versions that are read: dbt 1.6 to 1.12, and the v2 releases that write v12."""

ACTIVATABLE = frozenset({"model", "seed", "snapshot"})
"""The resource types that are a relation made by dbt."""

_SECTIONS = (
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
    "functions",
)

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who wrote the manifest, and when. What dbt left out is an empty text or None.

    Attributes:
        dbt_version: The version of dbt.
        adapter_type: The kind of warehouse it was written for: ``duckdb``.
        invocation_id: The same as in ``run_results.json``, if one run wrote both.
        project_name: The root project.
        generated_at: When it was written, in UTC.
    """

    dbt_version: str = ""
    adapter_type: str = ""
    invocation_id: str = ""
    project_name: str = ""
    generated_at: datetime | None = None


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

    @property
    def versioned_name(self) -> str:
        """Its name, with ``_v2`` if it has versions: unique within its package."""
        return self.name if self.version is None else f"{self.name}_v{self.version}"


@dataclass(frozen=True)  # without slots: the graph is made once, on first use
class Manifest:
    """A manifest.

    Attributes:
        label: What to call its file in messages.
        metadata: Who wrote it, and when.
        resources: Everything that can be selected, as dbt wrote it, by unique id.
        overridden_macros: The names of macros that the project or its packages define.
    """

    label: str
    metadata: Metadata
    resources: Mapping[str, Node] = field(repr=False)
    overridden_macros: frozenset[str] = field(repr=False, default=frozenset())

    def model(self, unique_id: str) -> Model:
        """Return a model, seed or snapshot by its id.

        Raises:
            KeyError: There is none of that id.
        """
        return _model(unique_id, self.resources[unique_id])

    def models(self) -> Iterator[Model]:
        """Yield all models, seeds and snapshots, ordered by id."""
        return map(self.model, self.ids())

    def ids(self) -> list[str]:
        """List the ids of all models, seeds and snapshots, in order."""
        return sorted(id_ for id_, node in self.resources.items() if node.get("resource_type") in ACTIVATABLE)

    def with_meta(self, key: str) -> list[str]:
        """List the ids of the models, seeds and snapshots whose ``meta`` has a key, in order."""
        return [id_ for id_ in self.ids() if key in node_meta(self.resources[id_])]

    @cached_property
    def parents(self) -> Mapping[str, tuple[str, ...]]:
        """The ids on which each resource depends."""
        return {id_: _depends_on(node) for id_, node in self.resources.items()}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The ids that depend on each resource."""
        found: dict[str, list[str]] = defaultdict(list)
        for child, parents in self.parents.items():
            for parent in parents:
                found[parent].append(child)
        return {parent: tuple(children) for parent, children in found.items()}


def read_manifest(project: DbtProject) -> Manifest:
    """Read the manifest that dbt wrote last.

    Raises:
        ArtifactError: There is none, it is broken, or it is of a schema version that is not known.
    """
    path = project.target_path / "manifest.json"
    label = place(path, project.root)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise _artifact_error(label, "is not there.", "Run `dbt build` first.") from None
    except OSError as error:
        raise _artifact_error(label, f"cannot be read: {error.strerror}.") from None
    except ValueError:
        raise _artifact_error(
            label, "is cut off or is not JSON.", "Run `dbt build` again: dbt was stopped while writing it?"
        ) from None
    if not isinstance(content, dict):
        raise _artifact_error(label, "is not a manifest.", "Run `dbt build` again.")
    return _manifest(content, label)


def node_meta(node: Node) -> Mapping[str, Any]:
    """Return a node's ``config.meta``, completed by the ``meta`` that stands beside ``config``."""
    return {**(node.get("meta") or {}), **_config_meta(node)}


def is_old_meta(node: Node, key: str) -> bool:
    """Tell whether a key stands only in the ``meta`` beside ``config``, which dbt has deprecated."""
    return key in (node.get("meta") or {}) and key not in _config_meta(node)


def _manifest(content: Mapping[str, Any], label: str) -> Manifest:
    metadata = content.get("metadata") or {}
    _check_schema(metadata, label)
    return Manifest(
        label=label,
        metadata=Metadata(
            dbt_version=metadata.get("dbt_version") or "",
            adapter_type=metadata.get("adapter_type") or "",
            invocation_id=metadata.get("invocation_id") or "",
            project_name=metadata.get("project_name") or "",
            generated_at=_time(metadata.get("generated_at")),
        ),
        resources={id_: node for section in _SECTIONS for id_, node in (content.get(section) or {}).items()},
        overridden_macros=_overridden_macros(content, metadata.get("adapter_type") or ""),
    )


def _check_schema(metadata: Mapping[str, Any], label: str) -> None:
    schema = str(metadata.get("dbt_schema_version") or "")
    found = re.search(r"/manifest/v(\d+)(?:\.json)?$", schema)
    if found and OLDEST_SCHEMA <= int(found[1]) <= NEWEST_SCHEMA:
        return
    writer = f"dbt {metadata['dbt_version']}" if metadata.get("dbt_version") else "an unknown dbt"
    version = f"schema v{found[1]}" if found else "an unknown schema"
    raise _artifact_error(
        label,
        f"was written by {writer} in {version}; dbt-activate reads v{OLDEST_SCHEMA} to v{NEWEST_SCHEMA}.",
        "Build with dbt 1.6 or later, or look for a newer dbt-activate.",
    )


def _overridden_macros(content: Mapping[str, Any], adapter_type: str) -> frozenset[str]:
    own = ("dbt", f"dbt_{adapter_type}")
    macros = (content.get("macros") or {}).values()
    return frozenset(
        macro["name"] for macro in macros if macro.get("package_name") not in own and macro.get("name")
    )


def _model(unique_id: str, node: Node) -> Model:
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
        columns={name: node_meta(column) for name, column in (node.get("columns") or {}).items()},
        meta=node_meta(node),
        config=config,
        depends_on=_depends_on(node),
    )


def _config_meta(node: Node) -> Mapping[str, Any]:
    return (node.get("config") or {}).get("meta") or {}


def _path(node: Node) -> str:
    patch = node.get("patch_path") or ""
    return patch.partition("://")[2] or patch or node.get("original_file_path") or ""


def _depends_on(node: Node) -> tuple[str, ...]:
    return tuple((node.get("depends_on") or {}).get("nodes") or ())


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _artifact_error(label: str, message: str, hint: str = "") -> ArtifactError:
    return ArtifactError([Problem(label, "", "", message, hint)])
