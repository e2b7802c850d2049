"""Open a destination as its entry in ``destinations.yml`` says."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError, Problem
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.destination import Destination
    from dbt_activate.operations.workspace import Workspace


def open_destination(entry: DestinationEntry, throttles: Throttles) -> Destination:
    """Make a destination ready to talk; sends nothing yet.

    Args:
        entry: Its entry.
        throttles: The run's rate limits.

    Raises:
        ConfigError: An environment variable that the entry needs is not set.
    """
    settings = entry.settings
    destination = entry.destination(settings, throttles)
    if settings.concurrency is not None:
        destination.concurrency = settings.concurrency
    if settings.delivery_size is not None:
        destination.delivery_size = min(settings.delivery_size, destination.delivery_size)
    return destination


@contextmanager
def open_permitted(workspace: Workspace, names: Collection[str]) -> Iterator[Mapping[str, Destination]]:
    """Open destinations to change something there, and close them in the end.

    Args:
        workspace: The project.
        names: Their entries.

    Raises:
        ConfigError: The target may not push to one of them, or a credential is missing.
    """
    throttles, entries = Throttles(), [workspace.destinations.entries[name] for name in sorted(names)]
    target = workspace.target.name if entries else ""
    if problems := [_not_permitted(entry, target) for entry in entries if not entry.may_push(target)]:
        raise ConfigError(problems)
    opened: dict[str, Destination] = {}
    try:
        for entry in entries:
            opened[entry.name] = open_destination(entry, throttles)
        yield opened
    finally:
        for destination in opened.values():
            destination.close()


def _not_permitted(entry: DestinationEntry, target: str) -> Problem:
    return Problem(
        entry.place,
        f"destination {entry.name}",
        "targets",
        f"target {target} is not among them, so it may change nothing there.",
        "Use a target that may push.",
    )
