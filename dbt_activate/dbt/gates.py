"""Whether a segment may go out, as dbt's last invocation went: the model, its tests, its sources.

A segment is held where its model failed, was skipped, or was built in part; or where a test of it failed.
Severity ``warn`` lets through and is said. What the invocation did not touch is not held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ArtifactError, Problem

if TYPE_CHECKING:
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Model
    from dbt_activate.dbt.run_results import NodeResult, RunResults


class Scope(StrEnum):
    """Whose tests count."""

    MODEL = "model"
    """Those of the model."""
    ANCESTORS = "ancestors"
    """Those of the model, and of everything that it is made of."""
    NONE = "none"
    """No test holds a segment."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What holds a segment, beside its model.

    Attributes:
        tests: Whose failed tests hold it.
        freshness: Whether a stale source, as ``dbt source freshness`` found it, holds it.
    """

    tests: Scope = Scope.MODEL
    freshness: bool = False


USUAL_GATES = GateOptions()
"""What holds where nothing is said."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether one segment may go out.

    Attributes:
        reasons: Why it is held; empty where it may go out.
        warnings: What lets through, and should be known.
        is_touched: Whether the invocation built the model.
    """

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_touched: bool = True

    @property
    def is_open(self) -> bool:
        """Whether the segment may go out."""
        return not self.reasons


_FAILED = {"error", "fail", "runtime error"}
_TESTS = {"test", "unit_test"}

_MODEL_REASONS = {
    "error": "its model failed",
    "fail": "its model failed",
    "runtime error": "its model failed",
    "partial success": "its model was built in part: some of its batches failed",
}
_BUILT = {"success", "pass", "warn", "no-op", "reused"}
"""What dbt calls a model that is as it should be; "reused" where it found nothing to do."""


@dataclass(frozen=True)  # without slots: the tests by model are found once, on first use
class Gates:
    """The gates of a project after one invocation of dbt.

    Attributes:
        manifest: What dbt knows of the project.
        results: How the invocation went.
        freshness: How the last ``dbt source freshness`` went; None if there was none.
    """

    manifest: Manifest
    results: RunResults
    freshness: RunResults | None = field(default=None)

    def __post_init__(self) -> None:
        known = self.manifest.resources.keys()
        if self.results.nodes and not self.results.nodes.keys() & known:
            raise ArtifactError([_of_another_project(self.results, self.manifest)])

    def judge(self, model: Model, options: GateOptions) -> Gate:
        """Tell whether a model's segment may go out."""
        result = self.results.nodes.get(model.unique_id)
        reasons, warnings = list(self._model_reasons(model, result)), list[str]()
        for test in self._tests(model, options.tests):
            (reasons if test.status in _FAILED else warnings).extend(self._test_words(test))
        if options.freshness:
            for source in self._stale_sources(model):
                (warnings if source.status == "warn" else reasons).append(self._source_words(source))
        return Gate(tuple(reasons), tuple(warnings), is_touched=result is not None)

    def _model_reasons(self, model: Model, result: NodeResult | None) -> Iterator[str]:
        if result is None or result.status in _BUILT:
            return
        if result.status == "skipped":
            yield f"its model was skipped{self._blame(model)}"
        else:
            unknown = f"dbt says {result.status!r} of its model, which this version does not know"
            yield _MODEL_REASONS.get(result.status, unknown)

    def _blame(self, model: Model) -> str:
        """Name what failed before a model that was skipped."""
        ancestors = self._ancestors(model.unique_id)
        failed = [one for one in ancestors if self._status(one) in _FAILED | {"partial success"}]
        if failed:
            return f", since {self._name(failed[0])} failed"
        tests = (
            test for one in ancestors for test in self._tests_of.get(one, ()) if self._status(test) in _FAILED
        )
        blamed = next(tests, None)
        return f", since the test {self._name(blamed)} failed" if blamed else ""

    def _tests(self, model: Model, scope: Scope) -> list[NodeResult]:
        if scope is Scope.NONE:
            return []
        of = [model.unique_id, *(self._ancestors(model.unique_id) if scope is Scope.ANCESTORS else ())]
        ids = dict.fromkeys(test for one in of for test in self._tests_of.get(one, ()))
        results = (self.results.nodes.get(test) for test in ids)
        return [one for one in results if one and one.status in _FAILED | {"warn", "skipped"}]

    def _test_words(self, test: NodeResult) -> Iterator[str]:
        name = self._name(test.unique_id)
        if test.status == "skipped":
            yield f"its test {name} was skipped"
        elif test.status in ("error", "runtime error"):
            yield f"its test {name} could not be run"
        else:
            rows = (
                ""
                if test.failures is None
                else f" ({test.failures:,} row{'' if test.failures == 1 else 's'})"
            )
            yield f"its test {name} {'warns' if test.status == 'warn' else 'failed'}{rows}"

    def _stale_sources(self, model: Model) -> Iterator[NodeResult]:
        for one in self._ancestors(model.unique_id):
            found = self.freshness.nodes.get(one) if self.freshness else None
            if found and found.status not in ("pass", "success"):
                yield found

    def _source_words(self, source: NodeResult) -> str:
        how = "could not be checked" if source.status == "runtime error" else "is stale"
        return f"its source {self._name(source.unique_id)} {how}"

    def _ancestors(self, unique_id: str) -> list[str]:
        """Return what a node is made of, the nearest first."""
        found: dict[str, None] = {}
        waiting = list(self.manifest.parents.get(unique_id, ()))
        while waiting:
            one = waiting.pop(0)
            if one not in found:
                found[one] = None
                waiting += self.manifest.parents.get(one, ())
        return list(found)

    @cached_property
    def _tests_of(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for id_, node in self.manifest.resources.items():
            if node.get("resource_type") in _TESTS:
                for tested in _tested(node):
                    found.setdefault(tested, []).append(id_)
        return {tested: tuple(sorted(tests)) for tested, tests in found.items()}

    def _status(self, unique_id: str) -> str:
        found = self.results.nodes.get(unique_id)
        return found.status if found else ""

    def _name(self, unique_id: str) -> str:
        node = self.manifest.resources.get(unique_id) or {}
        name = str(node.get("name") or unique_id)
        return f"{node['source_name']}.{name}" if node.get("source_name") else name


def _tested(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what a test is about: a generic one its model alone, another all that it reads."""
    attached = node.get("attached_node")
    return (attached,) if attached else tuple((node.get("depends_on") or {}).get("nodes") or ())


def _of_another_project(results: RunResults, manifest: Manifest) -> Problem:
    return Problem(
        results.label,
        "",
        "",
        f"speaks of nothing that is in {manifest.label}: it is of another project, or of an older one.",
        "Run dbt again, or set --target-path to where it wrote both.",
    )
