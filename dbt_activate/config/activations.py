"""All activations of a project, read from the manifest and checked against ``destinations.yml``.

The settings of an activation are three layers, later over earlier: the ``defaults:`` of its destination,
the ``activation_defaults`` in the model's ``meta`` (which a project sets by folder), and the activation.
Each layer is checked on its own, so that a misspelt key is reported where it stands, and once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dbt_activate.config.activation import (
    Activation,
    ActivationSettings,
    FieldMapping,
    Guards,
    OnExisting,
    merge_layers,
)
from dbt_activate.config.declaration import (
    DEFAULTS_KEY,
    Declaration,
    layer_problems,
    old_meta_notes,
    read_declarations,
)
from dbt_activate.config.governance import column_findings
from dbt_activate.config.watches import resolve
from dbt_activate.dbt.gates import GateOptions
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.identifiers import Form
from dbt_activate.problems import describe, dotted, near_match

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.config.destinations_file import DestinationEntry, Destinations
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.destination import Destination

_NOT_IN_DEFAULTS = {"destination", "name"}


@dataclass(frozen=True, slots=True)
class Activations:
    """The activations of a project.

    Attributes:
        items: All that are enabled, ordered by model.
        notes: What deserves a warning: deprecated places, secrets in clear.
        keys: The keys of all, also of those that are switched off.
    """

    items: tuple[Activation, ...]
    notes: tuple[Problem, ...] = ()
    keys: frozenset[str] = frozenset()


def read_activations(manifest: Manifest, destinations: Destinations) -> Activations:
    """Read and check every activation of the project.

    Raises:
        ConfigError: Anything is wrong with any of them, or with ``destinations.yml``; all of it is said.
    """
    return _Reader(destinations).read(manifest)


class _Reader:
    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._problems: list[Problem] = list(destinations.problems)
        self._notes: list[Problem] = list(destinations.notes)
        self._checked_defaults: dict[str, bool] = {}
        self._switched_off: set[str] = set()

    def read(self, manifest: Manifest) -> Activations:
        sound = {name: self._check_entry(entry) for name, entry in self._destinations.entries.items()}
        self._usable = {name for name, is_sound in sound.items() if is_sound}
        found: list[tuple[Declaration, Activation]] = []
        self._notes += old_meta_notes(manifest)
        for declaration in read_declarations(manifest):
            activation = self._resolve(declaration)
            if activation:
                found.append((declaration, activation))
        self._check_unique(found)
        if self._problems:
            raise ConfigError(self._problems)
        items = tuple(activation for _, activation in found)
        keys = self._switched_off | {one.key for one in items}
        return Activations(items, tuple(self._notes), frozenset(keys))

    def _resolve(self, declaration: Declaration) -> Activation | None:
        own = declaration.settings()
        if own is None:
            return None
        if not isinstance(own, Mapping):
            self._add(declaration, "", "must be a destination's name, or a mapping of keys to values.")
            return None
        defaults = declaration.model.meta.get(DEFAULTS_KEY) or {}
        # Both are checked, so that all that is wrong is reported.
        if not all([self._check_defaults(declaration, defaults), self._check_own(declaration, own)]):
            return None
        named = merge_layers(defaults, own)
        key = declaration.key(named)
        if named.get("enabled") is False:
            self._switched_off.add(key)
            return None
        entry = self._entry(declaration, named.get("destination"))
        if entry is None:
            return None
        settings = ActivationSettings.model_validate(
            merge_layers(*single_mapping(entry, entry.defaults, defaults, own))
        )
        if settings.enabled is False:
            self._switched_off.add(key)
            return None
        return self._build(declaration, entry, settings)

    def _check_entry(self, entry: DestinationEntry) -> bool:
        where = Problem(entry.place, f"destination {entry.name}", "defaults", "")
        return self._check_layer(entry.defaults, where, _NOT_IN_DEFAULTS)

    def _check_defaults(self, declaration: Declaration, defaults: Any) -> bool:
        # Folder defaults reach every model of a folder: what is wrong with them is said once.
        text = json.dumps(defaults, sort_keys=True)
        if text not in self._checked_defaults:
            where = declaration.problem(f"meta.{DEFAULTS_KEY}", "")
            self._checked_defaults[text] = self._check_layer(defaults, where, {"name"})
        return self._checked_defaults[text]

    def _check_own(self, declaration: Declaration, own: Mapping[str, Any]) -> bool:
        return self._check_layer(own, declaration.problem("", ""), set())

    def _check_layer(self, layer: Any, place: Problem, refused: set[str]) -> bool:
        problems = list(layer_problems(layer, place, refused))
        self._problems += problems
        return not problems

    def _entry(self, declaration: Declaration, name: str | None) -> DestinationEntry | None:
        known = self._destinations.names
        if name is None:
            hint = f"Name one: {', '.join(known)}." if known else "Add one to destinations.yml."
            self._add(declaration, "destination", "is required.", hint)
        elif name not in known:
            self._add(
                declaration,
                "destination",
                f"there is no {name!r} in destinations.yml.",
                near_match(name, known),
            )
        return self._destinations.entries[name] if name in self._usable else None

    def _build(
        self, declaration: Declaration, entry: DestinationEntry, settings: ActivationSettings
    ) -> Activation | None:
        before = len(self._problems)
        model = declaration.model
        name = settings.name or model.versioned_name
        audience = self._audience(declaration, entry, settings, name)
        fields = self._fields(declaration, entry, settings)
        for found in column_findings(model, fields, settings.allow_plain or ()):
            self._add(declaration, *found)
        if not model.relation_name:
            self._add(
                declaration, "", "is ephemeral: it has no relation to read.", "Make it a table or a view."
            )
        if audience is not None and entry.outline is not None:
            mapping = _first_columns(settings)
            for message in entry.destination.check_audience(entry.outline, audience, mapping):
                self._add(declaration, "audience", message)
        if audience is None or len(self._problems) > before:
            return None
        return Activation(
            name=name,
            destination=entry.name,
            model=model,
            audience=audience,
            fields=fields,
            guards=_guards(settings),
            on_existing=settings.on_existing or OnExisting.ERROR,
            retry_rejected=settings.retry_rejected is not False,
            gates=_gates(settings),
            schedule=settings.schedule.schedule() if settings.schedule else None,
            watches=resolve(settings.warnings),
        )

    def _audience(
        self, declaration: Declaration, entry: DestinationEntry, settings: ActivationSettings, name: str
    ) -> Any:
        given = {"name": name, "description": declaration.model.description.strip()}
        defaults = entry.destination.audience_defaults(_first_columns(settings))
        try:
            return entry.destination.AudienceSettings.model_validate(
                {**given, **defaults, **(settings.audience or {})}
            )
        except ValidationError as error:
            for found in describe(error, entry.destination.AudienceSettings):
                key = dotted(("audience", *found.location))
                self._add(declaration, key, found.message, found.hint)
            return None

    def _fields(
        self, declaration: Declaration, entry: DestinationEntry, settings: ActivationSettings
    ) -> tuple[FieldMapping, ...]:
        mapping = settings.mapping or {}
        destination = entry.destination
        takes = f"{destination.label} takes {_words(destination)}."
        if not mapping:
            self._add(declaration, "mapping", "is required: it says which column is which identifier.", takes)
            return ()
        types = {name: kind for name in mapping if (kind := destination.identifier_type(name))}
        unknown = [name for name in mapping if name not in types]
        for name in unknown:
            hint = near_match(name, destination.identifier_types)
            hint = f"{hint} {takes}" if hint.startswith("Did you") else takes
            self._add(declaration, f"mapping.{name}", f"{destination.label} does not know it.", hint)
        if destination.one_identifier and len(mapping) > 1:
            names = " and ".join(mapping)
            self._add(
                declaration,
                "mapping",
                f"maps {names}, and {destination.label} takes one: two might name the same person.",
                "Choose one; a second activation can use another.",
            )
        self._check_mapping(declaration, entry, _first_columns(settings))
        if unknown:
            return ()
        form = settings.hash or destination.default_form
        return tuple(
            FieldMapping(types[name], column, form if types[name].hashable else Form.PLAIN)
            for name, columns in mapping.items()
            for column in columns or ()
        )

    def _check_mapping(
        self,
        declaration: Declaration,
        entry: DestinationEntry,
        mapping: Mapping[str, str],
    ) -> None:
        if entry.outline is None:
            return
        for message in entry.destination.check_mapping(entry.outline, mapping):
            self._add(declaration, "mapping", message)

    def _check_unique(self, found: Iterable[tuple[Declaration, Activation]]) -> None:
        keys: dict[str, Declaration] = {}
        audiences: dict[tuple[str, ...], Declaration] = {}
        for declaration, activation in found:
            first = keys.setdefault(activation.key, declaration)
            if first is not declaration:
                self._add(
                    declaration,
                    "name",
                    f"{activation.key} is the name of {first.place}, too.",
                    "Give one of the two a `name:` of its own.",
                )
                continue
            self._check_audience(declaration, activation, audiences)

    def _check_audience(
        self,
        declaration: Declaration,
        activation: Activation,
        audiences: dict[tuple[str, ...], Declaration],
    ) -> None:
        entry, wanted = self._destinations.entries[activation.destination], activation.audience
        same = [("identity", *entry.identity(wanted))]
        if wanted.remote_id is not None:
            same.append(("remote_id", *entry.account(), wanted.remote_id))
        others = [audiences.setdefault(identity, declaration) for identity in same]
        other = next((one for one in others if one is not declaration), None)
        if other:
            self._add(
                declaration,
                "audience",
                f"feeds the audience {wanted.name!r}, as {other.place} does.",
                "Two activations of one audience would remove each other's members: give each its own.",
            )

    def _add(self, declaration: Declaration, key: str, message: str, hint: str = "") -> None:
        self._problems.append(declaration.problem(key, message, hint))


def _first_columns(settings: ActivationSettings) -> dict[str, str]:
    return {name: columns[0] for name, columns in (settings.mapping or {}).items() if columns}


def _words(destination: type[Destination]) -> str:
    return ", ".join(filter(None, (*destination.identifier_types, destination.other_identifiers)))


def single_mapping(entry: DestinationEntry, *layers: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Let the last mapping hold alone, where a destination takes one identifier: two cannot be merged."""
    last = max((place for place, layer in enumerate(layers) if layer.get("mapping")), default=0)
    if not entry.destination.one_identifier:
        return list(layers)
    return [
        layer if place >= last else {key: value for key, value in layer.items() if key != "mapping"}
        for place, layer in enumerate(layers)
    ]


def _guards(settings: ActivationSettings) -> Guards:
    given = settings.guards.model_dump(exclude_none=True) if settings.guards else {}
    return Guards(**given)


def _gates(settings: ActivationSettings) -> GateOptions:
    given = settings.gates.model_dump(exclude_none=True) if settings.gates else {}
    return GateOptions(**given)
