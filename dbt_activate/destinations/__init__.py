"""The registry of destinations: the entry points that installed packages declare.

Ours come through the same door as everybody else's::

    [project.entry-points."dbt_activate.destinations"]
    acme = "dbt_acme.destination:Acme"

Nothing is imported until a destination of that type is asked for.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.destination import Destination

GROUP = "dbt_activate.destinations"
"""The entry point group in which a package declares its destinations."""


def destination_types() -> Mapping[str, EntryPoint]:
    """Return what can stand in ``type:`` of a destination, by name, in alphabetical order.

    Raises:
        ConfigError: Two packages declare different destinations under one name.
    """
    found: dict[str, EntryPoint] = {}
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        other = found.setdefault(entry_point.name, entry_point)
        if other.value != entry_point.value:
            raise ConfigError(
                f"Two packages declare a destination type {entry_point.name!r}: {_package(other)} and "
                f"{_package(entry_point)}. Uninstall one of them."
            )
    return found


def load_destination(type_name: str, types: Mapping[str, EntryPoint] | None = None) -> type[Destination]:
    """Import one destination.

    Args:
        type_name: Its registered name, as it stands in ``type:``.
        types: What `destination_types` returned, for whoever loads several: each call looks through all
            packages that are installed.

    Raises:
        ConfigError: No package declares that type, or the one that does cannot be loaded.
    """
    types = destination_types() if types is None else types
    if type_name not in types:
        raise ConfigError(_unknown(type_name, list(types)))
    entry_point = types[type_name]
    try:
        loaded = entry_point.load()
    # A plugin's module may fail in any way while it is imported.
    except Exception as error:
        raise ConfigError(_broken(entry_point, f"{type(error).__name__}: {error}")) from error
    return _checked(entry_point, loaded)


def _checked(entry_point: EntryPoint, loaded: object) -> type[Destination]:
    from dbt_activate.destination import Destination

    if not (isinstance(loaded, type) and issubclass(loaded, Destination)):
        raise ConfigError(_broken(entry_point, f"{entry_point.value} is not a subclass of Destination"))
    if (name := getattr(loaded, "type_name", None)) != entry_point.name:
        raise ConfigError(_broken(entry_point, f"its type_name is {name!r}"))
    return loaded


def _unknown(type_name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(type_name, known, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no destination type {type_name!r}.{suggestion} Installed: {', '.join(known) or 'none'}."


def _broken(entry_point: EntryPoint, reason: str) -> str:
    return (
        f"The destination type {entry_point.name!r} of the package {_package(entry_point)} cannot be "
        f"loaded: {reason}. Update that package, or uninstall it."
    )


def _package(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else entry_point.value
