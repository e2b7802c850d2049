"""A plan as a JSON document: figures and settings, no identifier, the same for the same plan."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.config.comparison import Change
    from dbt_activate.reporting.results import ActivationResult
    from dbt_activate.sync.diff import Diff

SCHEMA_VERSION = "dbt-activate/plan/v1"
"""Changes when a key changes its meaning or goes away; new keys may come at any time."""


def plan_json(results: Iterable[ActivationResult], changes: Iterable[Change] | None) -> str:
    """Write what was planned, and what changed in the settings, as JSON."""
    return json.dumps(_document(results, changes), ensure_ascii=False, indent=2)


def _document(results: Iterable[ActivationResult], changes: Iterable[Change] | None) -> dict[str, Any]:
    return {
        "metadata": {
            "schema_version": SCHEMA_VERSION,
            "dbt_activate_version": version("dbt-activate"),
        },
        "activations": [_activation(result) for result in results],
        "changes": None if changes is None else _changes(changes),
    }


def share(part: int, whole: int | None) -> float | None:
    """Return a part as a share, rounded to four digits; None of an empty whole."""
    return round(part / whole, 4) if whole else None


def _activation(result: ActivationResult) -> dict[str, Any]:
    return {
        "activation": result.key,
        "unique_id": result.activation.model.unique_id,
        "destination": result.activation.destination,
        "audience": result.activation.audience.name,
        "status": result.status.value,
        "message": result.message or None,
        "guard": result.error.guard if isinstance(result.error, GuardError) else None,
        "notes": list(result.notes),
        "counts": _counts(result),
    }


def _counts(result: ActivationResult) -> dict[str, Any] | None:
    if result.plan is None:
        return None
    held = result.plan.held
    return {
        "members_before": held,
        "members_after": result.members,
        "added": result.added,
        "removed": result.removed,
        "added_share": share(result.added, held),
        "removed_share": share(result.removed, held),
        "invalid": sum(result.invalid.values()),
        "deliveries": result.deliveries,
        "by_type": {name: _by_type(diff) for name, diff in result.plan.diffs.items()},
    }


def _by_type(diff: Diff) -> dict[str, int]:
    return {
        "members_before": diff.held,
        "members_after": diff.size,
        "added": diff.added.height,
        "removed": diff.removed.height,
        "invalid": diff.invalid,
    }


def _changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [
        {
            "activation": change.key,
            "change": change.kind.value,
            "settings": [
                {"setting": one.path, "before": one.before, "after": one.after} for one in change.settings
            ],
        }
        for change in changes
    ]
