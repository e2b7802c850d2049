"""The pages say what is there: fresh tables, links that lead somewhere, commands and flags that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dbt_activate.cli import app
from tests.docs.__main__ import COG
from tests.docs.pages import PAGES, ROOT, page_id, read_blocks

README_LINES = 150

_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COG = re.compile(r"<!-- \[\[\[cog.*?\]\]\] -->", re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=page_id)


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return _COG.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return what a link can jump to, as GitHub names headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(page: Path) -> Iterator[str]:
    """Yield every call of dbt-activate that a page shows, in a block or in the text."""
    for block in read_blocks(page):
        if block.language in {"console", "shell"}:
            text = block.text.replace("\\\n", " ")
            lines = (
                re.findall(r"^\$ (.*)$", text, re.MULTILINE)
                if block.language == "console"
                else text.splitlines()
            )
            for line in lines:
                yield from (part for part in re.split(r"&&|\||;| # ", line) if "dbt-activate " in part)
    yield from (span for span in _CODE_SPAN.findall(prose(page)) if span.startswith("dbt-activate "))


def flags_of(command: click.Command) -> set[str]:
    """Return the flags of a command."""
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {
        "--help",
        "-h",
    }


def test_generated_parts_are_fresh() -> None:
    """Cog would write nothing else than what stands there (`make docs` renews it)."""
    command = [sys.executable, "-m", "cogapp", *COG, "--check", "--diff", "--verbosity=0", *map(str, PAGES)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and a heading that it has."""
    for link in _LINK.findall(prose(page)):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page_id(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{page_id(page)}: {link}"


@each_page
def test_commands_and_their_flags_exist(page: Path) -> None:
    """Every `dbt-activate …` names a command that is there, with flags that it has."""
    context = click.Context(app)
    for line in command_lines(page):
        words = shlex.split(line)[shlex.split(line).index("dbt-activate") + 1 :]
        flags = {
            word.partition("=")[0] for word in words if word.startswith("-") and not word.startswith("-d=")
        }
        name = next((word for word in words if re.fullmatch(r"[a-z]+", word)), None)
        command = app.get_command(context, name) if name else app
        assert command is not None, f"{page_id(page)}: {line}"
        assert flags <= flags_of(command), f"{page_id(page)}: {line}"


@each_page
def test_flags_in_the_text_exist(page: Path) -> None:
    """Every `--flag` that the text speaks of is a flag of some command."""
    context = click.Context(app)
    commands = [app.get_command(context, name) for name in app.list_commands(context)]
    known = {flag for command in commands if command for flag in flags_of(command)}
    spoken_of = {span.split()[0] for span in _CODE_SPAN.findall(prose(page)) if span.startswith("--")}
    assert spoken_of <= known | flags_of(app)


@each_page
def test_no_example_does_nothing(page: Path) -> None:
    """An example that shows nothing happening has lost its point, say when a default changed."""
    blocks = [block for block in read_blocks(page) if block.language in {"console", "text"}]
    assert [block.text for block in blocks if "[NO-OP]" in block.text] == []


def test_every_page_is_in_the_index() -> None:
    """From the index of the documentation, every page can be reached."""
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(index.read_text())}
    assert {page for page in PAGES if page != index} <= linked


def test_make_targets_exist() -> None:
    """Every `make …` that a page speaks of is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = prose(page) + "".join(block.text for block in read_blocks(page) if block.language == "shell")
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets, page_id(page)


def test_the_readme_is_short() -> None:
    """It can be read in one go."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES
