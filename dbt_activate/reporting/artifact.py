"""``target/activate/activation_results.json``: what a sync did, in the shape of dbt's ``run_results.json``.

It lies in a folder of its own, since no file that dbt owns is written. It holds no identifier and no secret:
figures, names, and messages that are free of both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_activate.reporting.lines import counts

if TYPE_CHECKING:
    from dbt_activate.reporting.alert import Alert
    from dbt_activate.reporting.results import ActivationResult, SyncResult

SCHEMA_VERSION = "dbt-activate/activation-results/v1"
"""Changes when a key changes its meaning or goes away; new keys may come at any time."""

ARTIFACT = Path("activate", "activation_results.json")
"""Where it lies, under dbt's target path."""


def write_artifact(
    target_path: Path, result: SyncResult, args: Mapping[str, Any], dbt_invocation_id: str
) -> Path:
    """Write the artifact in one piece: whoever reads it sees the old one or the new one.

    Args:
        target_path: dbt's target path.
        result: What was done.
        args: What was asked for; without secrets.
        dbt_invocation_id: dbt's id of the invocation that wrote the manifest.

    Raises:
        OSError: It cannot be written.
    """
    path = target_path / ARTIFACT
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(_content(result, args, dbt_invocation_id), ensure_ascii=False, indent=2)
    draft = path.with_name(f"{path.stem}.{result.invocation_id}.tmp")
    try:
        draft.write_text(content + "\n", encoding="utf-8")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def _content(result: SyncResult, args: Mapping[str, Any], dbt_invocation_id: str) -> dict[str, Any]:
    return {
        "metadata": {
            "schema_version": SCHEMA_VERSION,
            "dbt_activate_version": version("dbt-activate"),
            "generated_at": _time(datetime.now(UTC)),
            "invocation_id": result.invocation_id,
            "invocation_started_at": _time(result.started_at),
            "dbt_invocation_id": dbt_invocation_id,
            "interrupted": result.interrupted,
        },
        "args": dict(args),
        "elapsed_time": result.seconds,
        "results": [_result(one) for one in result],
    }


def _result(result: ActivationResult) -> dict[str, Any]:
    activation = result.activation
    timing = {
        "name": "execute",
        "started_at": _time(result.started_at),
        "completed_at": _time(result.finished_at),
    }
    figures = counts(result)
    return {
        "unique_id": activation.model.unique_id,
        "activation": activation.key,
        "destination": activation.destination,
        "audience": {"name": activation.audience.name, "remote_id": result.remote_id},
        "status": figures.pop("status"),
        "message": result.message or None,
        "run_id": result.run_id,
        "timing": [timing] if result.started_at else [],
        "execution_time": result.seconds,
        "counts": {**figures, "invalid_by_type": dict(result.invalid)},
        "warnings": [_warning(one) for one in result.warnings],
    }


def _warning(alert: Alert) -> dict[str, Any]:
    return {
        "warning": alert.kind.value,
        "level": alert.level.value,
        "message": alert.message,
        "figure": alert.figure,
        "since": _time(alert.since),
    }


def _time(moment: datetime | None) -> str | None:
    return f"{moment.replace(tzinfo=None).isoformat()}Z" if moment else None
