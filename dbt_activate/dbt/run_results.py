"""``target/run_results.json`` and ``sources.json``: how dbt's last invocation went, node by node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.problems import place

if TYPE_CHECKING:
    from pathlib import Path

    from dbt_activate.dbt.project import DbtProject

SILENT = frozenset({"compile", "freshness", "generate", "list", "parse", "run-operation", "show"})
"""Commands that build and test nothing: results of theirs do not say how models and tests went.

dbt-core writes ``run_results.json`` after four of them (``compile``, ``docs generate``, ``run-operation`` and
``show``), and says there of models that all went well; ``source freshness`` writes ``sources.json`` alone.
"""

RUN_RESULTS, SOURCES = "run_results.json", "sources.json"


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How one node went.

    Attributes:
        unique_id: dbt's id.
        status: As dbt writes it, in small letters: ``success``, ``fail``, ``skipped``, …
        failures: How many rows a test found; None for what is no test.
        completed_at: When it was done; UTC. None where dbt does not say.
    """

    unique_id: str
    status: str
    failures: int | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of one invocation of dbt.

    Attributes:
        label: What to call the file in messages.
        invocation_id: dbt's id of the invocation; the manifest has the same, if one run wrote both.
        generated_at: When it was written; UTC. None where it does not say.
        command: dbt's command: ``build``, ``run``, ``test``; an empty text where it does not say.
        nodes: The results, by unique id. A node that the invocation did not touch is not there.
        target: The dbt target, where ``--target`` or the environment named it; else an empty text.
        portion: The flag by which models were built from a part of the rows: ``--empty`` or ``--sample``; an
            empty text where they were built from all.
    """

    label: str
    invocation_id: str
    generated_at: datetime | None
    command: str
    nodes: Mapping[str, NodeResult] = field(repr=False)
    target: str = ""
    portion: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether they say nothing of how models and tests went."""
        return self.command in SILENT


def read_run_results(project: DbtProject) -> RunResults | None:
    """Read the results of the last invocation; None if there are none.

    Raises:
        ArtifactError: The file is broken.
    """
    return _read(project, RUN_RESULTS)


def read_freshness(project: DbtProject) -> RunResults | None:
    """Read the results of the last ``dbt source freshness``; None if there are none.

    Raises:
        ArtifactError: The file is broken.
    """
    return _read(project, SOURCES)


def command_of(content: Mapping[str, Any]) -> str:
    """Return the command of dbt that wrote results, as in ``args.which``; an empty text if none is said."""
    return str(_mapping(content.get("args")).get("which") or "")


def _read(project: DbtProject, name: str) -> RunResults | None:
    path = project.target_path / name
    label = place(path, project.root)
    content = _load(path, label)
    if content is None:
        return None
    results = content.get("results")
    if not isinstance(results, list) or not all(isinstance(one, Mapping) for one in results):
        raise _broken(label, "holds no results.")
    metadata, args = _mapping(content.get("metadata")), _mapping(content.get("args"))
    return RunResults(
        label=label,
        invocation_id=str(metadata.get("invocation_id") or ""),
        generated_at=_time(metadata.get("generated_at")),
        command=command_of(content),
        nodes={found.unique_id: found for found in map(_node, results)},
        target=str(args.get("target") or ""),
        portion=next((f"--{flag}" for flag in ("empty", "sample") if args.get(flag)), ""),
    )


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _load(path: Path, label: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(label, f"cannot be read: {error.strerror}.") from None
    except ValueError:
        raise _broken(label, "is cut off or is not JSON.") from None
    if not isinstance(content, dict):
        raise _broken(label, "holds no results.")
    return content


def _node(result: Mapping[str, Any]) -> NodeResult:
    failures = result.get("failures")
    timing = result.get("timing")
    ends = [
        one.get("completed_at")
        for one in (timing if isinstance(timing, list) else [])
        if isinstance(one, Mapping)
    ]
    return NodeResult(
        unique_id=str(result.get("unique_id") or ""),
        status=str(result.get("status") or "").lower(),
        failures=failures if isinstance(failures, int) else None,
        completed_at=_time(ends[-1] if ends else None),
    )


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found and found.replace(tzinfo=None)  # dbt writes UTC


def _broken(label: str, message: str) -> ArtifactError:
    hint = "Run dbt again: was it stopped while writing it? Or delete the file, to sync without gates."
    return ArtifactError([Problem(label, "", "", message, hint)])
