"""Which models a run is about: dbt's ``--select``, ``--exclude`` and ``--selector``.

What can be read from the manifest is; everything else is asked of ``dbt ls``, which knows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_activate.dbt.manifest import ACTIVATABLE
from dbt_activate.dbt.selector import is_simple, select_union
from dbt_activate.errors import ConfigError
from dbt_activate.problems import near_match
from dbt_activate.yaml_file import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.project import DbtProject

SELECTORS_FILE = "selectors.yml"

_LINES_SHOWN = 20

_PLAIN_OUTPUT = {
    f"{prefix}_{name}": value
    for prefix in ("DBT", "DBT_ENGINE")
    for name, value in (("LOG_FORMAT", "text"), ("USE_COLORS", "false"))
}
"""What the user may have set for people, or for a log's reader, would hide dbt's answer from us."""

_METHOD = re.compile(r"@?(?:\d*\+)?(?P<method>\w+)[.\w]*:")

METHODS = frozenset(
    {
        "access",
        "config",
        "exposure",
        "file",
        "fqn",
        "group",
        "metric",
        "package",
        "path",
        "resource_type",
        "result",
        "saved_query",
        "selector",
        "semantic_model",
        "source",
        "source_status",
        "state",
        "tag",
        "test_name",
        "test_type",
        "unit_test",
        "version",
    }
)
"""dbt's methods, for hints; whether there are others is for dbt to say."""

OWN_METHODS = frozenset({"activation", "destination"})
"""Methods that dbt does not have: they choose activations, not models."""


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

    Where nothing is said, dbt says whether a selector of ``selectors.yml`` is the default. The manifest does
    not: dbt leaves its selectors as they were where it parses only what has changed.

    Raises:
        ConfigError: dbt had to be asked, and is not there or refuses the selection; or there is a selector
            and something beside it.
    """
    known = frozenset(manifest.ids())
    check_alone(selection)
    said = (*selection.select, *selection.exclude)
    if selection.selector or not is_simple(said) or (not said and _may_have_default(project)):
        return list_with_dbt(project, selection) & known
    chosen = known
    if selection.select:
        chosen &= select_union(manifest, project.root, selection.select)
    return chosen - select_union(manifest, project.root, selection.exclude)


def _may_have_default(project: DbtProject) -> bool:
    """Tell whether ``selectors.yml`` has a default selector, or one that is it once dbt has rendered that."""
    path = project.root / SELECTORS_FILE
    content = read_yaml(path, SELECTORS_FILE).data if path.is_file() else None
    selectors = content.get("selectors") if isinstance(content, Mapping) else None
    known = selectors if isinstance(selectors, list) else []
    return any(isinstance(one, Mapping) and one.get("default") not in (None, False) for one in known)


def check_alone(selection: Selection) -> None:
    """Refuse a selector with anything beside it, which dbt would ignore without a word.

    Raises:
        ConfigError: There is something beside it.
    """
    if selection.selector and (selection.select or selection.exclude):
        raise ConfigError(
            f"--selector {selection.selector} stands alone: dbt ignores --select and --exclude beside it. "
            "Choose one, or write what both mean into selectors.yml."
        )


def list_with_dbt(project: DbtProject, selection: Selection) -> frozenset[str]:
    """Ask ``dbt ls``, which leaves the project's artifacts and logs as they are.

    Raises:
        ConfigError: There is no dbt, or it refuses.
    """
    command = [find_dbt(), *_arguments(project, selection)]
    with tempfile.TemporaryDirectory() as logs:
        environment = {**os.environ, **project.environment, "DBT_LOG_PATH": logs, **_PLAIN_OUTPUT}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        shown = "\n".join([*said[-_LINES_SHOWN:], *_method_hints((*selection.select, *selection.exclude))])
        raise ConfigError(f"dbt could not resolve the selection:\n{shown}")
    lines = (line for line in done.stdout.splitlines() if line.startswith("{"))
    return frozenset(json.loads(line)["unique_id"] for line in lines)


def _method_hints(selectors: Iterable[str]) -> Iterator[str]:
    words = (word for selector in selectors for word in re.split(r"[\s,]+", selector))
    named = (found["method"] for word in words if (found := _METHOD.match(word)))
    for method in dict.fromkeys(named):
        if method not in METHODS:
            yield f"There is no method {method!r}. {near_match(method, METHODS | OWN_METHODS)}"


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
