"""What the pages show is what happens."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from dbt_activate.cli import app
from dbt_activate.destinations import destination_types
from dbt_activate.sandbox import Sandbox
from tests.docs.pages import PAGES, ROOT, Block, read_blocks
from tests.docs.rehearsal import Rehearsal, carried_out_in
from tests.docs.stage import STAGES, new_project
from tests.shop import BIN

VALIDATED = (
    "docs/configuration.md",
    "docs/warnings.md",
    *(f"docs/destinations/{name}.md" for name in destination_types()),
)
"""Pages whose YAML together makes one project that dbt and dbt-activate accept."""


@pytest.mark.skipif(not shutil.which("curl"), reason="the pages use curl")
@pytest.mark.parametrize("name", STAGES)
def test_examples_give_the_output_that_is_shown(name: str, built_project: Path, tmp_path: Path) -> None:
    """Carried out from top to bottom, every example prints what the page says (`make docs` renews it)."""
    STAGES[name](tmp_path / "stage", built_project)
    with Sandbox(rate_limits=False) as sandbox:
        for outcome in Rehearsal(tmp_path / "stage", sandbox.url).play(ROOT / name):
            assert outcome.is_right, f"{name} shows\n{outcome.block.text}\nbut this came\n{outcome.actual}"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```console\n$ dbt-activate init --nonsense\n```\n", "exit code 2"),
        ("```console\n$ echo a\nb\n```\n", ""),
    ],
)
def test_an_example_that_is_wrong_is_found(page: str, message: str, tmp_path: Path) -> None:
    """A command that fails ends the rehearsal, and another output than the page shows is not right."""
    file = tmp_path / "page.md"
    file.write_text(page)
    if message:
        with pytest.raises(AssertionError, match=message):
            list(Rehearsal(tmp_path, "").play(file))
    else:
        assert [outcome.is_right for outcome in Rehearsal(tmp_path, "").play(file)] == [False]


def test_settings_that_are_shown_are_valid(tmp_path: Path) -> None:
    """All YAML of the reference makes one project, in which every activation shown is there."""
    project = tmp_path / "shop"
    new_project(project, tmp_path)
    declared = {name for block in _yaml_blocks() for name in _write(project, block)}
    with carried_out_in(project):
        subprocess.run([BIN / "dbt", "--quiet", "parse"], check=True)
        validated = CliRunner().invoke(app, "validate")
        listed = CliRunner().invoke(app, "list --output name")
    assert validated.exit_code == 0, validated.output
    assert {line.partition(".")[2] for line in listed.output.splitlines()} == declared


def _yaml_blocks() -> Iterator[Block]:
    for name in VALIDATED:
        blocks = [block for block in read_blocks(ROOT / name) if block.language == "yaml"]
        assert all(block.file for block in blocks), f"a block of {name} does not say which file it is"
        yield from blocks


def _write(project: Path, block: Block) -> Iterator[str]:
    """Write a block into the project; yield the models in it that feed an audience."""
    path = project / str(block.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        merged = _merged(yaml.safe_load(path.read_text()), yaml.safe_load(block.text))
        path.write_text(yaml.safe_dump(merged))
    else:
        path.write_text(block.text)
    if path.parent != project:
        for model in yaml.safe_load(block.text)["models"]:
            path.with_name(f"{model['name']}.sql").write_text("select 1 as id")
            if "enabled" not in str(model):
                yield model["name"]


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, **other}


def test_every_page_with_examples_is_tested() -> None:
    """No page shows Python, SQL, YAML or a command's output that nobody carries out or validates."""
    tested = {*STAGES, *VALIDATED, "docs/destinations/writing-one.md", "docs/dbt-package.md"}
    tested |= {"docs/running.md"}  # by test_running.py, and in a real Airflow
    for page in PAGES:
        shows = {block.language for block in read_blocks(page)} & {"python", "sql", "yaml", "console"}
        assert not shows or os.fspath(page.relative_to(ROOT)) in tested, f"{page} shows {shows}"
