"""Bring README.md and docs/ up to date: what cog writes, and the output that the examples show."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cogapp import Cog  # type: ignore[import-untyped]  # it ships no types

from dbt_activate.sandbox import Sandbox
from tests.docs.pages import PAGES, ROOT
from tests.docs.rehearsal import Outcome, Rehearsal
from tests.docs.stage import STAGES
from tests.shop import built_shop

COG = ("-I", str(ROOT / "docs"), "-p", "import tables")


def main() -> int:
    """Rewrite the pages; return cog's exit code."""
    failed = Cog().main(["cog", *COG, "-r", "--verbosity=1", *map(str, PAGES)])
    with tempfile.TemporaryDirectory() as folder:
        built = built_shop(Path(folder))
        for name, prepare in STAGES.items():
            page, stage = ROOT / name, Path(folder) / "stage"
            prepare(stage, built)
            with Sandbox(rate_limits=False) as sandbox:
                rewrite(page, list(Rehearsal(stage, sandbox.url).play(page)))
            shutil.rmtree(stage)
    return int(failed)


def rewrite(page: Path, outcomes: Iterable[Outcome]) -> None:
    """Write what really came into a page, where it differs by more than times and ids."""
    text = page.read_text(encoding="utf-8")
    for outcome in sorted(outcomes, key=lambda one: one.block.start, reverse=True):
        if not outcome.is_right:
            block = outcome.block
            end = block.start + len(block.text)
            text = f"{text[: block.start]}{outcome.actual.rstrip()}\n{text[end:]}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
