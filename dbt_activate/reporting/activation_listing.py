"""The activations of a project, as a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.reporting.listing import Columns, Listing

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation


def _mapping(activation: Activation) -> dict[str, list[str]]:
    types = dict.fromkeys(part.member_type for part in activation.fields)
    return {name: [part.column for part in activation.fields if part.member_type == name] for name in types}


@dataclass(frozen=True, slots=True)
class ActivationListing(Listing["Activation"]):
    """The activations of a project."""

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key,
        "model": lambda one: one.model.unique_id,
        "destination": lambda one: one.destination,
        "audience": lambda one: one.audience.name,
        "mapping": _mapping,
    }
