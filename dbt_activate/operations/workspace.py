"""What a command needs of a project; each part is read or opened when it is first asked for.

So that a command which only lists needs neither profile, warehouse nor secrets, and one that plans needs
no credentials of a destination.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_activate.artifacts.choice import find_origin
from dbt_activate.config.activation_selection import ActivationSelector
from dbt_activate.config.activations import Activations, read_activations
from dbt_activate.config.destinations_file import Destinations, read_destinations
from dbt_activate.dbt.manifest import Manifest, read_manifest
from dbt_activate.dbt.project import DbtProject, dbt_setting, load_env_file, read_project
from dbt_activate.dbt.selection import Selection
from dbt_activate.errors import ConfigError
from dbt_activate.reporting.events import Emit, fetching, ignore
from dbt_activate.state.lease import Clock, utc_now

if TYPE_CHECKING:
    from dbt_activate.artifacts.origin import Fetched
    from dbt_activate.config.activation import Activation
    from dbt_activate.config.notifications_file import Notifications
    from dbt_activate.config.settings import Settings
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Target, Warehouse


@dataclass(frozen=True, slots=True)
class Place:
    """Which project, profile and target is meant: dbt's flags of the same names.

    None leaves the choice to dbt's environment variables, and then to the project.
    `clock` gives the time in UTC. dbt's artifacts are in the target path, unless they come from elsewhere:
    from `artifacts`, or from a run of dbt Cloud.
    """

    project_dir: str | Path | None = None
    profiles_dir: str | Path | None = None
    profile: str | None = None
    target: str | None = None
    vars: str | Mapping[str, Any] | None = field(default=None, repr=False)
    target_path: str | Path | None = None
    state: str | Path | None = None
    clock: Clock = utc_now
    artifacts: str | Path | None = field(default=None, repr=False)
    dbt_cloud_run_id: int | None = None

    @property
    def names_artifacts(self) -> bool:
        """Whether a person said which artifacts are meant."""
        return self.artifacts is not None or self.dbt_cloud_run_id is not None

    def selection(
        self, select: tuple[str, ...], exclude: tuple[str, ...] = (), selector: str | None = None
    ) -> Selection:
        """Say what is selected, with all that ``dbt ls`` needs to agree."""
        return Selection(
            select=select,
            exclude=exclude,
            selector=selector,
            state=None if self.state is None else str(self.state),
            profiles_dir=None if self.profiles_dir is None else str(self.profiles_dir),
            profile=self.profile,
            target=self.target,
        )


class Workspace:
    """A project as one command finds it. Every command makes a new one: dbt may have run in between."""

    def __init__(self, place: Place, emit: Emit = ignore) -> None:
        self.place = place
        self._emit = emit
        self._fetched: Fetched | None = None

    def close(self) -> None:
        """Let go of artifacts that were fetched."""
        if self._fetched:
            self._fetched.close()

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The environment variables, with those of a ``.env`` file."""
        environment = dict(os.environ)
        load_env_file(environment=environment)
        return environment

    @cached_property
    def project(self) -> DbtProject:
        """The dbt project, with dbt's artifacts where they are to be read."""
        origin = find_origin(
            self.place.artifacts,
            self.place.dbt_cloud_run_id,
            self.environment,
            lambda text: self._emit(fetching(text)),
        )
        if origin is None or isinstance(origin, Path):
            return self._own_project if origin is None else replace(self._own_project, target_path=origin)
        from dbt_activate.artifacts.origin import Fetched

        project = self._own_project  # what is wrong there is said before anything is fetched
        self._fetched = Fetched(origin)
        return replace(project, target_path=self._fetched.folder)

    @property
    def output_path(self) -> Path:
        """The project's own target path, where what we write belongs."""
        return self._own_project.target_path

    @cached_property
    def _own_project(self) -> DbtProject:
        return read_project(
            self.place.project_dir,
            target_path=self.place.target_path,
            cli_vars=self.place.vars,
            environment=self.environment,
        )

    @cached_property
    def settings(self) -> Settings:
        """What the project sets about dbt-activate."""
        from dbt_activate.config.settings import read_settings

        return read_settings(self.project)

    @cached_property
    def target(self) -> Target:
        """The dbt target."""
        from dbt_activate.dbt.profiles import resolve_target

        return resolve_target(self.project, self.place.profiles_dir, self.place.profile, self.place.target)

    @cached_property
    def target_name(self) -> str | None:
        """The target's name; None if there is no profile to say it."""
        try:
            return self.target.name
        except ConfigError:
            return self.place.target or dbt_setting(self.environment, "TARGET")

    @cached_property
    def manifest(self) -> Manifest:
        """What dbt wrote last."""
        return read_manifest(self.project)

    @cached_property
    def destinations(self) -> Destinations:
        """The content of ``destinations.yml``."""
        return read_destinations(self.project, self.target_name)

    @cached_property
    def notifications(self) -> Notifications:
        """The content of ``notifications.yml``."""
        from dbt_activate.config.notifications_file import read_notifications

        return read_notifications(self.project, self.target_name, self.destinations.names)

    @cached_property
    def activations(self) -> Activations:
        """All activations of the project."""
        return read_activations(self.manifest, self.destinations)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The target's warehouse; not connected to yet."""
        from dbt_activate.warehouses import open_warehouse

        return open_warehouse(self.target, lock_timeout_seconds=self.settings.lock_timeout_seconds)

    @cached_property
    def tables(self) -> Tables:
        """The state tables of the target."""
        from dbt_activate.state.tables import Tables

        schema = self.settings.state_schema or f"{self.warehouse.schema}_activate"
        return Tables(self.warehouse, schema)

    def select(self, selection: Selection) -> tuple[Activation, ...]:
        """Return the selected activations, ordered by model. None is no error."""
        entries = self.destinations.entries.values()
        types = {entry.name: entry.destination.type_name for entry in entries}
        selector = ActivationSelector(self.activations.items, types, self.manifest, self.project)
        return selector.select(selection)

    def check_target(self, activations: Iterable[Activation]) -> None:
        """Make sure that the manifest was written for the target.

        Raises:
            ArtifactError: It was not.
        """
        from dbt_activate.dbt.target_check import check_same_target

        check_same_target(self.manifest, [one.model for one in activations], self.target)
