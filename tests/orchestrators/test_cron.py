"""What the documentation has for cron, carried out by the shell as cron does."""

from __future__ import annotations

import os
import re
import subprocess

from tests.docs.pages import ROOT, read_blocks
from tests.shop import BIN, VIPS, Shop, sha256


def test_the_command(shop: Shop) -> None:
    """It builds and syncs without a word; a failure has something to say, which cron mails."""
    lines = [line for one in read_blocks(ROOT / "docs" / "running.md") for line in one.text.splitlines()]
    [command] = {line.partition(" cd ")[2] for line in lines if re.match(r"([\d*]+ +){5}cd ", line)}
    command = f"cd {command}".replace("/srv/shop", str(shop.root))
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False
        )

    done = run()
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert shop.audience()["email"] == sha256(VIPS)

    (shop.root / "destinations.yml").unlink()
    failed = run()
    assert failed.returncode != 0
    assert "destinations.yml" in failed.stdout + failed.stderr
