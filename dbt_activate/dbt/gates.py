"""Whether a segment may go out, as dbt's last invocation went: the model, its tests, its sources.

A segment is held where its model failed, was skipped, or was built in part; or where a test of it failed.
Severity ``warn`` lets through and is said. What the invocation did not touch is not held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from dbt_activate.dbt.lineage import TESTS, Lineage, has_freshness
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
_BROKEN = _FAILED | {"partial success"}
_FIRST_HOOK = "-on-run-start-"

_MODEL_REASONS = {
    "error": "its model failed",
    "fail": "its model failed",
    "runtime error": "its model failed",
    "partial success": "its model was built in part: some of its batches failed",
}
_BUILT = {"success", "pass", "warn", "no-op", "reused"}
"""What dbt calls a model that is as it should be; "reused" where it found nothing to do."""


@dataclass(frozen=True)  # without slots: the lineage is made once, on first use
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

    @cached_property
    def _lineage(self) -> Lineage:
        return Lineage(self.manifest)

    def __post_init__(self) -> None:
        known = self.manifest.resources.keys()
        if self.results.nodes and not self.results.nodes.keys() & known:
            raise ArtifactError([_of_another_project(self.results, self.manifest)])

    def judge(self, model: Model, options: GateOptions) -> Gate:
        """Tell whether a model's segment may go out."""
        result = self.results.nodes.get(model.unique_id)
        culprit = self._culprit(model) if result and result.status == "skipped" else None
        reasons, warnings = list(self._model_reasons(result, culprit)), list[str]()
        for test in self._tests(model, options.tests):
            if test.unique_id != culprit:
                (reasons if test.status in _FAILED else warnings).extend(self._test_words(test))
        if options.freshness:
            for source in self._stale_sources(model):
                (warnings if source.status == "warn" else reasons).append(self._source_words(source))
            warnings += self._unchecked_sources(model)
        return Gate(tuple(reasons), tuple(warnings), is_touched=result is not None)

    @property
    def unknown_failures(self) -> tuple[str, ...]:
        """The ids of what failed and is not in the manifest: whom it should hold cannot be told."""
        failed = (id_ for id_, result in self.results.nodes.items() if result.status in _BROKEN)
        return tuple(sorted(id_ for id_ in failed if id_ not in self.manifest.resources))

    def _model_reasons(self, result: NodeResult | None, culprit: str | None) -> Iterator[str]:
        if result is None:
            return
        if result.status in _BUILT:
            if self.results.portion:
                yield f"its model was built with {self.results.portion}: not everybody is in it"
        elif result.status == "skipped":
            yield f"its model was skipped{self._blame(culprit)}"
        else:
            unknown = f"dbt says {result.status!r} of its model, which this version does not know"
            yield _MODEL_REASONS.get(result.status, unknown)

    def _blame(self, culprit: str | None) -> str:
        if culprit is None:
            return ""
        if _FIRST_HOOK in culprit:
            return ", since an on-run-start hook failed"
        is_test = (self.manifest.resources.get(culprit) or {}).get("resource_type") in TESTS
        return f", since {'the test ' if is_test else ''}{self._name(culprit)} failed"

    def _culprit(self, model: Model) -> str | None:
        """Find what failed before a model that was skipped; None where it cannot be told."""
        ancestors = self._lineage.ancestors(model.unique_id)
        failed = (one for one in ancestors if self._status(one) in _BROKEN)
        tests = (test for one in (model.unique_id, *ancestors) for test in self._lineage.tests_of(one))
        failed_tests = (one for one in tests if self._status(one) in _FAILED)
        made_of = frozenset(ancestors)
        before = (one for one in failed_tests if self._lineage.is_before(one, model.unique_id, made_of))
        hooks = (id_ for id_ in self.results.nodes if _FIRST_HOOK in id_ and self._status(id_) in _FAILED)
        return next(chain(failed, before, hooks), None)

    def _tests(self, model: Model, scope: Scope) -> list[NodeResult]:
        if scope is Scope.NONE:
            return []
        of = [
            model.unique_id,
            *(self._lineage.ancestors(model.unique_id) if scope is Scope.ANCESTORS else ()),
        ]
        ids = dict.fromkeys(test for one in of for test in self._lineage.tests_of(one))
        results = (self.results.nodes.get(test) for test in ids)
        return [one for one in results if one and one.status in _FAILED | {"warn", "skipped"}]

    def _test_words(self, test: NodeResult) -> Iterator[str]:
        name = self._name(test.unique_id)
        if test.status == "skipped":
            yield f"its test {name} was skipped"
        elif test.status in ("error", "runtime error"):
            yield f"its test {name} could not be run"
        else:
            yield f"its test {name} {'warns' if test.status == 'warn' else 'failed'}{self._rows(test)}"

    def _rows(self, test: NodeResult) -> str:
        is_unit_test = test.unique_id.startswith("unit_test.")  # of which dbt counts one, whatever it found
        if test.failures is None or is_unit_test:
            return ""
        return f" ({test.failures:,} row{'' if test.failures == 1 else 's'})"

    def _stale_sources(self, model: Model) -> Iterator[NodeResult]:
        for one in self._lineage.ancestors(model.unique_id):
            found = self.freshness.nodes.get(one) if self.freshness else None
            if found and found.status not in ("pass", "success"):
                yield found

    def _unchecked_sources(self, model: Model) -> Iterator[str]:
        """Name sources with limits that dbt left out: it does so, too, where it could not check them."""
        for one in self._lineage.ancestors(model.unique_id) if self.freshness else ():
            source = self.manifest.resources.get(one) or {}
            if has_freshness(source) and self.freshness and one not in self.freshness.nodes:
                yield (
                    f"its source {self._name(one)} was not checked by the last `dbt source freshness`, "
                    "or could not be"
                )

    def _source_words(self, source: NodeResult) -> str:
        how = "could not be checked" if source.status == "runtime error" else "is stale"
        return f"its source {self._name(source.unique_id)} {how}"

    def _status(self, unique_id: str) -> str:
        found = self.results.nodes.get(unique_id)
        return found.status if found else ""

    def _name(self, unique_id: str) -> str:
        node = self.manifest.resources.get(unique_id) or {}
        name = str(node.get("name") or unique_id)
        return f"{node['source_name']}.{name}" if node.get("source_name") else name


def _of_another_project(results: RunResults, manifest: Manifest) -> Problem:
    return Problem(
        results.label,
        "",
        "",
        f"speaks of nothing that is in {manifest.label}: it is of another project, or of an older one.",
        "Run dbt again, or set --target-path to where it wrote both.",
    )
