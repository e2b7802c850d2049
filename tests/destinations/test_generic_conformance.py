"""The generic destinations keep the promises that all destinations keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbt_activate.destinations.files.destination import Files
from dbt_activate.destinations.http_endpoint.endpoint import Http
from dbt_activate.sandbox import Sandbox
from dbt_activate.sandbox.http import HttpEndpoint
from dbt_activate.testing import DestinationConformance
from tests.destinations.generic_doubles import FilesDouble, HttpDouble, one_by_one


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with the endpoint."""
    with Sandbox(HttpEndpoint()) as running:
        yield running


class TestHttp(DestinationConformance):
    """Members of a delivery in one request."""

    destination_class = Http

    @pytest.fixture
    def double(self, sandbox: Sandbox) -> HttpDouble:
        """Look into the endpoint."""
        return HttpDouble(sandbox)


@pytest.mark.slow
class TestHttpOneByOne(TestHttp):
    """Each member in a request of its own."""

    @pytest.fixture
    def double(self, sandbox: Sandbox) -> HttpDouble:
        """Look into the endpoint."""
        return one_by_one(sandbox)


class TestMembersAsFiles(DestinationConformance):
    """One list of members, as CSV on a disk."""

    destination_class = Files

    @pytest.fixture
    def double(self, tmp_path: Path) -> FilesDouble:
        """Read the files."""
        return FilesDouble(str(tmp_path / "audiences"), "members", "csv")


class TestChangesAsFiles(TestMembersAsFiles):
    """A file for each delivery, as Parquet in an object store."""

    @pytest.fixture
    def double(self, tmp_path: Path) -> FilesDouble:
        """Read the files."""
        return FilesDouble(f"memory://{tmp_path.name}", "changes", "parquet")
