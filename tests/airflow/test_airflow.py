"""The example of the documentation, carried out in a real Airflow that is installed for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, read_blocks
from tests.shop import BIN, VIPS, Shop, sha256, without_dbt_variables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # Airflow is large, if it is not in uv's cache
    pytest.mark.skipif(not shutil.which("uv", path=BIN), reason="Airflow is installed with uv"),
]


@dataclass(frozen=True)
class Airflow:
    """An Airflow with the DAG of the documentation, for a shop of one's own."""

    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of its virtual environment."""
        environment = {
            **without_dbt_variables(),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        command = [self.home / "venv" / "bin" / arguments[0], *arguments[1:]]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def airflow(shop: Shop, tmp_path: Path) -> Airflow:
    """Airflow, in a virtual environment and with a database of its own."""
    home = tmp_path / "airflow"
    python = home / "venv" / "bin" / "python"
    uv = [BIN / "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", BIN / "python", home / "venv"], check=True)
    subprocess.run([*uv, "pip", "install", "--python", python, "-e", f"{ROOT}[airflow]"], check=True)
    [example] = [
        block.text for block in read_blocks(ROOT / "docs" / "running.md") if "from airflow" in block.text
    ]
    (home / "dags").mkdir()
    dag = re.sub(r"(/srv/shop/)?\.venv/bin", str(BIN), example)
    (home / "dags" / "shop.py").write_text(dag.replace("/srv/shop", str(shop.root)))
    made = Airflow(home)
    assert made.run("airflow", "db", "migrate").returncode == 0
    return made


def test_the_example(airflow: Airflow, shop: Shop) -> None:
    """It is parsed and run, task by task; then once more with a segment whose model is broken."""
    (shop.root / "target" / "run_results.json").unlink()
    ran = airflow.run("airflow", "dags", "test", "shop")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert shop.audience()["email"] == sha256(VIPS)

    (shop.root / "models" / "newcomers.sql").write_text("select nonsense")
    held = airflow.run("airflow", "dags", "test", "shop")
    assert "held: its model failed" in held.stdout + held.stderr

    (shop.root / "destinations.yml").unlink()
    failed = airflow.run("airflow", "dags", "test", "shop")
    assert failed.returncode == 1
    assert "dbt-activate ended with exit code 1" in failed.stdout + failed.stderr

    stopped = airflow.run("python", "-c", _STOP)
    assert "begun, stopped, exit code 2" in stopped.stdout, stopped.stderr

    late = airflow.run("python", "-c", _RUN_INTO_A_LIMIT)
    assert "begun, stopped, too late" in late.stdout, late.stderr


_COMMAND = r"""
import pathlib, signal, tempfile, threading, time
from dbt_activate.airflow import DbtActivateSyncOperator

folder = pathlib.Path(tempfile.mkdtemp())
command = folder / "command"
trap = "trap 'echo stopping; echo stopped >> said; exit 2' TERM"
odd = "printf 'caf\\351\\n{\"info\": \"of another\", \"data\": 1}\\n'"
command.write_text(f"#!/bin/sh\n{trap}\n{odd}\necho begun > said\nsleep 60 >/dev/null 2>&1 & wait\n")
command.chmod(0o755)
task = DbtActivateSyncOperator(task_id="sync", project_dir=str(folder), executable=str(command))
"""
"""A task whose command writes lines that are not its own, and waits until it is told to end."""

_STOP = f"""{_COMMAND}
def kill():
    while not (folder / "said").exists():
        time.sleep(0.01)
    task.on_kill()

threading.Thread(target=kill).start()
try:
    task.execute({{}})
except RuntimeError as error:
    print(*(folder / "said").read_text().split(), str(error)[24:35], sep=", ")
"""
"""Stops a task as Airflow does: `on_kill` is called beside `execute`."""

_RUN_INTO_A_LIMIT = f"""{_COMMAND}
def end(*_):
    raise TimeoutError("too late")

def watch():
    while not (folder / "said").exists():
        time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

signal.signal(signal.SIGALRM, end)
threading.Thread(target=watch).start()
try:
    task.execute({{}})
except TimeoutError as error:
    print(*(folder / "said").read_text().split(), error, sep=", ")
"""
"""Ends a task as Airflow's ``execution_timeout`` does: by an exception that a signal raises in `execute`."""
