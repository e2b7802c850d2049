"""A dbt Cloud that has run the shop's job, and a shop that does not have dbt's files itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.dbt_cloud.server import DbtCloudServer
from tests.shop import Shop

RUN = 70512


@pytest.fixture
def cloud() -> Iterator[DbtCloudServer]:
    """An account without runs."""
    with DbtCloudServer() as server:
        yield server


@pytest.fixture
def built(shop: Shop, cloud: DbtCloudServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What dbt wrote for the shop, taken out of its folder; the environment leads to dbt Cloud."""
    target = shop.root / "target"
    files = {name: (target / name).read_bytes() for name in ("manifest.json", "run_results.json")}
    shutil.rmtree(target)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    return files


def with_results(files: Mapping[str, bytes], which: str = "build", **statuses: str) -> dict[str, bytes]:
    """Change how models and tests went, by name, and which command of dbt it was."""
    content: Any = json.loads(files["run_results.json"])
    content["args"]["which"] = which
    content["metadata"]["invocation_id"] = f"invocation-{which}-{sorted(statuses.items())}"
    for result in content["results"]:
        result["status"] = statuses.get(result["unique_id"].split(".")[2], "success")
    return {**files, "run_results.json": json.dumps(content).encode()}
