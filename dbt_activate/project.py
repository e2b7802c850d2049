"""A dbt project with its activations: the Python API, on which the command line is built.

from dbt_activate import Project

project = Project(".", target="dev")
plan = project.plan("vip_customers")
run = project.sync("vip_customers")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ConfigError
from dbt_activate.operations.workspace import Place, Workspace
from dbt_activate.reporting.events import Emit, ignore, note, nothing_selected
from dbt_activate.state.lease import Clock, utc_now

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.config.comparison import Change
    from dbt_activate.config.starter import Starter
    from dbt_activate.dbt.selection import Selection
    from dbt_activate.operations.checks import Checks, Validation
    from dbt_activate.operations.exposure_file import Exposures
    from dbt_activate.operations.invocation import Request
    from dbt_activate.operations.prune import Orphans
    from dbt_activate.operations.standing import History, RejectionListing, StatusListing
    from dbt_activate.operations.verification import Verification
    from dbt_activate.reporting.activation_listing import ActivationListing
    from dbt_activate.reporting.explanation_listing import ExplanationListing
    from dbt_activate.reporting.plans import Plans
    from dbt_activate.reporting.results import SyncResult
    from dbt_activate.webhook.receiver import Receiver


class Project:
    """A dbt project. Nothing is read or connected to before a method is called, and each call reads anew.

    Selections are dbt's: ``"vip_customers"``, ``"tag:activation"``, ``"state:modified+"``; and of our own
    ``"destination:criteo"`` and ``"activation:vip_*"``.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        target: str | None = None,
        profiles_dir: str | Path | None = None,
        profile: str | None = None,
        vars: str | Mapping[str, Any] | None = None,  # noqa: A002  (dbt's name of it)
        target_path: str | Path | None = None,
        state: str | Path | None = None,
        artifacts: str | Path | None = None,
        dbt_cloud_run_id: int | None = None,
        threads: int | None = None,
        emit: Emit = ignore,
        invocation_id: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Say which project is meant; see dbt's flags of the same names.

        Args:
            path: The folder of ``dbt_project.yml``. By default ``DBT_PROJECT_DIR``, else the working
                directory or the nearest of its parents that has one.
            target: The dbt target. By default ``DBT_TARGET``, else the profile's.
            profiles_dir: The folder of ``profiles.yml``.
            profile: The profile.
            vars: Variables, as a mapping or as YAML.
            target_path: Where dbt's artifacts are.
            state: The folder of another manifest, for ``state:`` in a selection.
            artifacts: A folder or a URL below which dbt's artifacts are read instead.
            dbt_cloud_run_id: A run of dbt Cloud whose artifacts are read instead.
            threads: How many activations may be under way at once. By default the target's ``threads``.
            emit: Is told what happens, while it happens.
            invocation_id: Names what is done, in the artifact. By default each sync has an id of its own.
            clock: Gives the time in UTC, without a zone; another than the usual one is for simulations.
        """
        self.threads = threads
        self._place = Place(
            path, profiles_dir, profile, target, vars, target_path, state, clock, artifacts, dbt_cloud_run_id
        )
        self._emit = emit
        self._invocation_id = invocation_id

    def __repr__(self) -> str:
        return f"Project({str(self._place.project_dir or '.')!r}, target={self._place.target!r})"

    def init(self, destination: str = "criteo") -> Starter:
        """Write a first ``destinations.yml``, unless there is one.

        Args:
            destination: The type of its entry.

        Raises:
            ConfigError: There is no dbt project, or no such type.
        """
        from dbt_activate.config.starter import write_starter

        return write_starter(Workspace(self._place).project, destination)

    def activations(
        self, *select: str, exclude: Iterable[str] = (), selector: str | None = None
    ) -> ActivationListing:
        """List the activations. Needs neither warehouse nor credentials.

        Raises:
            ConfigError: The project's files are wrong; all problems are said.
        """
        from dbt_activate.reporting.activation_listing import ActivationListing

        with self._chosen(select, exclude, selector) as chosen:
            return ActivationListing(chosen.activations)

    def explain(
        self, *select: str, exclude: Iterable[str] = (), selector: str | None = None
    ) -> ExplanationListing:
        """Say of each setting of the activations what its value is, and where it comes from.

        Needs neither warehouse nor credentials.

        Raises:
            ConfigError: The project's files are wrong; all problems are said.
        """
        from dbt_activate.operations.explaining import explain_activations

        with self._chosen(select, exclude, selector) as chosen:
            return explain_activations(chosen.workspace, chosen.activations)

    def exposures(self) -> Exposures:
        """Make dbt exposures of all activations. Needs neither warehouse nor credentials.

        Raises:
            ConfigError: The project's files are wrong; all problems are said.
        """
        from dbt_activate.operations.exposure_file import find_exposures

        return find_exposures(Workspace(self._place))

    def validate(self) -> Validation:
        """Find all that is wrong with the project's files. Needs no warehouse, profile or credentials."""
        from dbt_activate.operations.checks import validate

        return validate(Workspace(self._place))

    def check(self, *, notifications: bool = False) -> Checks:
        """Check versions, project, connection and every destination's credentials. Changes nothing.

        Args:
            notifications: Instead, send a test message to every channel of ``notifications.yml``.
        """
        if notifications:
            from dbt_activate.operations.notifying import try_channels

            return try_channels(Workspace(self._place))
        from dbt_activate.operations.checks import run_checks

        return run_checks(Workspace(self._place))

    def plan(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        full_refresh: bool = False,
        allow_empty: bool = False,
        allow_mass_removal: bool = False,
        everything: bool = False,
        require_results: bool = False,
        ignore_schedule: bool = False,
        threads: int | None = None,
    ) -> Plans:
        """Say what a sync would do. Writes nothing, and asks no destination.

        With a `state`, the result also says which settings changed since.

        Raises:
            ConfigError: The project's files are wrong.
        """
        from dbt_activate.operations.invocation import Request
        from dbt_activate.reporting.plans import Plans
        from dbt_activate.sync.plan import Allowed

        with self._chosen(select, exclude, selector) as chosen:
            changes = self._changes(chosen.workspace)
            request = Request(
                chosen.selection,
                dry_run=True,
                full_refresh=full_refresh,
                allowed=Allowed(mass_removal=allow_mass_removal, empty=allow_empty),
                everything=everything,
                require_results=require_results,
                ignore_schedule=ignore_schedule,
                threads=threads or self.threads,
            )
            return Plans(self._invoke(chosen, request).items, changes)

    def sync(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        full_refresh: bool = False,
        dry_run: bool = False,
        allow_empty: bool = False,
        allow_mass_removal: bool = False,
        fail_fast: bool = False,
        everything: bool = False,
        require_results: bool = False,
        ignore_schedule: bool = False,
        threads: int | None = None,
    ) -> SyncResult:
        """Bring the audiences in step with their segments.

        An activation that fails stands in the result, and does not stop the others; see
        `SyncResult.raise_for_failures`. What was done is written to
        ``<target-path>/activate/activation_results.json``.

        Args:
            select: What to sync; everything by default.
            exclude: What to leave out.
            selector: A selector of ``selectors.yml``.
            full_refresh: Send everybody again. Who left is removed; nobody else is touched.
            dry_run: Only plan; see `plan`.
            allow_empty: Waive the guard against an empty segment.
            allow_mass_removal: Waive the guard against removing too many.
            fail_fast: Begin no further activation after one failed.
            everything: Also read what dbt has not built since the last sync.
            require_results: Refuse to go on without dbt's ``run_results.json``.
            ignore_schedule: Also sync what is not due, and what is synced by hand.
            threads: How many activations may be under way at once.

        Raises:
            ConfigError: The project's files are wrong; nothing was sent.
            KeyboardInterrupt: A person pressed Ctrl-C. What was acknowledged is kept.
        """
        from dbt_activate.operations.invocation import Request
        from dbt_activate.sync.plan import Allowed

        with self._chosen(select, exclude, selector) as chosen:
            request = Request(
                chosen.selection,
                dry_run=dry_run,
                full_refresh=full_refresh,
                allowed=Allowed(mass_removal=allow_mass_removal, empty=allow_empty),
                fail_fast=fail_fast,
                threads=threads or self.threads,
                everything=everything,
                require_results=require_results,
                ignore_schedule=ignore_schedule,
            )
            return self._invoke(chosen, request, keep=True)

    def status(self, *select: str, exclude: Iterable[str] = (), selector: str | None = None) -> StatusListing:
        """Say how the audiences stand, as the state tables know it.

        Without a selection, audiences that the project no longer has are listed, too.
        """
        from dbt_activate.operations.standing import read_status

        with self._chosen(select, exclude, selector) as chosen:
            return read_status(chosen.workspace, chosen.activations, everything=not chosen.is_narrow)

    def history(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        limit: int | None = 20,
    ) -> History:
        """List past runs, newest first.

        Args:
            select: Whose runs; without a selection also those of activations that the project no longer has.
            exclude: Whose runs to leave out.
            selector: A selector of ``selectors.yml``.
            limit: The most runs; None for all.
        """
        from dbt_activate.operations.standing import read_runs

        with self._chosen(select, exclude, selector) as chosen:
            return read_runs(chosen.workspace, chosen.activations if chosen.is_narrow else None, limit)

    def rejections(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        reveal: bool = False,
    ) -> RejectionListing:
        """List the members that a destination does not take, by name, and why.

        Args:
            select: Whose.
            exclude: Whose not.
            selector: A selector of ``selectors.yml``.
            reveal: Show identifiers as they are, not masked.
        """
        from dbt_activate.operations.standing import read_rejections

        with self._chosen(select, exclude, selector) as chosen:
            return read_rejections(chosen.workspace, chosen.activations, reveal=reveal)

    def reset(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        clear: bool = False,
    ) -> tuple[str, ...]:
        """Forget what is known of the selected audiences; past runs stay in the history.

        Their members stay in the tool, where no later sync removes them, unless they are cleared.

        Args:
            select: Whose audiences. Something has to be selected.
            exclude: Whose not.
            selector: A selector of ``selectors.yml``.
            clear: First take everybody out of the remote audience, also whom we did not put in.

        Returns:
            The keys of the activations whose audience was known, and is forgotten.

        Raises:
            ConfigError: Nothing was selected, or the target may not push to a destination to be cleared.
            HeldError: A run is at work on one of them.
            DestinationError: An audience could not be cleared; it is not forgotten.
        """
        from dbt_activate.operations.reset import reset_audiences

        with self._chosen(select, exclude, selector) as chosen:
            if not chosen.is_narrow:
                raise ConfigError("A reset needs a selection: say whose audience is to be forgotten.")
            return reset_audiences(chosen.workspace, chosen.activations, clear=clear, emit=self._emit)

    def verify(
        self,
        *select: str,
        exclude: Iterable[str] = (),
        selector: str | None = None,
        repair: bool = False,
    ) -> Verification:
        """Compare audiences as they are in their tools with what is known of them.

        Where a tool tells its members they are compared one by one, else their number, where it tells that.

        Args:
            select: Whose; everything by default.
            exclude: Whose not.
            selector: A selector of ``selectors.yml``.
            repair: Sync those that differ so that the difference is mended, and compare again. Members that
                we did not put in are taken out only where ``on_existing: replace`` is set.

        Raises:
            ConfigError: The project's files are wrong, or the target may not push to a destination.
        """
        from dbt_activate.operations.verification import verify_audiences

        with self._chosen(select, exclude, selector) as chosen:
            return verify_audiences(chosen.workspace, chosen.activations, repair=repair, emit=self._emit)

    def orphans(self) -> Orphans:
        """List the audiences whose activation is no longer in the project."""
        from dbt_activate.operations.prune import find_orphans

        return find_orphans(Workspace(self._place))

    def prune(self, *keys: str, delete: bool = False, forget: bool = False) -> Orphans:
        """Let go of audiences whose activation is no longer in the project.

        The members that we put in are taken out, and what is known of the audience is forgotten.

        Args:
            keys: Which, by key as `orphans` lists them; all of them by default.
            delete: Delete the audience instead, if we made it.
            forget: Only forget; the members stay in the tool.

        Raises:
            ConfigError: The target may not push to a destination, or both `delete` and `forget` are set.
        """
        from dbt_activate.operations.prune import find_orphans, prune_audiences
        from dbt_activate.operations.release import LastState

        if delete and forget:
            raise ConfigError("An audience that is only forgotten cannot be deleted: choose one.")
        workspace = Workspace(self._place)
        chosen = [one for one in find_orphans(workspace) if not keys or one.key in keys]
        last_state = LastState.AS_IT_IS if forget else LastState.WITHOUT_OURS
        return prune_audiences(workspace, chosen, LastState.DELETED if delete else last_state)

    def webhook(
        self,
        *select: str,
        jobs: Iterable[int],
        exclude: Iterable[str] = (),
        selector: str | None = None,
        also_failed: bool = False,
        require_results: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Receiver:
        """Make ready to sync after each run of dbt Cloud that its webhook tells of.

        Args:
            select: What to sync; everything by default.
            jobs: The jobs of dbt Cloud whose runs count.
            exclude: What to leave out.
            selector: A selector of ``selectors.yml``.
            also_failed: Also sync after a run that failed; gates hold what did not go well.
            require_results: Refuse to sync without dbt's ``run_results.json``.
            host: Where to listen.
            port: Where to listen; 0 for any free one.

        Raises:
            ConfigError: The project's files are wrong, or a setting of dbt Cloud is missing.
        """
        from dbt_activate.webhook.opening import open_receiver

        def sync(run_id: int) -> SyncResult:
            project = copy(self)
            project._place = replace(self._place, dbt_cloud_run_id=run_id)
            project._invocation_id = None
            return project.sync(*select, exclude=exclude, selector=selector, require_results=require_results)

        workspace = Workspace(self._place)
        return open_receiver(workspace, sync, self._emit, jobs, also_failed=also_failed, address=(host, port))

    @contextmanager
    def _chosen(
        self, select: tuple[str, ...], exclude: Iterable[str], selector: str | None
    ) -> Iterator[_Chosen]:
        selection = self._place.selection(select, tuple(exclude), selector)
        with closing(Workspace(self._place, self._emit)) as workspace:
            yield _Chosen(workspace, selection, self._emit)

    def _changes(self, workspace: Workspace) -> tuple[Change, ...] | None:
        from dbt_activate.operations.explaining import changes_since

        state = self._place.state
        return None if state is None else changes_since(workspace, state, self._emit)

    def _invoke(self, chosen: _Chosen, request: Request, *, keep: bool = False) -> SyncResult:
        from dbt_activate.operations.invocation import Invocation

        activations = chosen.activations
        return Invocation(chosen.workspace, request, self._emit, self._invocation_id).run(
            activations, request.args(chosen.workspace) if keep else None
        )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The project as one call finds it, and what is meant of it."""

    workspace: Workspace
    selection: Selection
    emit: Emit

    @property
    def is_narrow(self) -> bool:
        """Whether a person chose anything, or means the whole project."""
        return bool(self.selection.select or self.selection.exclude or self.selection.selector)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations that are meant, each time looked up, and told of if there are none."""
        activations = self.workspace.select(self.selection)
        for problem in self.workspace.activations.notes:
            self.emit(note(problem))
        if not activations:
            self.emit(nothing_selected(one.key for one in self.workspace.activations.items))
        return activations
