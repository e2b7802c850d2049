"""``notifications.yml``: the channels by which people are alerted. A project need not have it.

It is read as ``destinations.yml`` is: what is wrong with its structure is a problem on every machine, while
an environment variable that is not set is only noted, and its channel counts as down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr, ValidationError

from dbt_activate.config.channels import CHANNEL_TYPES, ChannelSettings
from dbt_activate.config.watches import Severity
from dbt_activate.dbt.jinja import MissingEnvVarError, Renderer
from dbt_activate.errors import Problem
from dbt_activate.problems import describe, dotted, near_match, place
from dbt_activate.yaml_file import YamlFile, read_yaml

if TYPE_CHECKING:
    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.yaml_file import KeyPath

NOTIFICATIONS_FILE = "notifications.yml"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel.

    Attributes:
        name: The entry's name.
        scope: What goes there.
        settings: Its settings; None where an environment variable is missing for them.
        missing: The environment variables that are not set, one problem each.
    """

    name: str
    scope: ChannelSettings
    settings: ChannelSettings | None = field(repr=False)
    missing: tuple[Problem, ...] = ()

    def takes(self, level: Severity, destination: str, target: str) -> bool:
        """Tell whether a warning is to go there."""
        wanted = self.scope
        return (
            (level is Severity.ERROR or wanted.level is Severity.WARN)
            and (wanted.destinations is None or destination in wanted.destinations)
            and (wanted.targets is None or target in wanted.targets)
        )


@dataclass(frozen=True, slots=True)
class Notifications:
    """All of ``notifications.yml``.

    Attributes:
        channels: The channels whose structure is right, by name.
        problems: What is wrong with the others.
        notes: What deserves a warning: secrets in clear.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def read_notifications(
    project: DbtProject, target_name: str | None = None, destinations: tuple[str, ...] | None = None
) -> Notifications:
    """Read ``notifications.yml``, beside ``dbt_project.yml``. What is wrong inside it is returned.

    Args:
        project: The dbt project.
        target_name: What ``target.name`` is in templates; None if no target is known.
        destinations: The entries of ``destinations.yml``, to look names up in; None if they are not known.

    Raises:
        ConfigError: It is not YAML.
    """
    path = project.root / NOTIFICATIONS_FILE
    if not path.is_file():
        return Notifications()
    names = {"target": {"name": target_name}} if target_name else {}
    renderer = Renderer(project.vars, project.environment, **names)
    return _Reader(read_yaml(path, place(path, project.root)), renderer, destinations).read()


class _Reader:
    def __init__(self, file: YamlFile, renderer: Renderer, destinations: tuple[str, ...] | None) -> None:
        self._file = file
        self._renderer = renderer
        self._destinations = destinations
        self._problems: list[Problem] = []
        self._notes: list[Problem] = []

    def read(self) -> Notifications:
        content = {} if self._file.data is None else self._file.data
        if not isinstance(content, Mapping):
            self._add((), "must be a mapping of names to channels.")
            return Notifications(problems=tuple(self._problems))
        for path, _ in self._file.duplicates:
            self._add(path, "stands twice; the second would hide the first.", "Remove one.")
        read = [self._read_channel(str(name), raw) for name, raw in content.items()]
        channels = {one.name: one for one in read if one}
        return Notifications(channels, tuple(self._problems), tuple(self._notes))

    def _read_channel(self, name: str, raw: Any) -> Channel | None:
        kind = self._kind(name, raw)
        if kind is None:
            return None
        before = len(self._problems)
        self._note_clear_secrets(name, raw, kind)
        rendered, errors = self._renderer.render_each(raw, (name,))
        for error in errors:
            if not isinstance(error, MissingEnvVarError):
                self._add(error.path, error.message, error.hint)
        unset = {str(error.path[1]) for error in errors}
        settings = self._settings(name, rendered, unset, kind)
        if len(self._problems) > before:
            return None
        scope = settings or _scope(rendered)
        self._check_destinations(name, scope)
        missing = tuple(self._problem(error.path, error.message, error.hint) for error in errors)
        return Channel(name, scope, settings, missing)

    def _kind(self, name: str, raw: Any) -> type[ChannelSettings] | None:
        if not name or "," in name:
            self._add((name,), f"is no name: it {'must be without commas' if name else 'is empty'}.")
            return None
        given = raw.get("type") if isinstance(raw, Mapping) else None
        if not isinstance(given, str):
            hint = f"One of {', '.join(CHANNEL_TYPES)}, as `type: slack`."
            self._add((name, "type"), "is required: it says which kind of channel this is.", hint)
            return None
        if given not in CHANNEL_TYPES:
            self._add(
                (name, "type"), "is no kind of channel that is known.", near_match(given, CHANNEL_TYPES)
            )
        return CHANNEL_TYPES.get(given)

    def _settings(
        self, name: str, rendered: Mapping[str, Any], unset: set[str], kind: type[ChannelSettings]
    ) -> ChannelSettings | None:
        try:
            return kind.model_validate(rendered)
        except ValidationError as error:
            for found in describe(error, kind):
                if not unset.intersection(map(str, found.location[:1])):
                    self._add((name, *found.location), found.message, found.hint)
            return None

    def _note_clear_secrets(self, name: str, raw: Mapping[str, Any], kind: type[ChannelSettings]) -> None:
        for key, about in kind.model_fields.items():
            is_secret = SecretStr in (about.annotation, *get_args(about.annotation))
            if is_secret and isinstance(raw.get(key), str) and "{{" not in raw[key]:
                variable = f"{name}_{key}".replace("-", "_").upper()
                hint = f"Write \"{{{{ env_var('{variable}') }}}}\" instead."
                self._notes.append(self._problem((name, key), "is a secret in clear.", hint))

    def _check_destinations(self, name: str, settings: ChannelSettings) -> None:
        if self._destinations is None:
            return
        for wanted in settings.destinations or ():
            if wanted not in self._destinations:
                hint = near_match(wanted, self._destinations)
                self._add((name, "destinations"), f"there is no {wanted!r} in destinations.yml.", hint)

    def _add(self, path: KeyPath, message: str, hint: str = "") -> None:
        self._problems.append(self._problem(path, message, hint))

    def _problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        line = self._file.line(path)
        where = f"channel {path[0]}" if path else ""
        file = f"{NOTIFICATIONS_FILE}:{line}" if line else NOTIFICATIONS_FILE
        return Problem(file, where, dotted(path[1:]), message, hint)


def _scope(rendered: Mapping[str, Any]) -> ChannelSettings:
    """Read what goes to a channel whose own keys cannot be checked."""
    return ChannelSettings.model_validate(
        {key: value for key, value in rendered.items() if key in ChannelSettings.model_fields}
    )
