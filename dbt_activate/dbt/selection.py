"""Which models a run is about: dbt's ``--select``, ``--exclude`` and ``--selector``.

What can be read from the manifest is; everything else is asked of ``dbt ls``, which knows.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_activate.dbt.manifest import ACTIVATABLE
from dbt_activate.dbt.selector import is_simple, select_union
from dbt_activate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.project import DbtProject

_LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line says of the selection, and what ``dbt ls`` needs to agree with it.

    Attributes:
        select: The values of ``--select``; none selects everything.
        exclude: The values of ``--exclude``.
        selector: The name of a selector in ``selectors.yml``.
        state: The folder of another manifest, for ``state:``.
        profiles_dir: As given on the command line.
        profile: As given on the command line.
        target: As given on the command line.
    """

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    state: str | None = None
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None


def select_models(manifest: Manifest, project: DbtProject, selection: Selection) -> frozenset[str]:
    """Return the ids of the models, seeds and snapshots that are selected. None is no error.

    Raises:
        ConfigError: dbt had to be asked, and is not there or refuses the selection.
    """
    if selection.selector or not is_simple((*selection.select, *selection.exclude)):
        return list_with_dbt(project, selection) & frozenset(manifest.ids())
    chosen = frozenset(manifest.ids())
    if selection.select:
        chosen &= select_union(manifest, project.root, selection.select)
    return chosen - select_union(manifest, project.root, selection.exclude)


def list_with_dbt(project: DbtProject, selection: Selection) -> frozenset[str]:
    """Ask ``dbt ls``, which leaves the project's artifacts and logs as they are.

    Raises:
        ConfigError: There is no dbt, or it refuses.
    """
    command = [find_dbt(), *_arguments(project, selection)]
    with tempfile.TemporaryDirectory() as logs:
        environment = {**os.environ, **project.environment, "DBT_LOG_PATH": logs}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ConfigError("dbt could not resolve the selection:\n" + "\n".join(said[-_LINES_SHOWN:]))
    lines = (line for line in done.stdout.splitlines() if line.startswith("{"))
    return frozenset(json.loads(line)["unique_id"] for line in lines)


def find_dbt() -> str:
    """Return the path of the ``dbt`` beside this Python, else of the first on the ``PATH``.

    Raises:
        ConfigError: There is none.
    """
    found = shutil.which("dbt", path=str(Path(sys.executable).parent)) or shutil.which("dbt")
    if found is None:
        raise ConfigError(
            "This selection has to be asked of dbt, and there is no `dbt` on the PATH. Install dbt here, or "
            "select by names, tags, paths, config.meta and a simple +."
        )
    return found


def _arguments(project: DbtProject, selection: Selection) -> Iterator[str]:
    yield from ("--quiet", "ls", "--no-write-json", "--output", "json", "--output-keys", "unique_id")
    for resource_type in sorted(ACTIVATABLE):
        yield from ("--resource-type", resource_type)
    for value in selection.select:
        yield from ("--select", value)
    for value in selection.exclude:
        yield from ("--exclude", value)
    yield from ("--project-dir", str(project.root))
    for flag in ("selector", "state", "profiles_dir", "profile", "target"):
        if value := getattr(selection, flag):
            yield from (f"--{flag.replace('_', '-')}", value)
    yield from ("--target-path", str(project.target_path))
    if project.cli_vars:
        yield from ("--vars", json.dumps(project.cli_vars, default=str))
