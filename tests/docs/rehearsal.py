"""Carry out what a page shows, from top to bottom, in one folder, and see what really comes out.

A block of YAML or SQL whose first line names a file is written to it. Of a ``console`` block, each ``$`` line
is run and the lines below it are its output; a command with nothing below may print what it likes. A
``python`` block is run, and any other ``sql`` block is asked of ``shop.duckdb``; a ``text`` block that
follows is their output. Blocks of other languages are only looked at.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
from click.testing import CliRunner

from dbt_activate.cli import app
from tests.docs.pages import Block, read_blocks

SANDBOX_URL = "http://127.0.0.1:8737"
"""Where the pages say that the sandbox is."""

FOLDER = "/home/ada/shop"
"""Where the pages say that the project is."""

_BIN = Path(sys.executable).parent
_SHELL_ONLY = re.compile(r"[|&;<>]")
_VARYING = tuple(
    (re.compile(pattern, re.MULTILINE), text)
    for pattern, text in (
        (r"^\d\d:\d\d:\d\d  ", "12:00:00  "),
        (r"\d+\.\d+(s\]| seconds)", r"0.00\1"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?", "2026-01-01T12:00:00Z"),
        (r"\d{8}T\d{6}-[0-9a-f]{8}", "20260101T120000-00000000"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-0000-0000-000000000000"),
        (r'"pid": \d+', '"pid": 1'),
        (r'("(?:elapsed|execution)_time": )[\d.e-]+', r"\g<1>0.0"),
        (r"^(  (?:Python|dbt-core|dbt-duckdb|duckdb|polars)) \S+( on \w+)?$", r"\1 1.0.0"),
    )
)


def settled(output: str) -> str:
    """Put fixed values in the place of times, ids and versions, which are others each time."""
    for pattern, text in _VARYING:
        output = pattern.sub(text, output)
    return "\n".join(line.rstrip() for line in output.strip("\n").splitlines())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a block should look like.

    Attributes:
        block: The block as it stands in the page.
        actual: The same, with the output that really came.
    """

    block: Block
    actual: str

    @property
    def is_right(self) -> bool:
        """Whether the page shows what really came."""
        return settled(self.block.text) == settled(self.actual)


@dataclass(slots=True)
class Rehearsal:
    """One page being carried out.

    Attributes:
        folder: The dbt project, and the working directory.
        url: Where the sandbox really is.
        names: What the page's Python has defined so far.
        exit_code: That of the last command.
        output: What the last command printed.
    """

    folder: Path
    url: str
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})
    exit_code: int = 0
    output: str = ""

    def play(self, page: Path) -> Iterator[Outcome]:
        """Carry out a page, and yield what became of each block that has output."""
        blocks = [*read_blocks(page), Block(page, "", "", 0)]
        for file in self.folder.glob(".env"):
            file.write_text(self._real(file.read_text()))
        with carried_out_in(self.folder):
            for block, following in pairwise(blocks):
                yield from self._carry_out(block, following)
            self._expect_success(page, "the last command")

    def _carry_out(self, block: Block, following: Block) -> Iterator[Outcome]:
        if block.file:
            self._write(block.file, block.text)
        elif block.language == "console":
            yield Outcome(block, self._console(block))
        elif action := self._actions.get(block.language):
            output = self._shown(action(self._real(block.text)))
            if following.language == "text":
                yield Outcome(following, output)

    @property
    def _actions(self) -> Mapping[str, Callable[[str], str]]:
        return {"python": self._python, "sql": _query}

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._real(text), encoding="utf-8")

    def _console(self, block: Block) -> str:
        lines: list[str] = []
        for command, shown in _commands(block.text):
            if not command.startswith("echo $?"):
                self._expect_success(block.page, command)
            self.output = output = self._shown(self._run(command))
            lines += [f"$ {command}", *(output.strip("\n").splitlines() if shown else [])]
        return "\n".join(lines) + "\n"

    def _expect_success(self, page: Path, before: str) -> None:
        place = f"{page.name}: exit code {self.exit_code} before {before!r}"
        assert self.exit_code == 0, f"{place}, after\n{self.output}"

    def _run(self, command: str) -> str:
        command = self._real(command.replace("\\\n", ""))
        if command == "echo $?":
            code, self.exit_code = self.exit_code, 0
            return str(code)
        if command.startswith("export "):
            os.environ |= dict(word.split("=", 1) for word in command.split()[1:])
            return ""
        if command.startswith("dbt-activate ") and not _SHELL_ONLY.search(command):
            return self._activate(command)
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.exit_code = done.returncode
        return done.stdout

    def _activate(self, command: str) -> str:
        """Run a command in this process, which spares the start of another."""
        result = CliRunner().invoke(app, command.removeprefix("dbt-activate "), prog_name="dbt-activate")
        self.exit_code = result.exit_code
        return result.output

    def _python(self, code: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(code, "page", "exec", dont_inherit=True), self.names)  # noqa: S102  (our own pages)
        return output.getvalue()

    def _real(self, text: str) -> str:
        return text.replace(SANDBOX_URL, self.url)

    def _shown(self, output: str) -> str:
        return output.replace(self.url, SANDBOX_URL).replace(str(self.folder), FOLDER)


def _commands(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the commands of a console block, and whether their output is shown."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*", part)
        assert command is not None
        yield command[0], bool(part[command.end() :].strip())


def _query(sql: str) -> str:
    with duckdb.connect("shop.duckdb", read_only=True) as connection:
        return str(connection.sql(sql))


@contextlib.contextmanager
def carried_out_in(folder: Path) -> Iterator[None]:
    """Make a folder the working directory, and leave out what a shell may have set for dbt or for Criteo."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(("DBT_", "CRITEO_"))]:
        del os.environ[name]
    os.environ |= {"PATH": f"{_BIN}{os.pathsep}{before['PATH']}", "no_proxy": "127.0.0.1", "COLUMNS": "80"}
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ |= before
