"""The workflow for GitHub Actions: its shell steps, carried out by bash with the real dbt."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from dbt_activate import Project
from tests.docs.pages import ROOT
from tests.shop import BIN, Shop, without_dbt_variables

WORKFLOW = ROOT / "docs" / "ci-github.yml"
PAGE = ROOT / "docs" / "ci.md"
OUTSIDE = re.compile(r"^(pip|gh) ")
"""What needs a package index or GitHub: the only steps that are not carried out."""


def workflow() -> Any:
    """Parse the workflow."""
    return yaml.safe_load(WORKFLOW.read_text())


def shell_steps(job: str) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a job that bash can carry out here."""
    for step in workflow()["jobs"][job]["steps"]:
        if "run" in step and not OUTSIDE.match(step["run"]):
            yield step


def carry_out(job: str, shop: Shop) -> dict[str, int]:
    """Run the shell steps of a job as a runner does, and return the exit code of each by its name.

    Steps go on after one that failed only where their ``if`` says so.
    """
    jobs = workflow()
    given = {**jobs["env"], **jobs["jobs"][job].get("env", {}), "CI_SCHEMA": "pr_7", "GH_TOKEN": ""}
    summary = {"GITHUB_STEP_SUMMARY": str(shop.root / "summary.md")}
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    codes: dict[str, int] = {}
    for step in shell_steps(job):
        if not any(codes.values()) or "!cancelled()" in step.get("if", ""):
            command = ["/bin/bash", "-e", "-o", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                command, check=False, env={**without_dbt_variables(), **given, **summary, **path}
            )
            codes[step["name"]] = done.returncode
    return codes


@pytest.fixture
def synced(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose production is synced, with a target for pull requests, and without credentials there."""
    shop.activate("sync", "--quiet")
    target = "    ci: {type: duckdb, path: shop.duckdb, schema: \"{{ env_var('CI_SCHEMA') }}\"}\n"
    shop.rewrite("profiles.yml", lambda text: f"{text.rstrip()}\n{target}")
    for name in ("CRITEO_CLIENT_ID", "CRITEO_CLIENT_SECRET", "CRITEO_BASE_URL"):
        monkeypatch.delenv(name)
    return shop


@pytest.mark.long
def test_a_pull_request_is_planned_against_production(synced: Shop) -> None:
    """A changed model is built apart, and its plan says who would enter production's audience, due or not."""
    assert set(carry_out("state", synced).values()) == {0}
    synced.rewrite("models/newcomers.sql", lambda text: text.replace("11", "16"))
    synced.rewrite(
        "models/schema.yml",
        lambda text: text.replace("activation: true", "activation: {retry_rejected: false, schedule: daily}"),
    )
    before = len(synced.sandbox.traffic.exchanges())
    assert set(carry_out("plan", synced).values()) == {0}
    summary = (synced.root / "summary.md").read_text()
    assert "| `criteo.newcomers` | `newcomers` | 10 | +5 | −0 | 15 (+50.0%) |" in summary
    assert "| `criteo.newcomers` | `retry_rejected` | `true` | `false` |" in summary
    assert "criteo.vip_customers" not in summary
    assert len(synced.sandbox.traffic.exchanges()) == before
    assert synced.query("select count(*) from prod.newcomers") == [(10,)]


@pytest.mark.slow
def test_a_guard_fails_the_job_and_is_shown_all_the_same(synced: Shop) -> None:
    """Before main has left anything to compare with, all is built; a plan that fails is still shown."""
    synced.rewrite("models/newcomers.sql", lambda text: text.replace("11", "3"))
    codes = carry_out("plan", synced)
    assert {name for name, code in codes.items() if code} == {"Plan"}
    assert "**guarded**" in (synced.root / "summary.md").read_text()


def test_every_step_is_carried_out_but_those_that_need_github() -> None:
    """Nothing of the workflow is left out unseen."""
    jobs = workflow()["jobs"]
    names = {job: [step["name"] for step in shell_steps(job)] for job in jobs}
    assert names["state"] == ["Keep what main is like"]
    assert names["plan"] == ["Build what changed", "Validate", "Plan", "Show the plan"]
    assert workflow()[True] == {"pull_request": None, "push": {"branches": ["main"]}}  # YAML reads on as true


def test_every_key_of_the_json_is_documented(shop: Shop) -> None:
    """The page says what each key of ``plan --output json`` means."""
    (shop.root / "state").mkdir()
    (shop.root / "state" / "manifest.json").write_text((shop.root / "target" / "manifest.json").read_text())
    shop.configure("newcomers", {"hash": "plain"})
    document = json.loads(Project(shop.root, state="state").plan().json())
    documented = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    assert set(_keys(document)) - {"email", "email:sha256", "madid"} <= documented


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _keys(child)
