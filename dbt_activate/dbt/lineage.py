"""What a model is made of, and which tests are about it, as the manifest has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Node

TESTS = frozenset({"test", "unit_test"})
"""The resource types that say whether another resource is as it should be."""


@dataclass(frozen=True)  # without slots: the tests by model are found once, on first use
class Lineage:
    """The lineage of a project.

    Attributes:
        manifest: What dbt knows of the project.
    """

    manifest: Manifest

    def ancestors(self, unique_id: str) -> list[str]:
        """Return what a node is made of, the nearest first."""
        found: dict[str, None] = {}
        waiting = list(self.manifest.parents.get(unique_id, ()))
        while waiting:
            one = waiting.pop(0)
            if one not in found:
                found[one] = None
                waiting += self.manifest.parents.get(one, ())
        return list(found)

    def tests_of(self, unique_id: str) -> tuple[str, ...]:
        """Return the ids of the tests that are about a node, in order."""
        return self._tests.get(unique_id, ())

    def is_before(self, test: str, unique_id: str, ancestors: frozenset[str]) -> bool:
        """Tell whether ``dbt build`` skips a node if a test fails, since it runs the test before.

        So it does with a unit test of the node, and with any other where the node is made of all that the
        test reads: https://docs.getdbt.com/reference/commands/build
        """
        if self.manifest.resources[test].get("resource_type") == "unit_test":
            return unique_id in self.manifest.parents[test]
        return ancestors.issuperset(self.manifest.parents[test])

    @cached_property
    def _tests(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for id_, node in self.manifest.resources.items():
            if node.get("resource_type") in TESTS:
                for tested in _tested(node):
                    found.setdefault(tested, []).append(id_)
        return {tested: tuple(sorted(tests)) for tested, tests in found.items()}


def has_freshness(node: Node) -> bool:
    """Tell whether a node is a source that ``dbt source freshness`` judges."""
    if node.get("resource_type") != "source":
        return False
    freshness = node.get("freshness") or (node.get("config") or {}).get("freshness") or {}
    return any((freshness.get(name) or {}).get("count") for name in ("warn_after", "error_after"))


def _tested(node: Node) -> tuple[str, ...]:
    """Name what a test is about: a generic one its model alone, another all that it reads."""
    attached = node.get("attached_node")
    return (attached,) if attached else tuple((node.get("depends_on") or {}).get("nodes") or ())
