"""Open a destination as its entry in ``destinations.yml`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.destination import Destination
    from dbt_activate.throttle import Throttles


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
