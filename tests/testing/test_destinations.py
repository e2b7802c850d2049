"""Every registered destination keeps the promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.sandbox import Sandbox
from dbt_activate.testing import DestinationConformance, SandboxDouble
from tests.destinations import test_generic_conformance
from tests.doubles import DOUBLES

OURS = [name for name, entry in destination_types().items() if entry.value.startswith("dbt_activate.")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests; each begins with an empty one."""
    with Sandbox() as running:
        yield running


class OursConformance(DestinationConformance):
    """The suite for one of ours."""

    @pytest.fixture
    def double(self, sandbox: Sandbox) -> SandboxDouble:
        """Look into the vendor."""
        return DOUBLES[self.destination_class.type_name](sandbox)


for name in sorted({*OURS} & DOUBLES.keys()):
    title = "".join(map(str.capitalize, name.split("_")))
    globals()[f"Test{title}"] = type(
        f"Test{title}", (OursConformance,), {"destination_class": load_destination(name)}
    )


def test_every_registered_destination_is_held_to_the_promises() -> None:
    """Whatever this package registers has a class of the suite, here or among the generic ones."""
    held = [*OursConformance.__subclasses__(), *vars(test_generic_conformance).values()]
    assert {*OURS} <= {
        kind.destination_class.type_name for kind in held if hasattr(kind, "destination_class")
    }
