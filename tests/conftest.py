"""A built shop and a sandbox, for every test that asks for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbt_activate.sandbox import Sandbox
from tests.shop import Shop, built_shop, without_dbt_variables


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Let twice as many workers as processors run: much of what is tested is how long things wait."""
    del config
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; idle workers take the rest from the one that has it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def built_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's project as dbt built it, made once for all workers; to be copied, not changed."""
    folder = tmp_path_factory.getbasetemp()
    return built_shop(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of one's own without a rate limit, on a port that is free."""
    with Sandbox(rate_limits=False) as running:
        yield running


@pytest.fixture
def shop(built_project: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop of one's own, to which the working directory and the environment point."""
    root = tmp_path / "shop"
    shutil.copytree(built_project, root)
    for name in os.environ.keys() - without_dbt_variables().keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("CRITEO_CLIENT_ID", "sandbox")
    monkeypatch.setenv("CRITEO_CLIENT_SECRET", "sandbox-secret")
    monkeypatch.setenv("CRITEO_BASE_URL", sandbox.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(root)
    return Shop(root, sandbox)
