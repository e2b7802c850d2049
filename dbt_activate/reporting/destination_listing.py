"""The installed types of destination, as a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.reporting.listing import Columns, Listing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True, slots=True)
class DestinationType:
    """One type of destination.

    Attributes:
        type_name: What stands in ``type:``.
        label: The tool's name.
        identifiers: What can be mapped.
        package: The package that it comes from, with its version.
    """

    type_name: str
    label: str
    identifiers: tuple[str, ...]
    package: str


@dataclass(frozen=True, slots=True)
class DestinationListing(Listing[DestinationType]):
    """The installed types of destination."""

    columns: ClassVar[Columns] = {
        "type": lambda one: one.type_name,
        "destination": lambda one: one.label,
        "identifiers": lambda one: ", ".join(one.identifiers),
        "package": lambda one: one.package,
    }


def list_destinations() -> DestinationListing:
    """Load every installed destination, and list them by name.

    Raises:
        ConfigError: A package declares one that cannot be loaded.
    """
    return DestinationListing(tuple(_describe(*item) for item in destination_types().items()))


def _describe(type_name: str, entry_point: EntryPoint) -> DestinationType:
    kind = load_destination(type_name)
    others = (kind.other_identifiers,) if kind.other_identifiers else ()
    return DestinationType(type_name, kind.label, (*kind.identifier_types, *others), _package(entry_point))


def _package(entry_point: EntryPoint) -> str:
    package = entry_point.dist
    return f"{package.name} {package.version}" if package else entry_point.module
