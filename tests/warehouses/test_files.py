"""What a session does to the file, and what it says of a file that it cannot open."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dbt_activate.errors import WarehouseBusyError, WarehouseError
from dbt_activate.warehouse import Warehouse
from dbt_activate.warehouses import open_warehouse
from tests.warehouses.conftest import TargetOf, ask

_DIE = """
import os, signal, sys
from pathlib import Path
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
with open_warehouse(Target("shop", "dev", "duckdb", {"path": sys.argv[1]}, Path())).session() as session:
    session.execute("create table state (a integer)")
    session.execute("insert into state values (1)")
    with session.transaction():
        session.execute("insert into state values (2)")
        session.execute("delete from segments.vip")
        os.kill(os.getpid(), signal.SIGKILL)
"""


_FILL = """
import resource, signal, sys
from pathlib import Path
from dbt_activate.warehouse import Target
from dbt_activate.warehouses import open_warehouse
warehouse = open_warehouse(Target("shop", "dev", "duckdb", {"path": sys.argv[1]}, Path()))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for statement in ("create table state (a integer)", "insert into state values (1), (2)"):
    with warehouse.session() as session:
        session.execute(statement)
"""


def folder(path: Path) -> dict[str, str]:
    """The contents of every file beside a database, as hashes."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}


@pytest.fixture
def killed(shop: Path) -> Path:
    """The shop after a kill -9 in the middle of a write session."""
    done = subprocess.run([sys.executable, "-c", _DIE, str(shop)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return shop


def test_reading_changes_nothing(either: Warehouse, shop: Path) -> None:
    """A read-only session leaves the file as it is, byte for byte, and none beside it; it cannot write."""
    before = folder(shop)
    with either.session(read_only=True) as session:
        session.frame("select * exclude (score) from segments.vip")
        with pytest.raises(WarehouseError, match="DELETE"):
            session.execute("delete from segments.vip")
        assert folder(shop) == before
    assert folder(shop) == before


def test_killed_session_keeps_what_was_committed(killed: Path, either: Warehouse) -> None:
    """After kill -9, the next session finds what was committed, and nothing of what was not."""
    with either.session() as session:
        assert session.rows("select a from state") == [(1,)]
        assert session.rows("select count(*) from segments.vip") == [(3,)]
        session.execute("insert into state values (3)")
    with either.session() as session:
        assert session.rows("select a from state order by a") == [(1,), (3,)]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_what_is_committed_while_the_disk_is_full_is_no_error(shop: Path, warehouse: Warehouse) -> None:
    """It fits into the log beside the file, from where the next session takes it over into the file."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(shop)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ask(warehouse, "select a from state order by a") == [(1,), (2,)]


def test_reading_after_a_kill_changes_nothing(killed: Path, either: Warehouse) -> None:
    """A read-only session sees what was committed while it stands in the log only, and leaves it there."""
    before = folder(killed)
    assert "shop.duckdb.wal" in before
    with either.session(read_only=True) as session:
        assert session.rows("select a from state") == [(1,)]
    assert folder(killed) == before


@pytest.mark.parametrize("extra", [{}, {"module_paths": []}])
@pytest.mark.parametrize("read_only", [True, False])
def test_missing_file(target: TargetOf, tmp_path: Path, extra: dict[str, object], read_only: bool) -> None:
    """A database that dbt has not built is asked for, and never made by us."""
    path = tmp_path / "nothing.duckdb"
    warehouse = open_warehouse(target(path=str(path), **extra))
    with pytest.raises(WarehouseError, match=r"dbt has not built it yet at .*nothing\.duckdb.*dbt build"):
        ask(warehouse, read_only=read_only)
    assert not path.exists()


def test_empty_file(target: TargetOf, tmp_path: Path) -> None:
    """A file without contents is no database, and stays empty."""
    path = tmp_path / "empty.duckdb"
    path.touch()
    with pytest.raises(WarehouseError, match="dbt has not built it yet"):
        ask(open_warehouse(target(path=str(path))))
    assert path.stat().st_size == 0


def says(target: TargetOf, path: Path) -> str:
    """What we say of a file that cannot be opened or read."""
    with pytest.raises(WarehouseError) as caught:
        ask(open_warehouse(target(path=str(path))), "select email from segments.vip")
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_no_database(target: TargetOf, tmp_path: Path) -> None:
    """A file of another kind is not taken for a database."""
    path = tmp_path / "people.duckdb"
    path.write_text("email\nann@shop.example\n" * 1000)
    assert "not a valid DuckDB database file. Check `path`" in says(target, path)


def test_folder(target: TargetOf, tmp_path: Path) -> None:
    """A folder is not taken for a database."""
    assert "Is a directory" in says(target, tmp_path)


def test_damaged_file(target: TargetOf, shop: Path) -> None:
    """A damaged file is said to be one, with the warning not to build it anew lightly."""
    contents = bytearray(shop.read_bytes())
    contents[4096 + 100] ^= 0xFF
    contents[8192 + 100] ^= 0xFF
    shop.write_bytes(contents)
    assert "Restore the file from a backup" in says(target, shop)


def test_file_of_a_newer_release(target: TargetOf, shop: Path) -> None:
    """A file that a newer DuckDB wrote is said to be one, with the release that could not read it."""
    contents = bytearray(shop.read_bytes())
    contents[12:20] = struct.pack("<Q", 99_999)  # the storage version, in a header with a checksum
    contents[:8] = struct.pack("<Q", checksum(bytes(contents[8:4096])))
    shop.write_bytes(contents)
    message = says(target, shop)
    assert f"Another release of DuckDB than this one ({duckdb.__version__}) wrote it" in message
    assert "99999" in message


def checksum(block: bytes) -> int:
    """DuckDB's checksum of a block (``src/common/checksum.cpp``)."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        result ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return result


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_file_without_permission(target: TargetOf, shop: Path) -> None:
    """A file that this user may not write to is said to be one; reading it still works."""
    shop.chmod(0o444)
    assert "Permission denied" in says(target, shop)
    assert ask(open_warehouse(target()), "select count(*) from segments.vip", read_only=True) == [(3,)]


def test_open_in_this_process(warehouse: Warehouse, shop: Path) -> None:
    """A connection that the user's own code holds in this process is named as the obstacle."""
    connection = duckdb.connect(str(shop))
    try:
        with pytest.raises(WarehouseBusyError, match="this very Python process"):
            ask(warehouse, read_only=True)
    finally:
        connection.close()
    assert ask(warehouse, read_only=True) == [(1,)]


def test_shared_in_this_process(warehouse: Warehouse, shop: Path) -> None:
    """What the user's own code, such as a notebook, holds open to write, a session that writes shares."""
    with warehouse.session() as session:
        session.execute("create table t as select 1 a")
    with duckdb.connect(str(shop)) as connection:
        connection.execute("insert into t values (2)")
        with warehouse.session() as session:
            session.execute("insert into t values (3)")
        assert connection.sql("select sum(a) from t").fetchall() == [(6,)]
    assert ask(warehouse, "select sum(a) from t", read_only=True) == [(6,)]


def test_what_does_not_fit_goes_beside_the_file(either: Warehouse, shop: Path) -> None:
    """As where DuckDB opens the file itself: never into the folder that somebody happens to be in."""
    found = ask(either, "select current_setting('temp_directory')", read_only=True)
    assert found == [(f"{shop}.tmp",)]


@pytest.mark.parametrize("name", ["memory", "it's", ".hidden", "two words"])
def test_any_name(target: TargetOf, shop: Path, name: str) -> None:
    """A file may have the name of what DuckDB itself has, or one that has to be quoted."""
    file = shop.replace(shop.with_name(f"{name}.duckdb"))
    warehouse = open_warehouse(target(path=str(file)))
    for _ in range(2):
        with warehouse.session() as session:
            session.execute("create table if not exists main.t as select 1 a")
            assert session.tables(warehouse.database, "main") == {"t"}
            relation = warehouse.quote(warehouse.database, "segments", "vip")
            assert session.rows(f"select count(*) from {relation}") == [(3,)]


def test_moved_file(warehouse: Warehouse, shop: Path) -> None:
    """Between two sessions nothing is held: the file may be replaced."""
    with warehouse.session() as session:
        session.execute("create table t as select 1 a")
    copy = shop.with_name("copy")
    shutil.copy(shop, copy)
    with warehouse.session() as session:
        session.execute("drop table t")
    copy.replace(shop)
    assert ask(warehouse, "select a from t", read_only=True) == [(1,)]
