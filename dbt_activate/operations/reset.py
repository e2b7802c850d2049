"""Let go of the audiences of activations that a person names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.errors import ActivateError, ConfigError, Problem
from dbt_activate.operations.opening import open_permitted
from dbt_activate.operations.release import LastState, Release
from dbt_activate.reporting.events import Emit, reset_stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.config.activation import Activation
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.operations.workspace import Workspace


def reset_audiences(
    workspace: Workspace, activations: Iterable[Activation], *, clear: bool, emit: Emit
) -> tuple[str, ...]:
    """Let go of audiences; return the keys of those that were known. See `Release.execute`.

    Args:
        workspace: The project.
        activations: Whose audiences.
        clear: Whether everybody is taken out of them first.
        emit: Is told how far it came, where it does not come to the end.

    Raises:
        ConfigError: One of them is to be cleared where that cannot be done; none is, then.
    """
    activations = tuple(activations)
    workspace.check_target(activations)
    last_state = LastState.EMPTY if clear else LastState.AS_IT_IS
    names = {one.destination for one in activations} if clear else set()
    with open_permitted(workspace, names) as destinations:
        if problems := [
            _not_cleared(workspace.destinations.entries[name])
            for name, destination in destinations.items()
            if not destination.clears
        ]:
            raise ConfigError(problems)
        forgotten: list[str] = []
        for one in activations:
            try:
                release = Release(workspace.warehouse, workspace.tables, one.key)
                was_known = release.execute(last_state, destinations.get(one.destination))
            except ActivateError:
                emit(reset_stopped(one.key, forgotten))
                raise
            forgotten += [one.key] if was_known else []
        return tuple(forgotten)


def _not_cleared(entry: DestinationEntry) -> Problem:
    return Problem(
        entry.place,
        f"destination {entry.name}",
        "",
        "cannot clear an audience: its API has no call for it. Nothing was cleared or forgotten.",
        f"Leave it out with --exclude destination:{entry.name}; or leave out --clear, and empty it by hand.",
    )
