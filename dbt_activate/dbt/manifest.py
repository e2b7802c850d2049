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

from dbt_activate.dbt.model import Model, Node, node_meta, parents_of, read_model
from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.problems import place

if TYPE_CHECKING:
    from dbt_activate.dbt.project import DbtProject

SCHEMAS = frozenset({10, 11, 12, 20})
"""The manifest's schema versions that are read: dbt 1.6 to 1.12 and v2 write v10 to v12. Previews of v2
called v20 what is v12: https://github.com/dbt-labs/dbt-fusion/issues/462
"""

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
        return read_model(unique_id, self.resources[unique_id])

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
        return {id_: parents_of(node) for id_, node in self.resources.items()}

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
        ArtifactError: There is none, it is broken, of another project, or of a schema version that is not
            known.
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
    manifest = _manifest(content, label)
    _check_project(manifest, project)
    return manifest


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
    if found and int(found[1]) in SCHEMAS:
        return
    writer = f"dbt {metadata['dbt_version']}" if metadata.get("dbt_version") else "an unknown dbt"
    version = f"schema v{found[1]}" if found else "an unknown schema"
    raise _artifact_error(
        label,
        f"was written by {writer} in {version}; dbt-activate reads v10 to v12.",
        "Build with dbt 1.6 or later, or look for a newer dbt-activate.",
    )


def _check_project(manifest: Manifest, project: DbtProject) -> None:
    written_for = manifest.metadata.project_name
    if written_for and written_for != project.name:
        raise _artifact_error(
            manifest.label,
            f"is of the project {written_for!r}, and this is {project.name!r}.",
            "Run `dbt build` here, or point --target-path to where dbt wrote the files of this project.",
        )


def _overridden_macros(content: Mapping[str, Any], adapter_type: str) -> frozenset[str]:
    own = ("dbt", f"dbt_{adapter_type}")
    macros = (content.get("macros") or {}).values()
    return frozenset(
        macro["name"] for macro in macros if macro.get("package_name") not in own and macro.get("name")
    )


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _artifact_error(label: str, message: str, hint: str = "") -> ArtifactError:
    return ArtifactError([Problem(label, "", "", message, hint)])
