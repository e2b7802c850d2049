"""The boutique, built once on each warehouse for all workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dbt_package.boutique import BUILT, TEMPLATE, Boutique, new_boutique, new_database, start_postgres
from tests.dbt_package.state import State, opened_state


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Let one worker in at a time."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def postgres(common_folder: Path) -> str:
    """A real Postgres server, one for all workers; returns where its socket is."""
    with locked(common_folder, "postgres"):
        # Not in pytest's folder, which is closed to the user that Postgres runs as where the tests are root.
        name = hashlib.sha256(bytes(common_folder)).hexdigest()[:12]
        return start_postgres(Path(tempfile.gettempdir()) / f"dbt-activate-postgres-{name}")


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def built(request: pytest.FixtureRequest, common_folder: Path) -> Boutique:
    """The boutique, to be copied or read, not changed.

    It is built twice: first with no state at all, of which `first` has dbt's artifacts, then with empty
    state tables.
    """
    host = request.getfixturevalue("postgres") if request.param == "postgres" else ""
    root = common_folder / f"boutique_{request.param}"
    with locked(common_folder, f"boutique_{request.param}"):
        if not (root / "built").exists():
            if host:
                new_database(host, BUILT)
            boutique = new_boutique(root, request.param, host, BUILT)
            boutique.dbt("deps")
            output = boutique.dbt("build")
            (root / "target").rename(root / "first")
            (root / "first" / "output.txt").write_text(output)
            boutique.make_state_tables()
            boutique.dbt("build", "--select", "package:dbt_activate", "vip_customers", "activated", "paused")
            if host:
                new_database(host, TEMPLATE, BUILT)
            (root / "built").touch()
    return Boutique(root, request.param, host, BUILT)


@pytest.fixture
def boutique(built: Boutique, tmp_path: Path) -> Boutique:
    """A built boutique of one's own."""
    return built.copied_to(tmp_path / "boutique")


@pytest.fixture
def state(built: Boutique) -> Iterator[State]:
    """Empty state tables that nobody else sees."""
    with opened_state(built) as state:
        yield state
