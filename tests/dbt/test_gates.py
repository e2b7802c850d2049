"""Every run status, test status and option: is the segment synced or held, and what is said of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dbt_activate.dbt.gates import GateOptions, Gates, Scope
from dbt_activate.dbt.manifest import Manifest, Metadata
from dbt_activate.dbt.project import read_project
from dbt_activate.dbt.run_results import NodeResult, RunResults, read_freshness, read_run_results
from dbt_activate.errors import ArtifactError

VIPS, CUSTOMERS, RAW = "model.shop.vips", "model.shop.customers", "source.shop.raw.orders"
OWN_TEST, PARENT_TEST, SINGULAR = "test.shop.vips_unique", "test.shop.customers_unique", "test.shop.no_dupes"
BEFORE_IT, UNIT_TEST = "test.shop.customers_not_null", "unit_test.shop.vips.spend"
START, END = "operation.shop.shop-on-run-start-0", "operation.shop.shop-on-run-end-0"
ONE_DAY = {"warn_after": {"count": None, "period": None}, "error_after": {"count": 1, "period": "day"}}
NO_DAY = {"warn_after": {"count": None, "period": None}, "error_after": {"count": None, "period": None}}


def node(unique_id: str, *parents: str, **more: Any) -> dict[str, Any]:
    """Write a node as the manifest does."""
    kind, _, *name = unique_id.split(".")
    return {
        "resource_type": kind,
        "name": name[-1],
        "package_name": "shop",
        "depends_on": {"nodes": list(parents)},
        **more,
    }


MANIFEST = Manifest(
    "target/manifest.json",
    Metadata(),
    {
        RAW: node(RAW, source_name="raw"),
        CUSTOMERS: node(CUSTOMERS, RAW),
        VIPS: node(VIPS, CUSTOMERS),
        OWN_TEST: node(OWN_TEST, VIPS, attached_node=VIPS),
        PARENT_TEST: node(PARENT_TEST, CUSTOMERS, VIPS, attached_node=CUSTOMERS),
        SINGULAR: node(SINGULAR, VIPS, CUSTOMERS),
        BEFORE_IT: node(BEFORE_IT, CUSTOMERS, attached_node=CUSTOMERS),
        UNIT_TEST: node(UNIT_TEST, VIPS),
        START: node(START),
        END: node(END),
    },
)


def results(label: str = "target/run_results.json", **statuses: str) -> RunResults:
    """Make results; a name stands for the id that ends with it."""
    ids = {re.sub(r"\W", "_", id_.split(".", 2)[-1]): id_ for id_ in MANIFEST.resources}
    nodes = {ids[name]: NodeResult(ids[name], status) for name, status in statuses.items() if status}
    return RunResults(label, "i", None, "build", nodes)


RUN_STATUSES = {
    "success": "",
    "no-op": "",
    "": "",  # the invocation did not touch it
    "error": "its model failed",
    "fail": "its model failed",
    "runtime error": "its model failed",
    "partial success": "its model was built in part: some of its batches failed",
    "skipped": "its model was skipped",
    "quarantined": "dbt says 'quarantined' of its model, which this version does not know",
}
TEST_STATUSES = {
    "pass": "",
    "": "",
    "fail": "its test vips_unique failed",
    "error": "its test vips_unique could not be run",
    "runtime error": "its test vips_unique could not be run",
    "warn": "",
    "skipped": "",
}
TEST_WARNINGS = {"warn": "its test vips_unique warns", "skipped": "its test vips_unique was skipped"}


@pytest.mark.parametrize(
    ("run", "test", "scope"),
    list(product(RUN_STATUSES, TEST_STATUSES, Scope)),
    ids=lambda value: value or "absent",
)
def test_every_run_status_with_every_test_status(run: str, test: str, scope: Scope) -> None:
    """Held by a model that is not as it should be, or by a failed test that counts; and nothing else."""
    gates = Gates(MANIFEST, results(vips=run, vips_unique=test, customers="success"))
    gate = gates.judge(MANIFEST.model(VIPS), GateOptions(scope))
    counts = scope is not Scope.NONE
    wanted = [RUN_STATUSES[run], TEST_STATUSES[test] if counts else ""]
    assert gate.reasons == tuple(filter(None, wanted))
    assert gate.warnings == tuple(filter(None, [TEST_WARNINGS.get(test, "") if counts else ""]))
    assert gate.is_open is not any(wanted)
    assert gate.is_touched is bool(run)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("status", [status for status in TEST_STATUSES if status])
def test_a_test_of_what_it_is_made_of(status: str, scope: Scope) -> None:
    """It counts with ``tests: ancestors`` only, though it reads the segment, too."""
    gates = Gates(MANIFEST, results(vips="success", customers_unique=status))
    gate = gates.judge(MANIFEST.model(VIPS), GateOptions(scope))
    is_held = scope is Scope.ANCESTORS and status in ("fail", "error", "runtime error")
    assert gate.is_open is not is_held


@pytest.mark.parametrize("scope", Scope)
def test_a_singular_test_is_about_all_that_it_reads(scope: Scope) -> None:
    """A test in a file of its own holds each segment that it reads."""
    gate = Gates(MANIFEST, results(no_dupes="fail")).judge(MANIFEST.model(VIPS), GateOptions(scope))
    assert gate.is_open is (scope is Scope.NONE)


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ({"customers": "error"}, "its model was skipped, since customers failed"),
        ({"customers_not_null": "fail"}, "its model was skipped, since the test customers_not_null failed"),
        ({"customers_unique": "fail"}, "its model was skipped"),  # reads the segment: it would come after
        ({"vips_spend": "fail"}, "its model was skipped, since the test spend failed"),
        ({"shop_on_run_start_0": "error"}, "its model was skipped, since an on-run-start hook failed"),
        ({"shop_on_run_end_0": "error"}, "its model was skipped"),
        ({}, "its model was skipped"),
    ],
)
def test_a_skipped_model_says_what_failed_before_it(statuses: dict[str, str], words: str) -> None:
    """A person need not look for it."""
    gates = Gates(MANIFEST, results(vips="skipped", **statuses))
    assert gates.judge(MANIFEST.model(VIPS), GateOptions()).reasons == (words,)


def test_what_made_dbt_skip_the_model_is_said_once() -> None:
    """A failed unit test is why the model was skipped, and is no second reason."""
    gates = Gates(MANIFEST, results(vips="skipped", vips_spend="fail", vips_unique="fail"))
    assert gates.judge(MANIFEST.model(VIPS), GateOptions(Scope.ANCESTORS)).reasons == (
        "its model was skipped, since the test spend failed",
        "its test vips_unique failed",
    )


@pytest.mark.parametrize(("id_", "words"), [(OWN_TEST, " (3 rows)"), (UNIT_TEST, "")])
def test_the_rows_that_a_test_found_are_said(id_: str, words: str) -> None:
    """Those of a data test; a unit test finds none, though dbt counts one."""
    found = replace(results(), nodes={id_: NodeResult(id_, "fail", failures=3)})
    [reason] = Gates(MANIFEST, found).judge(MANIFEST.model(VIPS), GateOptions()).reasons
    assert reason.partition(" failed")[2] == words


@pytest.mark.parametrize("flag", ["--empty", "--sample"])
@pytest.mark.parametrize("status", ["success", "error", ""])
def test_a_model_that_was_built_from_a_part_of_the_rows_is_held(flag: str, status: str) -> None:
    """With ``--empty`` or ``--sample`` it holds fewer people than it should, who would be removed."""
    gates = Gates(MANIFEST, replace(results(vips=status, customers="success"), portion=flag))
    gate = gates.judge(MANIFEST.model(VIPS), GateOptions(Scope.NONE))
    of_part = f"its model was built with {flag}: not everybody is in it"
    assert gate.reasons == {"success": (of_part,), "error": ("its model failed",), "": ()}[status]


@pytest.mark.parametrize("freshness", [ONE_DAY, NO_DAY, None])
@pytest.mark.parametrize("place", ["node", "config"])
def test_a_source_that_was_not_checked_is_said(freshness: dict[str, Any] | None, place: str) -> None:
    """What dbt could not check is not in sources.json; a source without limits is never in it."""
    said = {"freshness": freshness} if place == "node" else {"config": {"freshness": freshness}}
    raw = node(RAW, source_name="raw", **said)
    manifest = replace(MANIFEST, resources={**MANIFEST.resources, RAW: raw})
    gates = Gates(manifest, results(vips="success"), results("target/sources.json"))
    gate = gates.judge(manifest.model(VIPS), GateOptions(freshness=True))
    words = "its source raw.orders was not checked by the last `dbt source freshness`, or could not be"
    assert (gate.reasons, gate.warnings) == ((), (words,) if freshness is ONE_DAY else ())
    assert gates.judge(manifest.model(VIPS), GateOptions()).warnings == ()


def test_failures_that_the_manifest_does_not_know_are_found() -> None:
    """A test that failed and was renamed since holds nothing: somebody should know."""
    gone = {
        id_: NodeResult(id_, status) for id_, status in [("test.shop.a", "fail"), ("test.shop.b", "pass")]
    }
    found = results(vips="success", customers="error")
    gates = Gates(MANIFEST, replace(found, nodes={**found.nodes, **gone}))
    assert gates.unknown_failures == ("test.shop.a",)


@pytest.mark.parametrize("is_asked", [True, False])
@pytest.mark.parametrize(
    ("status", "is_held", "words"),
    [
        ("pass", False, ""),
        ("warn", False, "its source raw.orders is stale"),
        ("error", True, "its source raw.orders is stale"),
        ("runtime error", True, "its source raw.orders could not be checked"),
    ],
)
def test_stale_sources(status: str, is_held: bool, words: str, is_asked: bool) -> None:
    """They hold a segment where that is asked for; severity ``warn`` is only said."""
    stale = results("target/sources.json", raw_orders=status)
    gates = Gates(MANIFEST, results(vips="success"), stale)
    gate = gates.judge(MANIFEST.model(VIPS), GateOptions(freshness=is_asked))
    assert gate.is_open is not (is_held and is_asked)
    assert (gate.reasons + gate.warnings) == ((words,) if words and is_asked else ())


def test_results_of_another_project_are_refused() -> None:
    """Nothing in them is known to the manifest, so they would open every gate."""
    foreign = RunResults(
        "target/run_results.json", "i", None, "run", {"model.other.x": NodeResult("model.other.x", "error")}
    )
    with pytest.raises(ArtifactError, match="is of another project"):
        Gates(MANIFEST, foreign)
    assert Gates(MANIFEST, results()).judge(MANIFEST.model(VIPS), GateOptions()).is_open


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The target folder of an empty project."""
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_what_dbt_writes_is_read(target: Path) -> None:
    """Ids, statuses, failures and times, as run_results.json has them; freshness likewise."""
    timing = [{"name": "compile"}, {"name": "execute", "completed_at": "2026-11-22T04:00:00.5Z"}]
    one = {"unique_id": VIPS, "status": "success", "timing": timing}
    two = {"unique_id": OWN_TEST, "status": "fail", "failures": 3, "timing": []}
    metadata = {"invocation_id": "abc", "generated_at": "2026-11-22T04:00:01Z"}
    text = json.dumps({"metadata": metadata, "args": {"which": "build"}, "results": [one, two]})
    (target / "run_results.json").write_text(text)
    found = read_run_results(read_project(target.parent))
    assert found is not None
    assert (found.invocation_id, found.command, str(found.generated_at)) == (
        "abc",
        "build",
        "2026-11-22 04:00:01",
    )
    assert str(found.nodes[VIPS].completed_at) == "2026-11-22 04:00:00.500000"
    assert (found.nodes[OWN_TEST].status, found.nodes[OWN_TEST].failures) == ("fail", 3)
    assert read_freshness(read_project(target.parent)) is None


def test_what_dbt_does_not_say_is_left_open(target: Path) -> None:
    """Metadata and arguments of another shape are taken for none."""
    (target / "run_results.json").write_text('{"metadata": [1], "args": ["build"], "results": []}')
    found = read_run_results(read_project(target.parent))
    assert found is not None
    assert (found.invocation_id, found.command, found.generated_at) == ("", "", None)


@pytest.mark.parametrize(
    "text", ["", '{"results": [', "[]", "{}", '{"results": {}}', '{"results": [1]}', '{"results": null}']
)
def test_broken_results_are_an_error(target: Path, text: str) -> None:
    """A file that was cut off, or is something else, says so and what to do."""
    (target / "run_results.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"target/run_results.json.*Run dbt again"):
        read_run_results(read_project(target.parent))


@pytest.mark.parametrize("odd", [[], "x", 7, None, {}])
def test_odd_metadata_does_no_harm(target: Path, odd: object) -> None:
    """It is as if dbt had said nothing there."""
    (target / "run_results.json").write_text(json.dumps({"metadata": odd, "args": odd, "results": []}))
    found = read_run_results(read_project(target.parent))
    assert found is not None
    assert (found.invocation_id, found.command, found.target, found.portion) == ("", "", "", "")


@pytest.mark.parametrize(
    ("args", "portion"),
    [
        ({"empty": True, "sample": None}, "--empty"),
        ({"empty": False, "sample": {"start": "2026-11-19", "end": "2026-11-22"}}, "--sample"),
        ({"empty": False, "sample": None}, ""),
        ({"empty": None}, ""),
        ({}, ""),
    ],
)
def test_how_dbt_was_called_is_read(target: Path, args: dict[str, Any], portion: str) -> None:
    """The target that was named, and whether models were built from a part of the rows."""
    content = {"args": {"which": "build", "target": "prod", **args}, "results": []}
    (target / "run_results.json").write_text(json.dumps(content))
    found = read_run_results(read_project(target.parent))
    assert found is not None
    assert (found.target, found.portion) == ("prod", portion)


@pytest.mark.parametrize("timing", [None, "x", [None], [{"completed_at": 7}], [{"completed_at": "soon"}]])
def test_odd_details_do_no_harm(target: Path, timing: object) -> None:
    """Where dbt leaves something out, it is not known; the status still counts."""
    text = json.dumps(
        {"results": [{"unique_id": VIPS, "status": "ERROR", "timing": timing, "failures": "x"}]}
    )
    (target / "run_results.json").write_text(text)
    found = read_run_results(read_project(target.parent))
    assert found is not None
    assert found.nodes[VIPS] == NodeResult(VIPS, "error")
