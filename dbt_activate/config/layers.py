"""The layers of an activation's settings: who says what, in which file, and who says it last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbt_activate.config.activation import spelt_out
from dbt_activate.config.activations import single_mapping
from dbt_activate.config.declaration import DEFAULTS_KEY, META_KEY, Declaration
from dbt_activate.config.destinations_file import DESTINATIONS_FILE
from dbt_activate.dbt.project import PROJECT_FILE

if TYPE_CHECKING:
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.config.meta_places import MetaPlaces
    from dbt_activate.dbt.model import Model

Path = tuple[str, ...]
"""The keys that lead to a setting."""


class Source(StrEnum):
    """Who set a value, each over those before it."""

    BUILT_IN = "built-in default"
    MODEL = "the model"
    """Its name or its description."""
    DESTINATION = "destination's defaults"
    FOLDER = "activation_defaults"
    """Of ``dbt_project.yml`` or of the model: dbt has chosen between the two before we see them."""
    ACTIVATION = "activation"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        source: Who set it.
        place: The file, with the line where it is known; an empty text for a built-in default.
    """

    source: Source
    place: str = ""

    def __str__(self) -> str:
        return f"{self.source} ({self.place})" if self.place else self.source.value


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings that stand in one place.

    Attributes:
        source: Who says them.
        content: The settings.
        place: Names the file and the line of one of them.
    """

    source: Source
    content: Mapping[str, Any]
    place: Callable[[Path], str]


def layers_of_model(
    declaration: Declaration, own: Mapping[str, Any], places: MetaPlaces | None
) -> Sequence[Layer]:
    """Return the layers that a model has: its ``activation_defaults``, and the activation.

    Args:
        declaration: The activation as it is declared.
        own: What it says.
        places: Finds files and lines; without it, nothing is found.
    """
    model = declaration.model
    defaults = model.meta.get(DEFAULTS_KEY)
    content = defaults if isinstance(defaults, Mapping) else {}
    return (
        Layer(Source.FOLDER, content, _place_of_defaults(model, places)),
        Layer(Source.ACTIVATION, own, _place_of_activation(declaration, places)),
    )


def with_destination(
    entry: DestinationEntry, layers: Sequence[Layer], places: MetaPlaces | None
) -> Sequence[Layer]:
    """Put the defaults of a destination below other layers."""
    below = Layer(Source.DESTINATION, entry.defaults, _place_of_entry(entry, places))
    every = (below, *layers)
    contents = single_mapping(entry, *(layer.content for layer in every))
    return [replace(layer, content=content) for layer, content in zip(every, contents, strict=True)]


def origins(layers: Sequence[Layer]) -> Mapping[Path, Origin]:
    """Say of each path who set it last; null, which takes a value away, leaves nobody."""
    found: dict[Path, Origin] = {}
    for layer in layers:
        for path, value in leaves(spelt_out(layer.content)):
            # An empty mapping is merged like any other: it takes the place of a value, not of a mapping.
            is_replaced = _is_at_or_above if isinstance(value, Mapping) else _is_same_branch
            found = {known: one for known, one in found.items() if not is_replaced(known, path)}
            if value is not None and not any(known[: len(path)] == path for known in found):
                found[path] = Origin(layer.source, layer.place(path))
    return found


def _is_at_or_above(one: Path, other: Path) -> bool:
    return other[: len(one)] == one


def _is_same_branch(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def leaves(mapping: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what is no mapping, at every depth, with its path."""
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def _place_of_entry(entry: DestinationEntry, places: MetaPlaces | None) -> Callable[[Path], str]:
    def place(path: Path) -> str:
        if places is None:
            return ""
        line = places.file(DESTINATIONS_FILE).line((entry.name, "defaults", *path))
        return f"{DESTINATIONS_FILE}:{line}" if line else entry.place

    return place


def _place_of_defaults(model: Model, places: MetaPlaces | None) -> Callable[[Path], str]:
    found = places.find(model, DEFAULTS_KEY) if places else None
    if found is None:
        return lambda _: _anywhere(model) if places else ""
    return lambda path: found.line(*path)


def _place_of_activation(declaration: Declaration, places: MetaPlaces | None) -> Callable[[Path], str]:
    model = declaration.model
    found = places.find(model, META_KEY) if places else None
    if found is None:
        return lambda _: _anywhere(model) if places else ""
    position = () if declaration.position is None else (declaration.position - 1,)
    return lambda path: found.line(*position, *path)


def _anywhere(model: Model) -> str:
    return f"{PROJECT_FILE}, {model.path} or config()"
