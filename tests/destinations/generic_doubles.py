"""Doubles for the conformance suite: an endpoint of the sandbox, and a folder of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from dbt_activate.sandbox import Sandbox
from dbt_activate.sandbox.http import ONE_BY_ONE
from dbt_activate.testing import RealAudience, SandboxDouble, ToolDouble, Trouble
from tests.destinations.audience_files import AudienceFiles

TYPES = ("email", "crm_id")
"""A type with rules of its own, and one without."""


class HttpDouble(SandboxDouble):
    """The endpoint, which takes whom it knows; it knows everybody until somebody is turned away."""

    def __init__(self, sandbox: Sandbox, **settings: Any) -> None:
        super().__init__(sandbox, "http", secret="bearer_token", settings=settings, identifier_types=TYPES)
        self._people: set[str] = set()

    def introduce(self, identifier_type: str, identifiers: Sequence[str]) -> None:
        """Remember them."""
        self._people |= {*identifiers}

    def turn_away(self, identifier_type: str, identifiers: Sequence[str]) -> bool:
        """Let the endpoint know all the others."""
        self.vendor.configure(known=self._people - {*identifiers})
        return True


def one_by_one(sandbox: Sandbox) -> HttpDouble:
    """The endpoint, with a request for each member."""
    return HttpDouble(sandbox, requests=ONE_BY_ONE)


class FilesDouble(ToolDouble):
    """Files: whoever reads them is the tool, and no request goes wrong on order."""

    troubles: frozenset[Trouble] = frozenset()
    identifier_types = TYPES

    def __init__(self, url: str, content: str, kind: str) -> None:
        self.inside = AudienceFiles(url, content, kind)

    def entry(self) -> Mapping[str, Any]:
        """Return the keys of an entry that leads there."""
        inside = self.inside
        return {"type": "files", "url": inside.url, "content": inside.content, "format": inside.kind}

    def audiences(self) -> Mapping[str, RealAudience]:
        """Read all files."""
        return {
            remote_id: RealAudience(
                card["name"],
                card["description"],
                {kind: frozenset(who) for kind, who in self.inside.members(remote_id).items()},
            )
            for remote_id, card in self.inside.cards().items()
        }

    def add_audience(self, name: str, members: Mapping[str, Iterable[str]]) -> str:
        """Make one as another project would."""
        return self.inside.add_audience(name, members)

    def put_members(self, remote_id: str, members: Mapping[str, Iterable[str]]) -> None:
        """Put members in by hand."""
        self.inside.put_members(remote_id, members)

    def delete_audience(self, remote_id: str) -> None:
        """Remove the folder."""
        self.inside.delete_audience(remote_id)

    def fail(self, trouble: Trouble, *, nth: int = 1, times: int | None = 1) -> Callable[[], int]:
        """Nothing goes wrong on order."""
        pytest.skip("No request can go wrong on order here.")

    def clear_faults(self) -> None:
        """There are none."""

    def request_count(self) -> int:
        """Count the files."""
        return len(self.inside.paths())
