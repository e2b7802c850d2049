"""What stands under ``activation`` in the ``meta`` of a model, before any default is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dbt_activate.config.activation import ActivationSettings, activation_key
from dbt_activate.dbt.model import Model, is_old_meta
from dbt_activate.errors import Problem
from dbt_activate.problems import describe, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.dbt.manifest import Manifest

META_KEY, DEFAULTS_KEY = "activation", "activation_defaults"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One activation as it stands in the manifest.

    Attributes:
        model: The model that declares it.
        raw: What stands there.
        position: Its place in a list, counted from 1; None if it stands alone.
    """

    model: Model
    raw: Any
    position: int | None

    @property
    def where(self) -> str:
        """What to look for in the model's file."""
        what = _what(self.model)
        return what if self.position is None else f"{what}, activation {self.position}"

    @property
    def place(self) -> str:
        """What to look for, and in which file."""
        return f"{self.where} in {self.model.path}"

    def settings(self) -> Any:
        """Return the mapping that a short form stands for; None where it says that there is none."""
        if self.raw is True:
            return {}
        if self.raw is None or self.raw is False:
            return None
        return {"destination": self.raw} if isinstance(self.raw, str) else self.raw

    def key(self, settings: Mapping[str, Any]) -> str:
        """Return the activation's key, as its settings, merged with ``activation_defaults``, name it.

        It is there before these are complete, for what is switched off or wrong.
        """
        return activation_key(settings.get("destination"), settings.get("name") or self.model.versioned_name)

    def problem(self, key: str, message: str, hint: str = "") -> Problem:
        """Make a problem of this declaration."""
        return Problem(self.model.path, self.where, key, message, hint)


def read_declarations(manifest: Manifest) -> Iterator[Declaration]:
    """Yield all declarations of a project, ordered by model."""
    for unique_id in manifest.with_meta(META_KEY):
        model = manifest.model(unique_id)
        declared = model.meta[META_KEY]
        if isinstance(declared, list):
            yield from (Declaration(model, raw, index) for index, raw in enumerate(declared, start=1))
        else:
            yield Declaration(model, declared, None)


def old_meta_notes(manifest: Manifest) -> list[Problem]:
    """Note the models that declare in a place which dbt has deprecated."""
    ids = (id_ for id_ in manifest.with_meta(META_KEY) if is_old_meta(manifest.resources[id_], META_KEY))
    return [_old_meta_note(manifest.model(id_)) for id_ in ids]


def layer_problems(layer: Any, place: Problem, refused: set[str]) -> Iterator[Problem]:
    """Check one layer of settings on its own.

    Args:
        layer: The settings.
        place: Where they stand; its key is put before theirs.
        refused: Keys that may not stand in this layer.
    """
    try:
        ActivationSettings.model_validate(layer)
    except ValidationError as error:
        for found in describe(error, ActivationSettings):
            key = _below(place, *found.location)
            yield Problem(place.file, place.where, key, found.message, found.hint)
    if isinstance(layer, Mapping):
        for name in sorted(refused & layer.keys()):
            yield Problem(
                place.file,
                place.where,
                _below(place, name),
                "cannot be a default.",
                "Set it in the activation.",
            )


def _below(place: Problem, *location: str | int) -> str:
    return dotted((*filter(None, [place.key]), *location))


def _what(model: Model) -> str:
    return f"{model.resource_type} {model.versioned_name}"


def _old_meta_note(model: Model) -> Problem:
    return Problem(
        model.path,
        _what(model),
        f"meta.{META_KEY}",
        "stands in a `meta` beside `config`, which dbt has deprecated and dbt v2 ignores.",
        "Move it to `config: {meta: …}`.",
    )
