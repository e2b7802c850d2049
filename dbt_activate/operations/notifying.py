"""Look at ``notifications.yml``, and send a test message to each of its channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbt_activate.config.notifications_file import NOTIFICATIONS_FILE, Notifications
from dbt_activate.errors import ConfigError
from dbt_activate.operations.checks import Check, Checks

if TYPE_CHECKING:
    from dbt_activate.config.notifications_file import Channel
    from dbt_activate.operations.workspace import Workspace


def try_channels(workspace: Workspace) -> Checks:
    """Send a test message to each channel, and say what came of it."""
    return Checks(tuple(_tested(workspace)))


def _tested(workspace: Workspace) -> Iterator[Check]:
    from dbt_activate.alerts.delivering import deliver_all
    from dbt_activate.alerts.message import trial_message
    from dbt_activate.alerts.surroundings import Surroundings

    try:
        found = workspace.notifications
    except ConfigError as error:
        found = Notifications(problems=error.problems)
    if found.problems:
        yield Check("notifications", False, tuple(map(str, found.problems)))
    elif not found.channels:
        yield Check("notifications", None, (f"{NOTIFICATIONS_FILE} is not there or empty: nobody is told.",))
    channels = tuple(found.channels.values())
    message = trial_message(workspace.project.name, workspace.target_name or "unknown")
    surroundings = Surroundings(workspace.project.root, workspace.environment)
    outcomes = deliver_all([(channel, [message]) for channel in channels], surroundings)
    for channel, outcome in zip(channels, outcomes, strict=True):
        words = outcome.failure or f"took: {message.title}"
        is_well = outcome.failure is None and not outcome.notes
        yield Check(f"channel {channel.name}", is_well, (_kind(channel), words, *outcome.notes))


def _kind(channel: Channel) -> str:
    scope = channel.scope
    into = f", of {', '.join(scope.destinations)}" if scope.destinations else ""
    within = f", from target {' or '.join(scope.targets)}" if scope.targets else ""
    return f"type {scope.type}, takes warnings of level {scope.level} and above{into}{within}"
