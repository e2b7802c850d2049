"""Selection: dbt's whole grammar, and what chooses activations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_inspect import HEAVY, imported_by
from tests.shop import Shop

TWO_TOOLS = [
    {"destination": "criteo", "mapping": {"email": "email"}, "audience": "VIP customers"},
    {"destination": "criteo", "name": "vip_phones", "mapping": {"madid": "mobile_ad_id"}},
    {"destination": "folder", "mapping": {"email": "email"}},
]
FOLDER = "folder: {type: files, targets: [prod], url: /nowhere}\n"


def listed(shop: Shop, *arguments: str) -> list[str]:
    """Return the keys of what is selected, without the destination that most have."""
    result = shop.activate("list", "--output", "name", *arguments)
    assert result.exit_code == 0, result.output
    return [key.removeprefix("criteo.") for key in result.stdout.splitlines()]


@pytest.fixture
def two_tools(shop: Shop) -> Shop:
    """A shop of which one segment goes into two tools, and into one of them twice."""
    shop.configure("vip_customers", TWO_TOOLS)
    shop.rewrite("destinations.yml", lambda text: text + FOLDER)
    return shop


ALL = ["newcomers", "vip_customers", "vip_phones", "folder.vip_customers"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-s", "destination:folder"], ALL[3:]),
        (["-s", "destination:files"], ALL[3:]),
        (["-s", "destination:cri*"], ALL[:3]),
        (["-s", "activation:vip_customers"], [ALL[1], ALL[3]]),
        (["-s", "activation:criteo.vip_customers"], [ALL[1]]),
        (["-s", "activation:criteo.*"], ALL[:3]),
        (["-s", "activation:*_phones"], [ALL[2]]),
        (["-s", "destination:folder", "newcomers"], [ALL[0], ALL[3]]),
        (["-s", "activation:vip_phones newcomers"], [ALL[0], ALL[2]]),
        (["-s", "vip_customers,destination:criteo"], ALL[1:3]),
        (["-s", "tag:activation,activation:*customers,destination:criteo"], [ALL[1]]),
        (["-s", "newcomers,destination:folder"], []),
        (["-s", "tag:activation", "--exclude", "destination:folder"], ALL[1:3]),
        (["--exclude", "destination:folder", "newcomers"], ALL[1:3]),
        (["--exclude", "activation:vip_*"], ALL[:1]),
        (["-s", "destination:nowhere"], []),
    ],
)
def test_our_own_methods_choose_activations(
    two_tools: Shop, arguments: list[str], expected: list[str]
) -> None:
    """Of a model that feeds two tools, one can be meant; union, intersection and exclusion are dbt's."""
    assert sorted(listed(two_tools, *arguments)) == sorted(expected)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("+activation:vip_phones", ["newcomers", "vip_phones"]),
        ("destination:folder,+activation:vip_phones", []),
        ("activation:newcomers+", ALL),
        ("activation:newcomers+,destination:folder", ALL[3:]),
        ("1+destination:folder", [ALL[0], ALL[3]]),
    ],
)
def test_relatives_of_an_activation(two_tools: Shop, selector: str, expected: list[str]) -> None:
    """A plus adds all activations of the models before or behind, and none of the model's own others."""
    path = two_tools.root / "target" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"]["model.shop.vip_customers"]["depends_on"]["nodes"] = ["model.shop.newcomers"]
    path.write_text(json.dumps(manifest))
    assert sorted(listed(two_tools, "-s", selector)) == sorted(expected)


def test_names_tags_and_our_own_methods_need_no_dbt(two_tools: Shop) -> None:
    """Neither dbt nor anything else that is heavy is waited for."""
    selection = ("-s", "tag:activation,destination:criteo", "newcomers", "--exclude", "activation:vip_phones")
    assert imported_by("list", *selection) & HEAVY == set()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-s", "destinatoin:criteo"],
            ["'destinatoin' is not a valid method", "Did you mean 'destination'?"],
        ),
        (["-s", "@destination:criteo"], ["'@destination:criteo' cannot be selected", "a +, the comma"]),
        (["--selector", "nobody"], ["nobody"]),
        (["--selector", "x", "-s", "newcomers"], ["--selector x stands alone"]),
        (["--selector", "x", "--exclude", "destination:criteo"], ["--selector x stands alone"]),
    ],
)
def test_a_selection_that_is_wrong(shop: Shop, arguments: list[str], said: list[str]) -> None:
    """It is said what is wrong, and nothing is sent."""
    result = shop.activate("sync", *arguments)
    assert result.exit_code == 1
    assert [part for part in said if part not in result.output] == []
    assert "\x1b[" not in result.output
    assert shop.sandbox.traffic.exchanges() == []


@pytest.mark.parametrize("command", ["list", "plan", "sync", "status", "verify"])
@pytest.mark.parametrize(
    "selector", ["no_such_model", "tag:nothing", "activation:nobody", "destination:x,newcomers"]
)
def test_a_selector_that_matches_nothing(shop: Shop, command: str, selector: str) -> None:
    """It is a warning that says what there is, and no failure; nothing is sent."""
    result = shop.activate(command, "-s", selector)
    assert (result.exit_code, "matches no activation" in result.output) == (0, True)
    assert "criteo.newcomers" in result.output
    assert shop.sandbox.traffic.exchanges() == []


BOTH = ["newcomers", "vip_customers"]
SELECTORS = """
selectors:
  - {name: vips, default: true, definition: {method: tag, value: activation}}
  - name: all_but_vips
    definition: {union: ["*", exclude: [{method: tag, value: activation}]]}
"""


def test_selectors_of_the_project(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """--selector is dbt's; its default counts where nothing is selected; log settings do no harm."""
    (shop.root / "selectors.yml").write_text(SELECTORS)
    monkeypatch.setenv("DBT_ENGINE_LOG_FORMAT", "json")
    monkeypatch.setenv("DBT_LOG_FORMAT", "text")
    assert listed(shop, "--log-format", "text", "--selector", "all_but_vips") == ["newcomers"]
    assert listed(shop, "--log-format", "text") == ["vip_customers"]
    assert listed(shop, "--log-format", "text", "-s", "newcomers") == ["newcomers"]


@pytest.mark.parametrize(("target", "expected"), [("prod", ["vip_customers"]), ("dev", BOTH)])
def test_a_default_selector_may_be_that_of_a_target(shop: Shop, target: str, expected: list[str]) -> None:
    """Whether it holds is for dbt to say; a manifest that dbt parsed in part does not know."""
    default = "\"{{ target.name == 'prod' }}\""
    (shop.root / "selectors.yml").write_text(SELECTORS.replace("default: true", f"default: {default}"))
    assert listed(shop, "--target", target) == expected


def test_a_selector_that_is_gone_selects_nothing_less(shop: Shop) -> None:
    """A manifest may still know one that selectors.yml has no more."""
    path = shop.root / "target" / "manifest.json"
    selectors = {"vips": {"name": "vips", "default": True}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "selectors": selectors}))
    assert listed(shop) == BOTH


def test_state_is_dbts(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was changed since another manifest is found; the folder is meant from the project's."""
    shutil.copytree(shop.root / "target", shop.root / "before")
    shop.rewrite("models/newcomers.sql", lambda text: text.replace("11", "12"))
    monkeypatch.chdir(tmp_path)
    place = ("--project-dir", str(shop.root), "--profiles-dir", str(shop.root), "--state", "before")
    assert listed(shop, *place, "-s", "state:modified") == ["newcomers"]
    assert listed(shop, *place, "-s", "state:unmodified,destination:criteo") == ["vip_customers"]


def test_results_are_dbts(shop: Shop) -> None:
    """How models went in the invocation whose results lie in the state folder, which may be the target's."""
    shop.rebuild(newcomers="error")
    assert listed(shop, "--state", "target", "-s", "result:error") == ["newcomers"]
    (shop.root / "empty").mkdir()
    missing = shop.activate("list", "--state", "empty", "-s", "result:error")
    assert (missing.exit_code, "No comparison run_results" in missing.output) == (1, True)


SOURCES = """
sources:
  - name: crm
    schema: prod
    loaded_at_field: at
    freshness: {warn_after: {count: 1, period: day}}
    tables: [{name: people}, {name: orders}]
"""


def write_freshness(folder: Path, loaded_at: str, tables: Sequence[str]) -> None:
    """Write what dbt source freshness writes."""
    results = [freshness(table, loaded_at) for table in tables]
    metadata = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"}
    text = json.dumps({"metadata": metadata, "results": results, "elapsed_time": 0.1})
    (folder / "sources.json").write_text(text)


def freshness(table: str, loaded_at: str) -> dict[str, Any]:
    """Make the result of one source."""
    return {
        "unique_id": f"source.shop.crm.{table}",
        "max_loaded_at": loaded_at,
        "snapshotted_at": "2026-01-03T00:00:00Z",
        "max_loaded_at_time_ago_in_s": 1.0,
        "status": "pass",
        "criteria": {"warn_after": {"count": 1, "period": "day"}, "error_after": None, "filter": None},
        "adapter_response": {},
        "timing": [],
        "thread_id": "1",
        "execution_time": 0.1,
    }


def test_freshness_of_sources_is_dbts(shop: Shop) -> None:
    """Only what stands behind a source that has newer rows than before."""
    (shop.root / "models" / "sources.yml").write_text(SOURCES)
    shop.rewrite("models/newcomers.sql", lambda text: text + " -- {{ source('crm', 'people') }}\n")
    shop.rewrite("models/vip_customers.sql", lambda text: text + " -- {{ source('crm', 'orders') }}\n")
    before = shop.root / "before"
    shutil.copytree(shop.root / "target", before)
    write_freshness(before, "2026-01-01T00:00:00Z", ["people", "orders"])
    write_freshness(shop.root / "target", "2026-01-02T00:00:00Z", ["people"])
    assert listed(shop, "--state", "before", "-s", "source_status:fresher+") == ["newcomers"]
