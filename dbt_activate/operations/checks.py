"""What ``dbt-activate debug`` and ``validate`` look at."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.config.destinations_file import read_destinations
from dbt_activate.config.governance import null_hints
from dbt_activate.errors import ActivateError, ConfigError, Problem, ProfileMissingError
from dbt_activate.operations.opening import open_destination
from dbt_activate.reporting.listing import Columns, Listing
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.operations.workspace import Workspace

_UNCHECKED_TARGET = Problem(
    "profiles.yml",
    "",
    "",
    "is not there, or a variable of it is not set: whether the manifest fits the target is not looked at.",
)

_PACKAGES = ("dbt-activate", "dbt-core", "dbt-duckdb", "duckdb", "polars")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        passed: Whether it is well; None if it was not looked at.
        lines: What was found, and what to do about it.
    """

    name: str
    passed: bool | None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checks(Listing[Check]):
    """What `Project.check` found."""

    columns: ClassVar[Columns] = {
        "name": lambda check: check.name,
        "passed": lambda check: check.passed,
        "lines": lambda check: "\n".join(check.lines),
    }

    @property
    def success(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.passed is not False for check in self.items)


@dataclass(frozen=True, slots=True)
class Validation:
    """What is wrong with the project's files.

    Attributes:
        activations: How many activations were checked.
        problems: What has to be mended.
        notes: What deserves a look.
    """

    activations: int
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def success(self) -> bool:
        """Whether nothing has to be mended."""
        return not self.problems


def validate(workspace: Workspace) -> Validation:
    """Find all that is wrong with the project's files, without warehouse, profile and secrets."""
    problems: list[Problem] = []
    unchecked: list[Problem] = []
    for part in (
        lambda: workspace.settings,
        lambda: workspace.target,
        lambda: _raise_for(workspace.destinations.problems),
        lambda: _raise_for(workspace.notifications.problems),
        lambda: workspace.activations,
        lambda: workspace.check_target(workspace.activations.items),
    ):
        try:
            part()
        except ProfileMissingError:
            unchecked = [_UNCHECKED_TARGET]
        except ConfigError as error:
            problems += error.problems
    # One cause, such as a missing file, stops several of these.
    distinct = tuple(dict.fromkeys(problems))
    if distinct:
        return Validation(0, distinct)
    items, notes = workspace.activations.items, workspace.activations.notes
    hints = null_hints(workspace.manifest, items)
    unset = (*_unset(workspace), *_unset_in_channels(workspace))
    return Validation(len(items), (), (*notes, *hints, *unset, *unchecked))


def run_checks(workspace: Workspace) -> Checks:
    """Look at versions, project, connection and destinations, in this order."""
    return Checks(tuple(_checks(workspace)))


def _raise_for(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise ConfigError(problems)


def _unset(workspace: Workspace) -> Iterator[Problem]:
    """Yield the environment variables that would be missing if the destinations were opened here."""
    for entry in workspace.destinations.entries.values():
        yield from entry.missing


def _unset_in_channels(workspace: Workspace) -> Iterator[Problem]:
    """Yield what deserves a look in ``notifications.yml``."""
    yield from workspace.notifications.notes
    for channel in workspace.notifications.channels.values():
        yield from channel.missing


def _checks(workspace: Workspace) -> Iterator[Check]:
    yield Check("versions", None, tuple(_versions()))
    yield _looked_at("project", lambda: _project(workspace))
    yield _looked_at("profile", lambda: _profile(workspace))
    yield _looked_at("activations", lambda: _activations(workspace))
    yield _looked_at("connection", lambda: _connection(workspace))
    yield from _destinations(workspace)


def _looked_at(name: str, look: Callable[[], tuple[str, ...]]) -> Check:
    try:
        return Check(name, True, look())
    except ActivateError as error:
        return Check(name, False, tuple(str(error).splitlines()))


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()} on {platform.system()}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is not installed"


def _project(workspace: Workspace) -> tuple[str, ...]:
    project = workspace.project
    return (f"{project.name} in {project.root}", f"artifacts in {project.target_path}")


def _profile(workspace: Workspace) -> tuple[str, ...]:
    target = workspace.target
    return (f"profile {target.profile_name}, target {target.name}, type {target.type}",)


def _activations(workspace: Workspace) -> tuple[str, ...]:
    items = workspace.activations.items
    workspace.check_target(items)
    return (f"{len(items)} found", *map(str, workspace.activations.notes))


def _connection(workspace: Workspace) -> tuple[str, ...]:
    with workspace.warehouse.session(read_only=True) as session:
        session.rows("select 1")
        has_state = bool(workspace.tables.existing(session))
    state = f"state is kept in schema {workspace.tables.schema}"
    return ("connected", state if has_state else f"{state}, which the first sync makes")


def _destinations(workspace: Workspace) -> Iterator[Check]:
    try:
        destinations = read_destinations(workspace.project, workspace.target_name)
    except ConfigError as error:
        yield Check("destinations", False, tuple(str(error).splitlines()))
        return
    if destinations.problems:
        yield Check("destinations", False, tuple(map(str, destinations.problems)))
    for entry in destinations.entries.values():
        yield _destination(entry, workspace.target_name or "")


def _destination(entry: DestinationEntry, target: str) -> Check:
    name = f"destination {entry.name}"
    may_push = (
        f"target {target or 'unknown'} {'may' if entry.may_push(target) else 'may only plan, not'} push"
    )
    if entry.missing and not entry.may_push(target):
        return Check(name, None, (may_push, "not asked, for lack of credentials:", *map(str, entry.missing)))
    try:
        checked = _asked(entry)
    except ActivateError as error:
        return Check(name, False, (may_push, *str(error).splitlines()))
    return Check(name, checked.passed, (may_push, *checked.lines))


def _asked(entry: DestinationEntry) -> Check:
    destination = open_destination(entry, Throttles())
    try:
        result = destination.check()
    finally:
        destination.close()
    return Check(entry.name, result.passed, result.lines)
