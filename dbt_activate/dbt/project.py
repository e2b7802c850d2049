"""The dbt project: its name, its variables, and where its artifacts are."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt_activate.dbt.jinja import Renderer, RenderError
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.problems import place
from dbt_activate.yaml_file import parse_yaml, read_yaml

PROJECT_FILE = "dbt_project.yml"
VARS_FILE = "vars.yml"


@dataclass(frozen=True, slots=True)
class DbtProject:
    """A dbt project, as its own file and the command line describe it.

    Attributes:
        root: The folder of ``dbt_project.yml``.
        name: The project's name.
        profile_name: The profile it asks for, or None.
        target_path: Where dbt writes its artifacts.
        vars: What ``var()`` finds: the project's own variables, overridden by the command line's.
        cli_vars: The command line's variables alone; ``profiles.yml`` sees no others.
        environment: The environment variables.
    """

    root: Path
    name: str
    profile_name: str | None
    target_path: Path
    vars: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cli_vars: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def load_env_file(directory: Path | None = None, environment: MutableMapping[str, str] = os.environ) -> None:
    """Add the variables of a ``.env`` file to the environment, as dbt does since 1.12.

    What is set already stays as it is.

    Args:
        directory: Where the file is, if there is one; the working directory by default.
        environment: What to add to.
    """
    path = (directory or Path.cwd()) / ".env"
    if not path.is_file():
        return
    from dotenv import dotenv_values

    for name, value in dotenv_values(path).items():
        if value is not None:
            environment.setdefault(name, value)


def dbt_setting(environment: Mapping[str, str], name: str) -> str | None:
    """Return one of dbt's settings from the environment, by its name without prefix.

    Since 1.11, dbt prefers ``DBT_ENGINE_TARGET`` to ``DBT_TARGET``.
    """
    return environment.get(f"DBT_ENGINE_{name}") or environment.get(f"DBT_{name}") or None


def read_project(
    project_dir: str | Path | None = None,
    *,
    target_path: str | Path | None = None,
    cli_vars: str | Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> DbtProject:
    """Read ``dbt_project.yml``.

    Args:
        project_dir: Its folder. By default ``DBT_PROJECT_DIR``, else the working directory or the
            nearest of its parents that has one.
        target_path: Where the artifacts are, if not where ``DBT_TARGET_PATH`` or the project says.
        cli_vars: Variables, as a mapping or as dbt's ``--vars`` takes them: YAML or JSON.
        environment: The environment variables.

    Raises:
        ConfigError: There is no project, or its file is wrong.
    """
    root = _find_root(project_dir or dbt_setting(environment, "PROJECT_DIR"))
    given = parse_cli_vars(cli_vars)
    content = _read_mapping(root / PROJECT_FILE)
    own_vars = _own_vars(root, content)
    # dbt renders its project file with the variables of vars.yml, but not with the file's own.
    visible = {**own_vars, **given} if (root / VARS_FILE).is_file() else given
    renderer = Renderer(visible, environment)
    name = _text(renderer, content, "name")
    if not name:
        raise ConfigError([Problem(PROJECT_FILE, "", "name", "is required.")])
    chosen = target_path or dbt_setting(environment, "TARGET_PATH") or _text(renderer, content, "target-path")
    return DbtProject(
        root=root,
        name=name,
        profile_name=_text(renderer, content, "profile"),
        target_path=root / (chosen or "target"),
        vars={**_in_scope(own_vars, name), **given},
        cli_vars=given,
        environment=environment,
    )


def parse_cli_vars(given: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Read what ``--vars`` says.

    Raises:
        ConfigError: It is not a mapping.
    """
    values = parse_yaml(given, "--vars").data if isinstance(given, str) else given
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(
            [Problem("--vars", "", "", "must be a mapping.", "Write --vars '{today: 2024-01-01}'.")]
        )
    return dict(values)


def _find_root(given: str | Path | None) -> Path:
    here = Path.cwd()
    candidates = [Path(given).absolute()] if given else [here, *here.parents]
    for folder in candidates:
        if (folder / PROJECT_FILE).is_file():
            return folder
    looked = str(candidates[0]) if given else f"{here} or a folder above it"
    raise ConfigError(
        f"There is no {PROJECT_FILE} in {looked}. Go to your dbt project, or use --project-dir."
    )


def _read_mapping(path: Path) -> Mapping[str, Any]:
    content = read_yaml(path, path.name).data
    if not isinstance(content, Mapping):
        raise ConfigError([Problem(path.name, "", "", "must be a mapping of keys to values.")])
    return content


def _own_vars(root: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    # dbt 1.12 takes variables from vars.yml instead, and refuses a project that has both.
    path = root / VARS_FILE
    own = (_read_mapping(path) if path.is_file() else content).get("vars") or {}
    if not isinstance(own, Mapping):
        raise ConfigError([Problem(place(path, root), "", "vars", "must be a mapping of names to values.")])
    return own


def _in_scope(own: Mapping[str, Any], package: str) -> dict[str, Any]:
    scoped = own.get(package)
    return {**own, **scoped} if isinstance(scoped, Mapping) else dict(own)


def _text(renderer: Renderer, content: Mapping[str, Any], key: str) -> str | None:
    try:
        value = renderer.render(content.get(key), (key,))
    except RenderError as error:
        raise ConfigError([Problem(PROJECT_FILE, "", key, error.message, error.hint)]) from None
    return None if value is None else str(value)
