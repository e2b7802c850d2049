"""``profiles.yml``: the connection that the user's dbt uses, found and rendered as dbt does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_activate.dbt.jinja import MissingEnvVarError, Renderer, RenderError
from dbt_activate.dbt.project import PROJECT_FILE, dbt_setting
from dbt_activate.errors import ConfigError, Problem, ProfileMissingError
from dbt_activate.problems import dotted, near_match, place
from dbt_activate.warehouse import Target
from dbt_activate.yaml_file import YamlFile, read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.yaml_file import KeyPath

PROFILES_FILE = "profiles.yml"


def resolve_target(
    project: DbtProject,
    profiles_dir: str | Path | None = None,
    profile: str | None = None,
    target: str | None = None,
) -> Target:
    """Find the target's output in ``profiles.yml`` and render it. Other outputs are not rendered.

    Args:
        project: The dbt project.
        profiles_dir: The folder of ``profiles.yml``. By default ``DBT_PROFILES_DIR``, else the working
            directory if it has one, else ``~/.dbt``.
        profile: The profile's name. By default ``DBT_PROFILE``, else what the project says.
        target: The target's name. By default ``DBT_TARGET``, else what the profile says.

    Raises:
        ProfileMissingError: There is no ``profiles.yml``, or a variable that the target needs is not set.
        ConfigError: There is no such profile or target, or it cannot be rendered.
    """
    name = profile or dbt_setting(project.environment, "PROFILE") or project.profile_name
    if not name:
        raise ConfigError(
            [Problem(PROJECT_FILE, "", "profile", "names no profile.", "Add one, or use --profile.")]
        )
    path = find_profiles(project, profiles_dir)
    wanted = target or dbt_setting(project.environment, "TARGET")
    return _Profiles(project, path).resolve(name, wanted)


def find_profiles(project: DbtProject, profiles_dir: str | Path | None = None) -> Path:
    """Return the path of ``profiles.yml``.

    Raises:
        ConfigError: There is none where the user says that it is.
        ProfileMissingError: There is none in the usual places.
    """
    given = profiles_dir or dbt_setting(project.environment, "PROFILES_DIR")
    folders = [Path(given)] if given else [Path.cwd(), Path.home() / ".dbt"]
    for folder in folders:
        if (folder / PROFILES_FILE).is_file():
            return folder / PROFILES_FILE
    looked = " nor in ".join(str(folder) for folder in folders)
    raise (ConfigError if given else ProfileMissingError)(
        f"There is no {PROFILES_FILE} in {looked}. Use --profiles-dir or DBT_PROFILES_DIR to say where it is."
    )


class _Profiles:
    def __init__(self, project: DbtProject, path: Path) -> None:
        self._project = project
        self._renderer = Renderer(project.cli_vars, project.environment)
        self._path = path
        self._file: YamlFile = read_yaml(path, self._label())

    def resolve(self, profile: str, wanted: str | None) -> Target:
        content = self._entry(self._file.data or {}, (), profile, "profile")
        target = wanted or self._default_target(content, profile)
        outputs = content.get("outputs")
        if not isinstance(outputs, Mapping):
            raise self._error((profile, "outputs"), "is required.")
        raw = self._entry(outputs, (profile, "outputs"), target, "target")
        output = self._render(raw, (profile, "outputs", target))
        kind = output.pop("type", None)
        if not kind:
            raise self._error((profile, "outputs", target, "type"), "is required.", "For example: duckdb.")
        threads = self._threads(output.pop("threads", 1), (profile, "outputs", target, "threads"))
        return Target(profile, target, str(kind), output, self._project.root, threads)

    def _entry(self, entries: Any, path: KeyPath, name: str, what: str) -> Mapping[str, Any]:
        if not isinstance(entries, Mapping):
            raise self._error(path, "must be a mapping of keys to values.")
        known = [str(key) for key in entries if key != "config"]
        if name not in entries:
            raise self._error(path, f"has no {what} {name!r}.", near_match(name, known))
        if not isinstance(entries[name], Mapping):
            raise self._error((*path, name), "must be a mapping of keys to values.")
        found: Mapping[str, Any] = entries[name]
        return found

    def _default_target(self, content: Mapping[str, Any], profile: str) -> str:
        rendered = self._render({"target": content.get("target") or "default"}, (profile,))
        return str(rendered["target"])

    def _render(self, raw: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        rendered, errors = self._renderer.render_each(raw, path)
        if errors:
            is_missing = all(isinstance(error, MissingEnvVarError) for error in errors)
            kind = ProfileMissingError if is_missing else ConfigError
            raise kind([self._render_problem(error) for error in errors])
        return rendered

    def _threads(self, value: Any, path: KeyPath) -> int:
        try:
            return max(int(value), 1)
        except (TypeError, ValueError):
            raise self._error(path, "must be a whole number.") from None

    def _render_problem(self, error: RenderError) -> Problem:
        return self._problem(error.path, error.message, error.hint)

    def _error(self, path: Sequence[str | int], message: str, hint: str = "") -> ConfigError:
        return ConfigError([self._problem(tuple(path), message, hint)])

    def _problem(self, path: KeyPath, message: str, hint: str) -> Problem:
        return Problem(self._label(self._file.line(path)), "", dotted(path), message, hint)

    def _label(self, line: int | None = None) -> str:
        return place(self._path.absolute(), self._project.root, line)
