"""The page on writing a destination shows the example, and nothing else."""

from __future__ import annotations

import inspect

from tests.docs.pages import ROOT, read_blocks

EXAMPLE = ROOT / "docs" / "example-destination"


def test_the_code_shown_is_the_example() -> None:
    """Every line of code on the page stands in a file of the example, which is installed and tested."""
    files = [*EXAMPLE.rglob("*.py"), *EXAMPLE.rglob("*.toml")]
    lines = {line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()}
    blocks = [*read_blocks(ROOT / "docs/destinations/writing-one.md")]
    assert {block.language for block in blocks} == {"python", "toml"}
    assert {line.strip() for block in blocks for line in inspect.cleandoc(block.text).splitlines()} <= lines
