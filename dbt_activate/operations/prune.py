"""Find audiences whose activation is no longer in the project, and let go of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.errors import ActivateError
from dbt_activate.operations.opening import open_permitted
from dbt_activate.operations.release import LastState, Release
from dbt_activate.reporting.listing import Columns, Listing
from dbt_activate.state.lease import utc_now
from dbt_activate.state.overview import read_overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.destination import Destination
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.state.audiences import AudienceRecord


@dataclass(frozen=True, slots=True)
class Orphan:
    """An audience whose activation is gone.

    Attributes:
        key: The key of the activation that filled it.
        name: The audience's name in the tool, as we last knew it.
        remote_id: The destination's own id; None if none was made.
        destination: The entry of ``destinations.yml``.
        members: How many members we put in.
        is_ours: Whether we made it; one that was there before is never deleted.
        heir: The key of the activation that fills the same audience now; an empty text if none does.
        outcome: What was done; an empty text where nothing was tried yet.
        error: Why nothing was done.
    """

    key: str
    name: str
    remote_id: str | None
    destination: str
    members: int
    is_ours: bool
    heir: str = ""
    outcome: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Orphans(Listing[Orphan]):
    """Audiences whose activation is gone."""

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key,
        "audience": lambda one: one.name,
        "remote_id": lambda one: one.remote_id,
        "members": lambda one: one.members,
        "made_by_us": lambda one: one.is_ours,
        "outcome": lambda one: one.outcome or one.error,
    }

    @property
    def success(self) -> bool:
        """Whether nothing went wrong."""
        return not any(one.error for one in self.items)


def find_orphans(workspace: Workspace) -> Orphans:
    """Find the audiences of this project and target whose activation is gone.

    One that is only switched off (``enabled: false``) is no orphan; neither is one of another dbt project
    that keeps its state in the same schema.
    """
    with workspace.warehouse.session(read_only=True) as session:
        overview = read_overview(session, workspace.tables, utc_now())
    records = sorted(overview.audiences.items())
    gone = {
        key: record
        for key, record in records
        if key not in workspace.activations.keys and _is_of_this_project(workspace, record)
    }
    heirs = {_place(workspace, record): key for key, record in records if key not in gone}
    return Orphans(
        tuple(
            _orphan(record, overview.members.get(key, 0), heirs.get(_place(workspace, record), ""))
            for key, record in gone.items()
        )
    )


def prune_audiences(workspace: Workspace, orphans: Collection[Orphan], last_state: LastState) -> Orphans:
    """Let go of orphaned audiences. What goes wrong with one stands in the result, and stops no other.

    Args:
        workspace: The project.
        orphans: Which, as `find_orphans` returned them.
        last_state: What they are to be in the tool first.

    Raises:
        ConfigError: The target may not push to one of the destinations, or a credential is missing.
    """
    is_asked = last_state is not LastState.AS_IT_IS
    names = {one.destination for one in orphans} & {*workspace.destinations.entries}
    with open_permitted(workspace, names if is_asked else ()) as destinations:
        return Orphans(
            tuple(_pruned(workspace, one, last_state, destinations.get(one.destination)) for one in orphans)
        )


def _pruned(
    workspace: Workspace, orphan: Orphan, last_state: LastState, destination: Destination | None
) -> Orphan:
    if obstacles := list(_obstacles(orphan, last_state, destination)):
        return replace(orphan, error=" ".join(obstacles))
    try:
        Release(workspace.warehouse, workspace.tables, orphan.key).execute(last_state, destination)
    except ActivateError as error:
        return replace(orphan, error=str(error))
    return replace(orphan, outcome=_OUTCOMES[last_state])


def _obstacles(orphan: Orphan, last_state: LastState, destination: Destination | None) -> Iterator[str]:
    if last_state is LastState.AS_IT_IS:
        return
    if orphan.heir:
        yield (
            f"{orphan.heir} fills the same audience: its members would leave unseen. Use --forget; who is in "
            f"{orphan.heir} stays, and whom only {orphan.key} put in has to be taken out by hand."
        )
    if destination is None:
        yield (
            f"{orphan.destination} is not in destinations.yml any more. Put it back for this, or use "
            "--forget and empty the audience by hand."
        )
    elif last_state is LastState.DELETED and not destination.deletes:
        yield f"{destination.label} cannot delete audiences. Leave out --delete to take our members out."
    elif last_state is LastState.DELETED and not orphan.is_ours:
        yield (
            "It was there before dbt-activate, so it is not deleted. "
            "Leave out --delete to take our members out."
        )


_OUTCOMES = {
    LastState.AS_IT_IS: "forgotten; its members stay",
    LastState.WITHOUT_OURS: "our members were taken out",
    LastState.DELETED: "deleted",
}


def _orphan(record: AudienceRecord, members: int, heir: str) -> Orphan:
    return Orphan(
        record.key, record.name, record.remote_id, record.destination, members, record.is_ours, heir
    )


def _place(workspace: Workspace, record: AudienceRecord) -> tuple[str, ...]:
    """Name the remote audience of a record; one that was never made is no other's."""
    entry = workspace.destinations.entries.get(record.destination)
    account = entry.account() if entry else ("entry", record.destination)
    return (*account, record.remote_id) if record.remote_id else ("activation", record.key)


def _is_of_this_project(workspace: Workspace, record: AudienceRecord) -> bool:
    packages = {model.package for model in workspace.manifest.models()} | {workspace.project.name}
    return record.model.split(".")[1] in packages
