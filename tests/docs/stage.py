"""Where each page is carried out: a project as its reader has it before the first line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.rehearsal import SANDBOX_URL

_PROJECT = """\
name: shop
version: "1.0"
profile: shop
flags: {send_anonymous_usage_stats: false}
"""
_PROFILES = """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: dev}
"""


def new_project(folder: Path, built: Path) -> None:
    """A dbt project without a model, and nothing of dbt-activate."""
    del built
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(_PROJECT, encoding="utf-8")
    (folder / "profiles.yml").write_text(_PROFILES, encoding="utf-8")


def shop(folder: Path, built: Path) -> None:
    """A shop with two segments, built, with its credentials in a ``.env`` file."""
    shutil.copytree(built, folder)
    variables = {
        "CRITEO_CLIENT_ID": "sandbox",
        "CRITEO_CLIENT_SECRET": "sandbox-secret",
        "CRITEO_BASE_URL": SANDBOX_URL,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


STAGES: Mapping[str, Callable[[Path, Path], None]] = {
    "README.md": new_project,
    "docs/ci.md": shop,
    "docs/cli.md": shop,
    "docs/guarantees.md": shop,
    "docs/lineage.md": shop,
    "docs/python.md": shop,
    "docs/sandbox.md": shop,
}
"""The pages that are carried out."""
