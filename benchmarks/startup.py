"""How long it takes to say something that needs no warehouse."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, verdict
from benchmarks.shop import COMMAND, make_shop

RUNS = 15


def run() -> bool:
    """Time ``--help`` and ``list`` against the imports that they cannot do without."""
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), rows=10)
        return all(
            [
                _compare("--help", [*COMMAND, "--help"], "import click", 2.0, shop.folder),
                _compare(
                    "list", [*COMMAND, "list"], "import click, jinja2, pydantic, yaml", 2.5, shop.folder
                ),
            ]
        )


def _compare(name: str, command: list[str], imports: str, bar: float, folder: Path) -> bool:
    result = compare(command, [sys.executable, "-c", imports], runs=RUNS, cwd=folder)
    print("\n".join(result.lines()))
    return verdict(f"{name} / python -c '{imports}'", result.ratio, bar)
