"""One invocation of sync or plan: the selected activations, each carried out as the target may."""

from __future__ import annotations

import importlib
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dbt_activate.dbt.selection import Selection
from dbt_activate.errors import ConfigError
from dbt_activate.operations.alerting import Alerting
from dbt_activate.operations.gating import GO, Decision, Gating
from dbt_activate.operations.opening import open_destination
from dbt_activate.operations.outcome import plan_one, record_held, sync_one
from dbt_activate.operations.runner import Job, Runner
from dbt_activate.operations.timetable import find_waiting
from dbt_activate.reporting.artifact import ARTIFACT, write_artifact
from dbt_activate.reporting.events import Emit
from dbt_activate.reporting.lines import Turn, artifact_failed, finished, found, interrupted, started, summary
from dbt_activate.reporting.results import ActivationResult, Status, SyncResult
from dbt_activate.sync.plan import Allowed
from dbt_activate.sync.run import Context, SyncOptions
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.config.destinations_file import DestinationEntry
    from dbt_activate.destination import Destination
    from dbt_activate.errors import Problem
    from dbt_activate.operations.workspace import Workspace

logger = logging.getLogger("dbt_activate.operations.invocation")

_NEEDED_SOON = ("polars", "dbt_activate.alerts.desk")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks of one invocation.

    Attributes:
        selection: What was selected, and how: what is synced by hand is due where ``--select`` names it.
        dry_run: Only plan.
        full_refresh: Send everybody again.
        allowed: Guards that are waived.
        fail_fast: Begin no further activation after one failed.
        threads: How many activations may be under way at once; None for the target's ``threads``.
        everything: Also read what is as the last sync left it.
        require_results: Refuse to go on without dbt's ``run_results.json``.
        ignore_schedule: Also carry out what is not due.
    """

    selection: Selection = field(default_factory=Selection)
    dry_run: bool = False
    full_refresh: bool = False
    allowed: Allowed = field(default_factory=Allowed)
    fail_fast: bool = False
    threads: int | None = None
    everything: bool = False
    require_results: bool = False
    ignore_schedule: bool = False

    def args(self, workspace: Workspace) -> dict[str, Any]:
        """Return what was asked for, as the artifact keeps it.

        Without the variables of the command line: they may hold what must not be kept.
        """
        return {
            "which": "sync",
            "select": list(self.selection.select),
            "exclude": list(self.selection.exclude),
            "selector": self.selection.selector,
            "profile": workspace.target.profile_name,
            "target": workspace.target.name,
            "threads": self.threads or workspace.target.threads,
            "dry_run": self.dry_run,
            "full_refresh": self.full_refresh,
            "fail_fast": self.fail_fast,
            "allow_empty": self.allowed.empty,
            "allow_mass_removal": self.allowed.mass_removal,
            "all": self.everything,
            "require_results": self.require_results,
            "ignore_schedule": self.ignore_schedule,
        }


class Invocation:
    """Carries out one request."""

    def __init__(self, workspace: Workspace, request: Request, emit: Emit, id_: str | None = None) -> None:
        self.id = id_ or str(uuid.uuid4())
        self._workspace = workspace
        self._request = request
        self._emit = emit
        self._throttles = Throttles()
        self._destinations: dict[str, Destination] = {}
        self._gating = Gating(workspace, emit, request.everything, request.require_results)
        self._decisions: Mapping[str, Decision] = {}
        self._context = Context(
            warehouse=workspace.warehouse,
            tables=workspace.tables,
            target=workspace.target.name,
            invocation_id=workspace.manifest.metadata.invocation_id,
            options=SyncOptions(request.full_refresh, request.allowed, workspace.settings.history_days),
            clock=workspace.place.clock,
            invoked_at=workspace.place.clock(),
        )

    @property
    def threads(self) -> int:
        """How many activations may be under way at once."""
        return self._request.threads or self._workspace.target.threads

    def run(self, activations: Sequence[Activation], args: Mapping[str, Any] | None) -> SyncResult:
        """Carry out the activations, and tell of it.

        Args:
            activations: What was selected.
            args: What was asked for, to be kept in the artifact; None writes none.

        Raises:
            ConfigError: The manifest is of another target, or a destination cannot be opened; nothing
                was sent.
            KeyboardInterrupt: A person pressed Ctrl-C.
        """
        self._workspace.check_target(activations)
        _import_ahead()
        self._decide(activations)
        if activations:
            self._emit(found(activations, self._context.target, self.threads))
        alerting = Alerting(self._workspace, self.id, self._emit)
        result = self.execute(activations)
        if not self._request.dry_run:
            result = alerting.take_in(result, self._names_rejections())
        if args is not None:
            self._keep(result, args)
        if not self._request.dry_run and not result.interrupted:
            alerting.send()
        for event in summary(result):
            self._emit(event)
        if result.interrupted:
            raise KeyboardInterrupt
        if result.bug:
            raise result.bug
        return result

    def execute(self, activations: Sequence[Activation]) -> SyncResult:
        """Carry out the activations. One that fails does not stop the others, unless asked to.

        What fails stands in its result.

        Raises:
            ConfigError: A destination cannot be opened; nothing was sent.
        """
        started_at = self._context.clock()
        self._open_destinations(activations)
        turns = self._turns(activations)
        runner: Runner[ActivationResult] = Runner(
            self.threads, self._stop, lambda result: result.has_failed, self._request.fail_fast
        )
        try:
            runner.run([self._job(turn) for turn in turns])
        except KeyboardInterrupt:
            logger.debug("left before all activations had ended")
        finally:
            self._close_destinations()
        results = self._collected(turns, runner)
        return SyncResult(results, self.id, started_at, self._context.clock(), runner.interrupted)

    def _decide(self, activations: Sequence[Activation]) -> None:
        waiting = {} if self._request.ignore_schedule else self._waiting(activations)
        due = [one for one in activations if one.key not in waiting]
        self._decisions = {**waiting, **self._gating.decide(due)}
        if due and (results := self._gating.results):
            self._context = replace(self._context, results_id=results.invocation_id)

    def _waiting(self, activations: Sequence[Activation]) -> dict[str, Decision]:
        now = self._context.invoked_at or self._context.clock()
        found = find_waiting(activations, self._request.selection.select, now, lambda: self._gating.overview)
        return {key: Decision(not_due=why) for key, why in found.items()}

    def _names_rejections(self) -> Mapping[str, bool]:
        entries = self._workspace.destinations.entries
        kinds = {name: self._destinations.get(name) or entry.destination for name, entry in entries.items()}
        return {name: kind.names_rejections for name, kind in kinds.items()}

    def _job(self, turn: Turn) -> Job[ActivationResult]:
        one = turn.activation
        is_pushed = one.destination in self._destinations
        lane = self._entry(one).lane(one.audience) if is_pushed else None
        return Job(partial(self._carry_out, turn), lane)

    def _keep(self, result: SyncResult, args: Mapping[str, Any]) -> None:
        target_path = self._workspace.output_path
        try:
            write_artifact(target_path, result, args, self._context.invocation_id)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._emit(artifact_failed(str(target_path / ARTIFACT), reason))

    def _turns(self, activations: Sequence[Activation]) -> list[Turn]:
        return [
            Turn(
                number,
                len(activations),
                one,
                self._entry(one).destination.label,
                "sync" if one.destination in self._destinations else "plan",
            )
            for number, one in enumerate(activations, start=1)
        ]

    def _entry(self, activation: Activation) -> DestinationEntry:
        return self._workspace.destinations.entries[activation.destination]

    def _may_push(self, activation: Activation) -> bool:
        return self._entry(activation).may_push(self._context.target)

    def _open_destinations(self, activations: Sequence[Activation]) -> None:
        """Open what is used and may be pushed to, so that a missing credential stops us before any push."""
        if self._request.dry_run:
            return
        problems: list[Problem] = []
        for entry in {
            one.destination: self._entry(one) for one in activations if self._may_push(one)
        }.values():
            try:
                self._destinations[entry.name] = open_destination(entry, self._throttles)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)

    def _close_destinations(self) -> None:
        for destination in self._destinations.values():
            destination.close()

    def _stop(self) -> None:
        self._context.cancelled.set()
        self._throttles.stop()
        self._emit(interrupted())

    def _carry_out(self, turn: Turn) -> ActivationResult:
        decision = self._decisions.get(turn.activation.key, GO)
        result = self._passed_over(turn, decision) or self._begun(turn, decision)
        for event in finished(turn, result):
            self._emit(event)
        return result

    def _passed_over(self, turn: Turn, decision: Decision) -> ActivationResult | None:
        """Leave alone what is not due, held, or as the last sync left it."""
        one, is_permitted = turn.activation, self._may_push(turn.activation)
        if decision.not_due:
            return ActivationResult(one, Status.NOT_DUE, decision.not_due, is_permitted=is_permitted)
        if decision.held:
            result = ActivationResult(one, Status.HELD, decision.held, is_permitted=is_permitted)
            return record_held(result, self._context) if one.destination in self._destinations else result
        if decision.unchanged and not self._request.full_refresh:
            return ActivationResult(one, Status.UNCHANGED, decision.unchanged, is_permitted=is_permitted)
        return None

    def _begun(self, turn: Turn, decision: Decision) -> ActivationResult:
        destination = self._destinations.get(turn.activation.destination)
        self._emit(started(turn))
        if destination is None:
            entry = self._entry(turn.activation)
            result = plan_one(turn, entry, self._context, only_asked=self._request.dry_run)
        else:
            result = sync_one(turn, destination, self._context, self._emit)
        return replace(result, notes=(*decision.notes, *result.notes))

    def _collected(
        self, turns: Sequence[Turn], runner: Runner[ActivationResult]
    ) -> tuple[ActivationResult, ...]:
        for position, turn in enumerate(turns):
            if position not in runner.results:
                result = self._not_ended(turn.activation, runner, is_begun=position in runner.begun)
                runner.results[position] = result
                for event in finished(turn, result):
                    self._emit(event)
        return tuple(runner.results[position] for position in range(len(turns)))

    def _not_ended(
        self, activation: Activation, runner: Runner[ActivationResult], *, is_begun: bool
    ) -> ActivationResult:
        if is_begun:
            status, reason = Status.ERROR, "interrupted before the answers to what was under way had come"
        else:
            reason = "interrupted" if runner.interrupted else "another activation failed (--fail-fast)"
            status = Status.SKIPPED
        return ActivationResult(
            activation, status, f"{reason}. Run sync again.", is_permitted=self._may_push(activation)
        )


def _import_ahead() -> None:
    """Import in the background what is needed soon, while the warehouse is at work."""
    threading.Thread(target=_import_all, name="importing").start()


def _import_all() -> None:
    with suppress(Exception):  # whoever needs it meets the error, and tells of it
        for name in _NEEDED_SOON:
            importlib.import_module(name)
