"""The suite for every broken destination; not collected, but run by `test_broken_destinations`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dbt_acme.sandbox import AcmeSandbox

from dbt_activate.sandbox import Sandbox
from dbt_activate.testing import DestinationConformance, SandboxDouble
from tests.testing.broken import BROKEN


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all of them."""
    with Sandbox(AcmeSandbox()) as running:
        yield running


class BrokenConformance(DestinationConformance):
    """The suite, with an Acme to look into."""

    @pytest.fixture
    def double(self, sandbox: Sandbox) -> SandboxDouble:
        """Begin with an empty Acme."""
        return SandboxDouble(sandbox, "acme", secret="token", unknown="unknown_people")


for broken in BROKEN:
    name = f"Test{broken.__name__}"
    globals()[name] = type(name, (BrokenConformance,), {"destination_class": broken})
