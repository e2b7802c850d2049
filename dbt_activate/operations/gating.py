"""Which activations may not go out now, held by a gate, and which need not be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_activate.dbt.gates import Gate, Gates
from dbt_activate.dbt.run_results import RUN_RESULTS, SOURCES, RunResults, read_freshness, read_run_results
from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.reporting.events import (
    artifacts_differ,
    failures_unknown,
    gates_off,
    results_are_old,
    results_are_silent,
    results_of_another_target,
)
from dbt_activate.state.overview import Overview, read_overview
from dbt_activate.state.recorded import Recorded, read_recorded

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.reporting.events import Emit, Event
    from dbt_activate.state.runs import RunRecord

STORED = {"table", "incremental", "seed", "snapshot"}
"""Materialisations whose rows change only when dbt builds them; a view changes with what it reads."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with one activation.

    Attributes:
        held: Why it may not go out; empty where it may.
        unchanged: Why it need not be read again; empty where it must be.
        not_due: Why it waits for its time; empty where it is due.
        notes: What should be known, though it goes out.
    """

    held: str = ""
    unchanged: str = ""
    not_due: str = ""
    notes: tuple[str, ...] = ()


GO = Decision()


@dataclass(frozen=True)  # without slots: what is read is read once
class Gating:
    """The decisions of one invocation.

    Attributes:
        workspace: The project.
        emit: Is told what is odd about dbt's files.
        everything: Whether also to read what is as the last sync left it.
        is_required: Whether to refuse to go on without results.
    """

    workspace: Workspace
    emit: Emit
    everything: bool = False
    is_required: bool = False

    @cached_property
    def results(self) -> RunResults | None:
        """How dbt's last invocation went; None if nothing says it.

        It is told by dbt's file; or by the warehouse, where the dbt package records it and there is no
        file, or an older one that nobody asked for.

        Raises:
            ArtifactError: The file is broken.
        """
        file = self._file
        if file and file.is_silent:
            self.emit(results_are_silent(file.label, file.command))
            file = None
        return self._later(file, lambda: self.recorded.latest)

    @cached_property
    def freshness(self) -> RunResults | None:
        """How the last ``dbt source freshness`` went, by file or warehouse, too; None if nothing says it.

        Raises:
            ArtifactError: The file is broken.
        """
        return self._later(read_freshness(self.workspace.project), lambda: self.recorded.freshness)

    def _later(
        self, file: RunResults | None, read_recorded: Callable[[], RunResults | None]
    ) -> RunResults | None:
        if file and self.workspace.place.names_artifacts:
            return file
        recorded = read_recorded()
        if file is None or recorded is None or recorded.invocation_id == file.invocation_id:
            return file or recorded
        if file.generated_at and recorded.generated_at and file.generated_at >= recorded.generated_at:
            return file
        self.emit(results_are_old(file.label, recorded.label))
        return recorded

    @cached_property
    def _file(self) -> RunResults | None:
        return read_run_results(self.workspace.project)

    def decide(self, activations: Iterable[Activation]) -> Mapping[str, Decision]:
        """Decide what is to be done with each activation, by key.

        Raises:
            ArtifactError: dbt's results are broken, of another project, or required and not there.
        """
        activations = tuple(activations)
        if not activations:
            return {}
        if self.results is None:
            self._do_without()
        freshness = self._wanted_freshness(activations)
        if self.results is None and freshness is None:
            return {one.key: GO for one in activations}
        nothing = RunResults(self._label(RUN_RESULTS), "", None, "", {})
        gates = Gates(self.workspace.manifest, self.results or nothing, freshness)
        for event in self._odd(gates):
            self.emit(event)
        return {
            one.key: self._decide(one, gates.judge(one.model, one.gates), self.overview)
            for one in activations
        }

    def _odd(self, gates: Gates) -> Iterator[Event]:
        """Tell of dbt's files what does not go together."""
        manifest, target = self.workspace.manifest, self.workspace.target.name
        if self.results is None:
            return
        if self.results.invocation_id != manifest.metadata.invocation_id:
            yield artifacts_differ(manifest.label, self.results.label)
        # dbt Cloud has names of its own for targets.
        if self.results.target not in ("", target) and not self.workspace.place.names_artifacts:
            yield results_of_another_target(self.results.label, self.results.target, target)
        if failures := gates.unknown_failures:
            yield failures_unknown(self.results.label, manifest.label, failures)

    def _do_without(self) -> None:
        label = self._label(RUN_RESULTS)
        if self._file:  # it is there, and silent
            reason = f"was written by `dbt {self._file.command}`, which builds nothing"
            required = "and results are required."
            hint = "Sync right after `dbt build`, or let that command write elsewhere (--target-path)."
        else:
            reason, required = "is not there", "and is required."
            hint = "Run dbt here before, or point --target-path to where it wrote its files."
        if self.is_required:
            raise ArtifactError([Problem(label, "", "", f"{reason}, {required}", hint)])
        self.emit(gates_off(label, reason))

    def _wanted_freshness(self, activations: Iterable[Activation]) -> RunResults | None:
        if not any(one.gates.freshness for one in activations):
            return None
        found = self.freshness
        if found is None and self.is_required:
            hint = "Run `dbt source freshness` before, or take gates.freshness out."
            raise ArtifactError(
                [Problem(self._label(SOURCES), "", "", "is not there, and is required.", hint)]
            )
        if found is None:
            self.emit(gates_off(self._label(SOURCES)))
        return found

    def _label(self, name: str) -> str:
        return f"{self.workspace.project.target_path.name}/{name}"

    @property
    def overview(self) -> Overview:
        """How all audiences stood when it was first asked for."""
        return self._state[0]

    @property
    def recorded(self) -> Recorded:
        """What the dbt package recorded of dbt's invocations."""
        return self._state[1]

    @cached_property
    def _state(self) -> tuple[Overview, Recorded]:
        workspace = self.workspace
        with workspace.warehouse.session(read_only=True) as session:
            tables, existing = workspace.tables, workspace.tables.existing(session)
            project, target = workspace.project.name, workspace.target.name
            overview = read_overview(session, tables, workspace.place.clock(), existing, is_counted=False)
            return overview, read_recorded(session, tables, existing, project, target)

    def _decide(self, activation: Activation, gate: Gate, overview: Overview) -> Decision:
        if not gate.is_open:
            return Decision(held="held: " + "; ".join(gate.reasons))
        last = overview.last_runs.get(activation.key)
        if not self.everything and last and self._is_as_it_was(activation, last, overview):
            return Decision(unchanged="dbt has built nothing since the last sync (--all reads it again)")
        return Decision(notes=(*gate.warnings, *self._age(last), *self._age_of_freshness(activation, last)))

    def _is_as_it_was(self, activation: Activation, last: RunRecord, overview: Overview) -> bool:
        key, model = activation.key, activation.model
        return (
            self.results is not None
            and (model.materialized in STORED or model.resource_type in STORED)
            and last.status == "success"
            and key in overview.audiences  # it was not reset since
            and not self._may_be_built_since(model.unique_id, last, self.results)
            and last.fingerprint == activation.fingerprint
            and not overview.open_changes.get(key)
            and not (activation.retry_rejected and overview.rejected.get(key))
        )

    def _may_be_built_since(self, unique_id: str, last: RunRecord, results: RunResults) -> bool:
        if last.results_id == results.invocation_id != "":
            return False
        if not self.recorded.covers(last.results_id, results.invocation_id):
            return True
        return self.recorded.was_built_since(unique_id, last.results_id)

    def _age(self, last: RunRecord | None) -> tuple[str, ...]:
        """Notice results that are older than those by which the last sync went."""
        if last is None or self.results is None or last.results_id in ("", self.results.invocation_id):
            return ()
        written = self.results.generated_at
        if last.status != "success" or written is None or written >= last.started_at:
            return ()
        note = (
            f"{self.results.label} is of {written:%Y-%m-%d %H:%M}Z, and the last sync, of "
            f"{last.started_at:%Y-%m-%d %H:%M}Z, went by others: are these the files of dbt's last run?"
        )
        return (note,)

    def _age_of_freshness(self, activation: Activation, last: RunRecord | None) -> tuple[str, ...]:
        """Notice a check of sources that says nothing of what came since the last sync."""
        checked = self.freshness.generated_at if activation.gates.freshness and self.freshness else None
        if last is None or last.status != "success" or checked is None or checked >= last.started_at:
            return ()
        label = self.freshness.label if self.freshness else ""
        return (f"{label} is older than the last sync: run `dbt source freshness` before each",)
