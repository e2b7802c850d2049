"""A virtual environment of its own for one orchestrator, and the documentation's example in it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, read_blocks
from tests.shop import BIN, Shop, without_dbt_variables


@dataclass(frozen=True)
class Workshop:
    """Where an orchestrator is installed.

    Attributes:
        home: A folder of its own.
    """

    home: Path

    def install(self, *packages: str) -> None:
        """Make the virtual environment."""
        uv = [BIN / "uv", "--quiet"]
        venv = self.home / "venv"
        subprocess.run([*uv, "venv", "--python", BIN / "python", venv], check=True)
        subprocess.run([*uv, "pip", "install", "--python", venv / "bin" / "python", *packages], check=True)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the virtual environment, with dbt and dbt-activate at hand as elsewhere."""
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        environment = {**without_dbt_variables(), "PATH": path, **variables}
        command = [self.home / "venv" / "bin" / arguments[0], *arguments[1:]]
        return subprocess.run(
            command, env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )


def example(package: str, shop: Shop) -> str:
    """Return the documentation's example for an orchestrator, for a shop of one's own."""
    blocks = read_blocks(ROOT / "docs" / "running.md")
    [found] = [block.text for block in blocks if re.search(rf"^from {package}[. ]", block.text, re.MULTILINE)]
    local = re.sub(r"(/srv/shop/)?\.venv/bin", str(BIN), found)
    return local.replace("/srv/shop", str(shop.root))
