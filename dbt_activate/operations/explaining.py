"""Explain where settings come from, and compare them with those of an earlier manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_activate.config.comparison import ChangeKind, compare
from dbt_activate.config.destinations_file import DESTINATIONS_FILE, read_destinations
from dbt_activate.config.explanation import by_key, explain
from dbt_activate.config.meta_places import MetaPlaces
from dbt_activate.dbt.manifest import read_manifest
from dbt_activate.problems import place
from dbt_activate.reporting.events import Event, Level
from dbt_activate.reporting.explanation_listing import ExplanationListing

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from dbt_activate.config.activation import Activation
    from dbt_activate.config.comparison import Change
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.reporting.events import Emit


def explain_activations(workspace: Workspace, activations: Collection[Activation]) -> ExplanationListing:
    """Explain the settings of activations: each final value, and where it comes from."""
    places = MetaPlaces(workspace.project)
    found = by_key(explain(workspace.manifest, workspace.destinations, places))
    return ExplanationListing(tuple(found[one.key] for one in activations))


def changes_since(workspace: Workspace, folder: str | Path, emit: Emit) -> tuple[Change, ...] | None:
    """Say what changed in the activations since an earlier manifest, and tell of it.

    Their destinations are those of the ``destinations.yml`` beside that manifest, if it was kept there, else
    those of today.

    Args:
        workspace: The project as it is.
        folder: Where the earlier manifest is; as dbt has it, a relative one begins in the project.
        emit: Is told of each change.

    Returns:
        The changes; None if there is no earlier manifest.

    Raises:
        ArtifactError: The earlier manifest is broken.
        ConfigError: The earlier ``destinations.yml`` is no YAML.
    """
    path = workspace.project.root / folder
    if not (path / "manifest.json").is_file():
        emit(_nothing_to_compare_with(place(path / "manifest.json", workspace.project.root)))
        return None
    then = replace(workspace.project, root=path, target_path=path)
    is_kept = (path / DESTINATIONS_FILE).is_file()
    destinations = read_destinations(then, workspace.target_name) if is_kept else workspace.destinations
    changes = compare(
        explain(read_manifest(replace(workspace.project, target_path=path)), destinations),
        explain(workspace.manifest, workspace.destinations),
    )
    for change in changes:
        emit(_changed(change))
    return changes


def _nothing_to_compare_with(label: str) -> Event:
    message = f"{label} is not there: settings are not compared with earlier ones."
    return Event("NothingToCompareWith", message, Level.WARN)


def _changed(change: Change) -> Event:
    paths = [one.path for one in change.settings]
    what = f": {', '.join(paths)}" if change.kind is ChangeKind.CHANGED else ""
    data = {"activation": change.key, "change": change.kind.value, "settings": paths}
    return Event("ActivationChanged", f"{change.key} is {change.kind.value}{what}", data=data)
