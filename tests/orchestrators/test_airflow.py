"""The example of the documentation, carried out in a real Airflow that is installed for it."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT
from tests.orchestrators.workshop import Workshop, example
from tests.shop import VIPS, Shop, sha256


@pytest.fixture
def airflow(workshop: Workshop, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Airflow with the DAG of the documentation, for a shop of one's own, and with a database of its own."""
    workshop.install("-e", f"{ROOT}[airflow]")
    (workshop.home / "dags").mkdir()
    (workshop.home / "dags" / "shop.py").write_text(example("airflow", shop))
    monkeypatch.setenv("AIRFLOW_HOME", str(workshop.home))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    assert workshop.run("airflow", "db", "migrate").returncode == 0
    return workshop


def test_the_example(airflow: Workshop, shop: Shop) -> None:
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
