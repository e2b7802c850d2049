"""A small dbt project that is built, and a sandbox beside it: what the tests of the surface work with."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from click.testing import CliRunner, Result

from dbt_activate.cli import app
from dbt_activate.sandbox import Sandbox

SOURCE = Path(__file__).with_name("shop_project")
BIN = Path(sys.executable).parent
VIPS = frozenset(f"vip{number}@shop.test" for number in range(1, 101))
PATIENCE_SECONDS = 60


def built_shop(folder: Path) -> Path:
    """Let dbt build the project, once for all workers of pytest-xdist, and return where it is."""
    project = folder / "shop"
    with (folder / "shop_project.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (project / "built").exists():
            shutil.copytree(SOURCE, project)
            command = [BIN / "dbt", "--quiet", "build", "--no-partial-parse"]
            subprocess.run(command, cwd=project, check=True, env=without_dbt_variables())
            (project / "built").touch()
    return project


def without_dbt_variables() -> dict[str, str]:
    """Return the environment without what a shell may have set for dbt."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}


def sha256(values: Iterable[str]) -> set[str]:
    """Hash values as Criteo is sent them."""
    return {hashlib.sha256(value.encode()).hexdigest() for value in values}


@dataclass(frozen=True)
class Shop:
    """One test's own copy of the project; the working directory is its root.

    Attributes:
        root: Its folder.
        sandbox: Where it activates into.
    """

    root: Path
    sandbox: Sandbox

    def activate(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a command of dbt-activate in this process."""
        return CliRunner().invoke(app, arguments, input=answer)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of dbt-activate in a process of its own."""
        command = [BIN / "dbt-activate", *arguments]
        return subprocess.Popen(
            command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement on the shop's database."""
        with duckdb.connect(str(self.root / "shop.duckdb")) as connection:
            return (
                connection.sql(sql).fetchall()
                if sql.startswith("select")
                else connection.execute(sql).fetchall()
            )

    def hold(self, model: str, emails: Iterable[str | None]) -> None:
        """Let a model hold these addresses and no others, as if dbt had built it anew."""
        with duckdb.connect(str(self.root / "shop.duckdb")) as connection:
            connection.execute(f"delete from prod.{model}")
            rows = [[email] for email in emails]
            if rows:
                connection.executemany(f"insert into prod.{model} (email) values (?)", rows)
        self.rebuild()

    def rebuild(self, **statuses: str) -> None:
        """Let dbt's results be of another invocation, as if dbt had built all anew.

        Args:
            statuses: How models and tests went that did not go well, by name.
        """
        path = self.root / "target" / "run_results.json"
        content = json.loads(path.read_text())
        content["metadata"]["invocation_id"] = str(uuid.uuid4())
        for result in content["results"]:
            name = result["unique_id"].split(".")[2]
            result["status"] = statuses.get(name, "success")
        path.write_text(json.dumps(content))

    def configure(self, model: str, activation: Any) -> None:
        """Change a model's activation, as if dbt had parsed the project anew."""
        path = self.root / "target" / "manifest.json"
        manifest = json.loads(path.read_text())
        node = manifest["nodes"][f"model.shop.{model}"]
        node["config"]["meta"]["activation"] = node["meta"]["activation"] = activation
        path.write_text(json.dumps(manifest))

    def rewrite(self, file: str, change: Callable[[str], str]) -> None:
        """Change a file of the project."""
        path = self.root / file
        path.write_text(change(path.read_text()))

    def audience(self, name: str = "VIP customers") -> Mapping[str, set[str]]:
        """Return the members that the sandbox holds under an audience's name; empty if there is none."""
        held = {one.name: one.id for one in self.sandbox.criteo.audiences()}
        return self.sandbox.criteo.members(held[name]) if name in held else {}

    def artifact(self) -> Any:
        """Read ``activation_results.json``."""
        return json.loads((self.root / "target" / "activate" / "activation_results.json").read_text())

    def wait_for_request(self, operation: str, process: subprocess.Popen[str]) -> None:
        """Wait until the sandbox has been asked for something by a process."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.sandbox.traffic.exchanges(operation=operation):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, f"no request to {operation}"
            time.sleep(0.01)
