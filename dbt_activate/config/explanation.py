"""All settings of an activation, each with its final value and where that comes from.

The same layers are merged as when activations are read. Only an explanation needs to know who set what,
so nothing else pays for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dbt_activate.config.activation import Activation, ActivationSettings, merge_layers
from dbt_activate.config.declaration import Declaration, read_declarations
from dbt_activate.config.layers import (
    Origin,
    Path,
    Source,
    layers_of_model,
    leaves,
    origins,
    with_destination,
)
from dbt_activate.config.watches import Kind, resolve

if TYPE_CHECKING:
    from dbt_activate.config.destinations_file import DestinationEntry, Destinations
    from dbt_activate.config.meta_places import MetaPlaces
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Model


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting with its final value.

    Attributes:
        path: Its key, such as ``guards.max_removed``.
        value: Its value, ready for JSON; None if it is not set.
        origin: Where the value comes from.
    """

    path: str
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Explanation:
    """All settings of one activation.

    Attributes:
        key: The activation's key.
        model: The model that declares it.
        is_enabled: Whether it is there at all.
        settings: Its settings in the order of the documentation; none if they do not fit together.
    """

    key: str
    model: Model
    is_enabled: bool
    settings: tuple[Setting, ...]

    @property
    def values(self) -> Mapping[str, Any]:
        """The final values, by path."""
        return {setting.path: setting.value for setting in self.settings}


def explain(
    manifest: Manifest, destinations: Destinations, places: MetaPlaces | None = None
) -> Iterator[Explanation]:
    """Explain every declared activation, ordered by model, also those that are switched off.

    What is wrong with one is no error here: its explanation has no settings.

    Args:
        manifest: Where the activations are declared.
        destinations: The content of ``destinations.yml``.
        places: Finds files and lines; without it, origins have no place.
    """
    for declaration in read_declarations(manifest):
        own = declaration.settings()
        if isinstance(own, Mapping):
            yield _explain(declaration, own, destinations, places)


def by_key(explanations: Iterable[Explanation]) -> dict[str, Explanation]:
    """Index explanations by key. Of two with one key, that of the activation which is there holds."""
    return {one.key: one for one in sorted(explanations, key=lambda one: one.is_enabled)}


def _explain(
    declaration: Declaration, own: Mapping[str, Any], destinations: Destinations, places: MetaPlaces | None
) -> Explanation:
    model = declaration.model
    layers = layers_of_model(declaration, own, places)
    named = merge_layers(*(layer.content for layer in layers))
    key = declaration.key(named)
    entry = destinations.entries.get(str(named.get("destination")))
    if entry is None:
        return Explanation(key, model, named.get("enabled") is not False, ())
    layers = with_destination(entry, layers, places)
    try:
        settings = ActivationSettings.model_validate(merge_layers(*(layer.content for layer in layers)))
        found = tuple(_Settings(model, entry, settings, origins(layers), places))
    except ValidationError:
        return Explanation(key, model, named.get("enabled") is not False, ())
    return Explanation(key, model, settings.enabled is not False, found)


@dataclass(frozen=True, slots=True)
class _Settings:
    """Yields the settings of one activation, in the order of the documentation."""

    model: Model
    entry: DestinationEntry
    settings: ActivationSettings
    origins: Mapping[Path, Origin]
    places: MetaPlaces | None

    def __iter__(self) -> Iterator[Setting]:
        given = self.settings.model_dump(mode="json", exclude_none=True)
        for name in ActivationSettings.model_fields:
            values = dict(leaves({name: given[name]})) if name in given else {}
            if name == "audience":
                yield from self._audience()
            elif name == "warnings":
                yield from self._warnings()
            else:
                yield from self._completed(name, values)

    def _completed(self, name: str, values: Mapping[Path, Any]) -> Iterator[Setting]:
        defaults = dict(leaves({name: self._default(name)}))
        for path in dict.fromkeys([*defaults, *values]):
            if path in values:
                yield Setting(".".join(path), values[path], self._origin(path))
            elif not any(below[: len(path)] == path for below in values):
                yield Setting(".".join(path), defaults[path], self._default_origin(path))

    def _default(self, name: str) -> Any:
        match name:
            case "name":
                return self.model.versioned_name
            case "hash":
                return self.entry.destination.default_form.value
            case "enabled":
                return True
            case _:
                return _BUILT_IN.get(name)

    def _default_origin(self, path: Path) -> Origin:
        return self._of_model("name") if path == ("name",) else Origin(Source.BUILT_IN)

    def _audience(self) -> Iterator[Setting]:
        """Yield what the destination knows of the audience, which fills in what is not said."""
        settings, destination = self.settings, self.entry.destination
        columns = {name: found[0] for name, found in (settings.mapping or {}).items() if found}
        named = settings.name or self.model.versioned_name
        of_model = {"name": named, "description": self.model.description.strip()}
        follows = destination.audience_defaults(columns)
        own = settings.audience or {}
        wanted = destination.AudienceSettings.model_validate({**of_model, **follows, **own})
        for path, value in leaves({"audience": wanted.model_dump(mode="json")}):
            key = path[1]
            if key in own:
                origin = self._origin(path)
            elif key in follows or key not in of_model:
                origin = Origin(Source.BUILT_IN)
            else:
                origin = self._origin(("name",)) if key == "name" and settings.name else self._of_model(key)
            yield Setting(".".join(path), value, origin)

    def _warnings(self) -> Iterator[Setting]:
        """Yield what is watched, and what a layer has switched off."""
        watches = {watch.kind: watch for watch in resolve(self.settings.warnings)}
        for kind in Kind:
            above: Path = ("warnings", kind.value)
            if watch := watches.get(kind):
                for key, value in (("level", watch.level.value), ("value", watch.value)):
                    if value is not None:
                        path = (*above, key)
                        yield Setting(".".join(path), value, self._origin(path))
            elif (origin := self._origin(above)).source is not Source.BUILT_IN:
                yield Setting(".".join(above), False, origin)

    def _of_model(self, key: str) -> Origin:
        place = self.places.of_model(self.model, key) if self.places else ""
        return Origin(Source.MODEL, place)

    def _origin(self, path: Path) -> Origin:
        """Find who set a path, or what it stands in, or something in it."""
        above = (self.origins.get(path[:length]) for length in range(len(path), 0, -1))
        below = (origin for known, origin in self.origins.items() if known[: len(path)] == path)
        return next(filter(None, (*above, *below)), Origin(Source.BUILT_IN))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _built_in_default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return _plain(field.default_factory())
    return None if field.default is dataclasses.MISSING else _plain(field.default)


_BUILT_IN = {field.name: _built_in_default(field) for field in dataclasses.fields(Activation)}
"""What holds where no layer says anything, as `Activation` has it."""
