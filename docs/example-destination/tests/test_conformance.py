"""Acme keeps the promises that every destination makes."""

from collections.abc import Iterator

import pytest
from dbt_acme.destination import Acme
from dbt_acme.sandbox import AcmeSandbox

from dbt_activate.sandbox import Sandbox
from dbt_activate.testing import DestinationConformance, SandboxDouble


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox with an Acme in it."""
    with Sandbox(AcmeSandbox()) as running:
        yield running


class TestAcme(DestinationConformance):
    """Acme's destination, and an Acme to look into."""

    destination_class = Acme

    @pytest.fixture
    def double(self, sandbox: Sandbox) -> SandboxDouble:
        """Begin with an empty Acme."""
        return SandboxDouble(sandbox, "acme", secret="token", unknown="unknown_people")
