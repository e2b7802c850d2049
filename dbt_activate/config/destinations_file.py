"""``destinations.yml``: the tools that the project activates into, with their credentials.

An entry is read in two steps. First its structure: keys, types, targets, defaults. That needs no secret,
and whatever is wrong is a problem of the file on every machine. Environment variables that are not set
are only noted, and their keys keep the text of the file; they become an error when the entry's settings
are asked for, which is when the destination is opened. So nothing that only lists, plans or validates
needs a credential, and neither does an entry that nobody uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr, ValidationError

from dbt_activate.dbt.jinja import MissingEnvVarError, Renderer, UnknownTarget
from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.problems import describe, dotted, near_match, place
from dbt_activate.yaml_file import YamlFile, read_yaml

if TYPE_CHECKING:
    from collections.abc import Hashable
    from importlib.metadata import EntryPoint

    from dbt_activate.dbt.jinja import RenderError
    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.destination import AudienceSettings, Destination, DestinationSettings
    from dbt_activate.yaml_file import KeyPath

DESTINATIONS_FILE = "destinations.yml"

# No dot, so that the first dot of an activation's key always ends the destination's name.
_ENTRY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_TARGETS_HINT = "List the dbt targets that may push, such as [prod]; every other target only plans."


@dataclass(frozen=True, slots=True)
class DestinationEntry:
    """One entry whose structure is right.

    Attributes:
        name: The entry's name.
        destination: The class that its ``type:`` names.
        targets: The dbt targets that may push.
        defaults: Default activation settings.
        place: Where the entry stands: file and line.
        outline: Its settings, in which the text of the file stands for missing environment variables;
            None where a setting cannot be checked without its variable. Never to be opened.
        missing: The environment variables that are not set, one problem each.
    """

    name: str
    destination: type[Destination]
    targets: tuple[str, ...]
    defaults: Mapping[str, Any]
    place: str
    outline: DestinationSettings | None = field(repr=False)
    missing: tuple[Problem, ...] = ()

    @property
    def settings(self) -> DestinationSettings:
        """The settings to open the destination with.

        Raises:
            ConfigError: An environment variable that they need is not set.
        """
        if self.missing or self.outline is None:
            raise ConfigError(self.missing)
        return self.outline

    def may_push(self, target: str) -> bool:
        """Tell whether a dbt target may push to it."""
        return target in self.targets

    def account(self) -> tuple[str, ...]:
        """Name the account that it leads to."""
        if self.outline is None:
            return ("entry", self.name)
        return ("account", self.destination.type_name, *self.destination.account(self.outline))

    def identity(self, wanted: AudienceSettings) -> tuple[str, ...]:
        """Name what makes an audience one: two activations of one identity would feed the same."""
        if self.outline is None:
            return ("entry", self.name, wanted.name)
        return ("account", self.destination.type_name, *self.destination.identity(self.outline, wanted))

    def lane(self, wanted: AudienceSettings) -> Hashable | None:
        """Name what must not be worked on twice at a time; None if there is no such thing."""
        return None if self.outline is None else self.destination.lane(self.outline, wanted)


@dataclass(frozen=True, slots=True)
class Destinations:
    """All of ``destinations.yml``.

    Attributes:
        entries: The entries whose structure is right, by name.
        names: The names of all entries.
        problems: What is wrong with the others.
        notes: What deserves a warning, such as a secret in clear.
    """

    entries: Mapping[str, DestinationEntry]
    names: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def read_destinations(project: DbtProject, target_name: str | None = None) -> Destinations:
    """Read ``destinations.yml``, beside ``dbt_project.yml``. What is wrong inside it is returned.

    Args:
        project: The dbt project.
        target_name: What ``target.name`` is in templates; None if no target is known.

    Raises:
        ConfigError: There is no such file, or it is not YAML.
    """
    path = project.root / DESTINATIONS_FILE
    if not path.is_file():
        raise ConfigError(
            [Problem(DESTINATIONS_FILE, "", "", "is not there.", "Run `dbt-activate init` to make one.")]
        )
    target = {"name": target_name} if target_name else UnknownTarget()
    renderer = Renderer(project.vars, project.environment, target=target)
    return _Reader(read_yaml(path, place(path, project.root)), renderer).read()


class _Reader:
    def __init__(self, file: YamlFile, renderer: Renderer) -> None:
        self._file = file
        self._renderer = renderer
        self._problems: list[Problem] = []
        self._notes: list[Problem] = []

    @cached_property
    def _types(self) -> Mapping[str, EntryPoint]:
        return destination_types()

    def read(self) -> Destinations:
        content = {} if self._file.data is None else self._file.data
        if not isinstance(content, Mapping):
            raise ConfigError([self._problem((), "must be a mapping of names to destinations.")])
        self._problems += [
            self._problem(path, "stands twice; the second would hide the first.", "Remove one.", line)
            for path, line in self._file.duplicates
        ]
        read = [self._read_entry(str(name), raw) for name, raw in content.items()]
        return Destinations(
            {entry.name: entry for entry in read if entry},
            tuple(str(name) for name in content),
            tuple(self._problems),
            tuple(self._notes),
        )

    def _read_entry(self, name: str, raw: Any) -> DestinationEntry | None:
        before = len(self._problems)
        destination = self._destination_class(name, raw)
        if destination is None:
            return None
        self._note_clear_secrets(name, raw, destination)
        rendered, errors = self._render(name, raw, destination)
        outline = self._outline(name, rendered, errors, destination)
        if destination.one_at_a_time and outline and (outline.concurrency or 1) > 1:
            self._add(
                (name, "concurrency"),
                f"is {outline.concurrency}, and {destination.label} takes one delivery at a time.",
                "Leave it out.",
            )
        if len(self._problems) > before:
            return None
        targets, defaults = rendered.get("targets"), rendered.get("defaults")
        return DestinationEntry(
            name=name,
            destination=destination,
            targets=tuple(map(str, targets)) if isinstance(targets, list) else (),
            defaults=defaults if isinstance(defaults, Mapping) else {},
            place=self._place((name,)),
            outline=outline,
            missing=tuple(self._problem(error.path, error.message, error.hint) for error in errors),
        )

    def _destination_class(self, name: str, raw: Any) -> type[Destination] | None:
        if not _ENTRY_NAME.fullmatch(name):
            self._add((name,), "is no name: letters, digits, _ and -, beginning with a letter.")
        if not isinstance(raw, Mapping):
            self._add((name,), "must be a mapping of keys to values.", "Begin with `type:`.")
            return None
        kind = raw.get("type")
        if not isinstance(kind, str):
            near = near_match("type", map(str, raw)) if "type" not in raw else ""
            hint = near if near.startswith("Did you") else "For example: `type: criteo`."
            self._add((name, "type"), "is required: it says which tool this is.", hint)
            return None
        try:
            return load_destination(kind, self._types)
        except ConfigError as error:
            self._add((name, "type"), str(error))
            return None

    def _render(
        self, name: str, raw: Mapping[str, Any], destination: type[Destination]
    ) -> tuple[dict[str, Any], list[RenderError]]:
        templates = {key: raw[key] for key in destination.Settings.TEMPLATES if key in raw}
        plain = {key: value for key, value in raw.items() if key not in templates}
        rendered, errors = self._renderer.render_each(plain, (name,))
        rendered |= templates
        for error in errors:
            rendered[str(error.path[1])] = raw[str(error.path[1])]
            if not isinstance(error, MissingEnvVarError):
                self._add(error.path, error.message, error.hint)
        return rendered, errors

    def _outline(
        self,
        name: str,
        rendered: Mapping[str, Any],
        errors: list[RenderError],
        destination: type[Destination],
    ) -> DestinationSettings | None:
        unresolved = {error.path[1] for error in errors}
        try:
            return destination.Settings.model_validate(rendered)
        except ValidationError as error:
            for found in describe(error, destination.Settings):
                if found.kind == "extra_forbidden" or not unresolved.intersection(found.location[:1]):
                    hint = _TARGETS_HINT if found.location == ("targets",) else found.hint
                    self._add((name, *found.location), found.message, hint)
            return None

    def _note_clear_secrets(self, name: str, raw: Mapping[str, Any], destination: type[Destination]) -> None:
        for key, about in destination.Settings.model_fields.items():
            is_secret = SecretStr in (about.annotation, *get_args(about.annotation))
            if is_secret and isinstance(raw.get(key), str) and "{{" not in raw[key]:
                variable = f"{name}_{key}".replace("-", "_").upper()
                hint = f"Write \"{{{{ env_var('{variable}') }}}}\" instead."
                self._notes.append(self._problem((name, key), "is a secret in clear.", hint))

    def _add(self, path: KeyPath, message: str, hint: str = "") -> None:
        self._problems.append(self._problem(path, message, hint))

    def _problem(self, path: KeyPath, message: str, hint: str = "", line: int | None = None) -> Problem:
        where = f"destination {path[0]}" if path else ""
        return Problem(self._place(path, line), where, dotted(path[1:]), message, hint)

    def _place(self, path: KeyPath, line: int | None = None) -> str:
        line = line or self._file.line(path)
        return f"{DESTINATIONS_FILE}:{line}" if line else DESTINATIONS_FILE
