"""Let go of the audiences of activations that a person names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.operations.opening import open_permitted
from dbt_activate.operations.release import LastState, Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.config.activation import Activation
    from dbt_activate.operations.workspace import Workspace


def reset_audiences(
    workspace: Workspace, activations: Iterable[Activation], *, clear: bool
) -> tuple[str, ...]:
    """Let go of audiences; return the keys of those that were known. See `Release.execute`.

    Args:
        workspace: The project.
        activations: Whose audiences.
        clear: Whether everybody is taken out of them first.
    """
    activations = tuple(activations)
    workspace.check_target(activations)
    last_state = LastState.EMPTY if clear else LastState.AS_IT_IS
    names = {one.destination for one in activations} if clear else set()
    with open_permitted(workspace, names) as destinations:
        return tuple(
            one.key
            for one in activations
            if Release(workspace.warehouse, workspace.tables, one.key).execute(
                last_state, destinations.get(one.destination)
            )
        )
