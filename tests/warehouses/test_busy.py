"""Turns: among threads of this process, and with other processes that hold the file."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from dbt_activate.errors import WarehouseBusyError, WarehouseError
from dbt_activate.warehouse import Warehouse
from dbt_activate.warehouses import open_warehouse
from tests.warehouses.conftest import OUTPUTS, TargetOf, ask
from tests.warehouses.other_process import can_write, holding, let_go

_WAIT = """
import logging, sys
from pathlib import Path
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
logging.basicConfig(level=logging.INFO)
with open_warehouse(Target("shop", "dev", "duckdb", {"path": sys.argv[1]}, Path())).session():
    pass
"""

_QUERY = """
import json, os, signal, sys, threading
from pathlib import Path
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
warehouse = open_warehouse(Target("shop", "dev", "duckdb", json.loads(sys.argv[1]), Path()))
try:
    with warehouse.session() as session:
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        getattr(session, sys.argv[2])("select sum(hash(range)::double) from range(20000000000)")
except KeyboardInterrupt:
    print("stopped", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_locked_file(either: Warehouse, shop: Path, read_only: bool) -> None:
    """A file that another process writes to is a clear error that names the process and what to do."""
    with holding(shop) as process, pytest.raises(WarehouseBusyError) as caught:
        ask(either, read_only=read_only)
    message = str(caught.value)
    assert f"in use by process {process.pid} (" in message
    assert "we waited 0 seconds" in message
    assert "raise `lock_timeout_seconds`" in message


def test_waiting_gives_up(target: TargetOf, shop: Path) -> None:
    """We wait as long as we are told, and not much longer."""
    warehouse = open_warehouse(target(), lock_timeout_seconds=0.5)
    with holding(shop):
        started = time.monotonic()
        with pytest.raises(WarehouseBusyError, match=r"waited 0\.5 seconds"):
            ask(warehouse)
    assert 0.5 <= time.monotonic() - started < 5


@pytest.mark.parametrize("route", sorted(OUTPUTS))
def test_waiting_for_a_locked_file(
    target: TargetOf, shop: Path, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that becomes free is opened; one line has told that we wait, and for whom."""
    caplog.set_level(logging.INFO, logger="dbt_activate.warehouse")
    warehouse = open_warehouse(target(**OUTPUTS[route]), lock_timeout_seconds=60)
    with holding(shop) as process:
        free_it = threading.Timer(0.5, let_go, [process])
        free_it.start()
        assert ask(warehouse, "select count(*) from segments.vip") == [(3,)]
        free_it.join()
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == 1
    assert f"process {process.pid} " in lines[0]


def test_waiting_of_dbt_is_not_added(
    target: TargetOf, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The adapter's own retries, which print and wait for longer and longer, stay out of ours."""
    retries = {"connect_attempts": 9, "retryable_exceptions": ["IOException"]}
    warehouse = open_warehouse(target(retries=retries, **OUTPUTS["dbt"]), lock_timeout_seconds=0)
    started = time.monotonic()
    with holding(shop), pytest.raises(WarehouseBusyError):
        ask(warehouse)
    assert time.monotonic() - started < 20
    assert capsys.readouterr().out == ""


def test_ctrl_c_while_waiting(shop: Path) -> None:
    """Ctrl-C ends the waiting at once."""
    with holding(shop):
        waiting = subprocess.Popen(
            [sys.executable, "-c", _WAIT, str(shop)], stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr is not None
        assert "in use by process" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in waiting.communicate(timeout=10)[1]


@pytest.mark.parametrize("route", sorted(OUTPUTS))
@pytest.mark.parametrize("ask_by", ["rows", "frame"])
def test_ctrl_c_in_a_query(target: TargetOf, shop: Path, route: str, ask_by: str) -> None:
    """Ctrl-C in the middle of a query is Ctrl-C, at once, and lets go of the file."""
    # DuckDB looks for signals between the pieces of work that its main thread does: leave all to that one.
    output = json.dumps(dict(target(settings={"threads": 1}, **OUTPUTS[route]).output))
    command = [sys.executable, "-c", _QUERY, output, ask_by]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        assert can_write(shop)


def test_reading_beside_a_reader(either: Warehouse, shop: Path) -> None:
    """Reading needs no turn beside other processes that only read."""
    with holding(shop, read_only=True):
        assert ask(either, "select count(*) from segments.vip", read_only=True) == [(3,)]


def test_file_is_free_after_a_session(either: Warehouse, shop: Path) -> None:
    """Between two sessions dbt can run, also while the error that ended one is still at hand."""
    with either.session() as session:
        session.append("segments.vip", pl.DataFrame({"id": [9]}))
    assert can_write(shop)
    with pytest.raises(WarehouseError) as caught, either.session() as session, session.transaction():
        session.frame("select cast(email as integer) from segments.vip")
    assert can_write(shop)
    assert "SELECT" in str(caught.value)


def test_threads_take_turns(either: Warehouse) -> None:
    """Eight threads that write and read at once each get their turn, and no row is lost."""
    with either.session() as session:
        session.execute("create table t (thread integer, n integer)")

    def work(thread: int) -> int:
        for n in range(3):
            with either.session() as session:
                session.append("t", pl.DataFrame({"thread": [thread], "n": [n]}))
            with either.session(read_only=True) as session:
                assert session.rows("select n from t where thread = ? order by n", [thread])[-1] == (n,)
        return thread

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    with either.session(read_only=True) as session:
        assert session.rows("select count(*), count(distinct thread) from t") == [(24, 8)]


def test_two_files_through_dbt(target: TargetOf, shop: Path) -> None:
    """Two databases that only dbt's adapter can open are not mixed up by threads that work on both."""
    other = shop.with_name("other.duckdb")
    shutil.copy(shop, other)
    warehouses = [open_warehouse(target(path=str(path), **OUTPUTS["dbt"])) for path in (shop, other)]

    def work(number: int) -> str:
        return str(ask(warehouses[number % 2], "select current_database() from segments.vip limit 1")[0][0])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(12))) == ["shop", "other"] * 6


def test_two_warehouses_take_turns(target: TargetOf, shop: Path) -> None:
    """Two warehouses of one file take turns too, by whatever path and route they reach it."""
    link = shop.with_name("link.duckdb")
    link.symlink_to(shop)
    outputs = [{}, {"path": str(link)}, OUTPUTS["dbt"]]
    warehouses = [open_warehouse(target(**output), lock_timeout_seconds=0) for output in outputs]

    def work(number: int) -> None:
        found = ask(warehouses[number % 3], "select count(*) from segments.vip", read_only=number % 2 == 0)
        assert found == [(3,)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
