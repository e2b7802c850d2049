"""A tool that the suite can look into, act in behind the destination's back, and make fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from dbt_activate.identifiers import EMAIL, MADID, PHONE_NUMBER, IdentifierType


class Trouble(Enum):
    """How a request goes wrong. All but `REFUSED` pass, and the same request may then be made again."""

    BUSY = "429"
    BROKEN = "500"
    UNAVAILABLE = "503"
    BROKEN_APPLIED = "500, though carried out"
    LATE = "no answer in time"
    LATE_APPLIED = "no answer in time, though carried out"
    CUT = "the connection is cut"
    CUT_APPLIED = "the connection is cut, though carried out"
    TRUNCATED = "half of the answer, all carried out"
    GARBAGE = "a success whose body is not the tool's"
    REFUSED = "400"


PASSING = tuple(trouble for trouble in Trouble if trouble is not Trouble.REFUSED)
"""The troubles after which the same request may go well."""


@dataclass(frozen=True, slots=True)
class RealAudience:
    """An audience as the tool really holds it.

    Attributes:
        name: Its name.
        description: None where it has none.
        members: Identifiers as they were sent, by the destination's names of identifier types. Types
            without members are left out.
    """

    name: str
    description: str | None = None
    members: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)


class ToolDouble(ABC):
    """A tool that answers as the real one does, for one test. Its methods do not go through its API.

    Attributes:
        troubles: What can go wrong in this tool. Leave out only what cannot happen, such as garbage in a
            tool whose answers nobody reads.
        identifier_types: Names of the identifier types to try; None for all that are declared and that
            the destination's `check_mapping` allows with `entry`.
        largest_delivery: The most members to try at once, where a full delivery takes too long to make.
    """

    troubles: ClassVar[Collection[Trouble]] = frozenset(Trouble)
    identifier_types: Sequence[str] | None = None
    largest_delivery: int = 100_000

    @abstractmethod
    def entry(self) -> Mapping[str, Any]:
        """Return the keys of an entry in ``destinations.yml`` that leads here, without ``targets``.

        Where requests are paced, it has what lifts the pace.
        """

    def wrong_entry(self) -> Mapping[str, Any] | None:
        """Return an entry with credentials that are refused; None if the tool has no credentials."""
        return None

    def audience(self, name: str, description: str) -> Mapping[str, Any]:
        """Return the keys of ``audience:`` for an audience of that name and description."""
        return {"name": name, "description": description}

    def identifier(self, kind: IdentifierType, number: int) -> str:
        """Make the plain identifier of a person; another for each number, and valid.

        Raises:
            LookupError: None is known for this type: override this method.
        """
        made = {
            EMAIL.name: f"canary-{number}@people.example",
            MADID.name: f"{number:08x}-cafe-4bad-8ace-{number:012x}",
            PHONE_NUMBER.name: f"+4915{number:010d}",
        }
        for value in (made.get(kind.name, f"canary-{number}"), f"{70_000_000 + number}"):
            if kind.is_valid(value):
                return value
        raise LookupError(f"Override {type(self).__name__}.identifier: make a valid {kind.name}.")

    def introduce(self, identifier_type: str, identifiers: Sequence[str]) -> None:  # noqa: B027
        """Make these people known to a tool that takes only whom it knows; others need do nothing."""

    def turn_away(self, identifier_type: str, identifiers: Sequence[str]) -> bool:
        """Have the tool not take these people when they are added; False if it takes everybody."""
        del identifier_type, identifiers
        return False

    @abstractmethod
    def audiences(self) -> Mapping[str, RealAudience]:
        """Return all audiences by the id that the destination knows them by."""

    @abstractmethod
    def add_audience(self, name: str, members: Mapping[str, Iterable[str]]) -> str:
        """Make an audience as somebody else would, where the destination looks for it; return its id."""

    @abstractmethod
    def put_members(self, remote_id: str, members: Mapping[str, Iterable[str]]) -> None:
        """Put members in as somebody else would."""

    @abstractmethod
    def delete_audience(self, remote_id: str) -> None:
        """Delete an audience as somebody else would."""

    @abstractmethod
    def fail(self, trouble: Trouble, *, nth: int = 1, times: int | None = 1) -> Callable[[], int]:
        """Have requests go wrong, whatever they are for.

        Args:
            trouble: What goes wrong.
            nth: The first request to go wrong, counted from 1 since now.
            times: How many go wrong; None for all from there on.

        Returns:
            Tells how many have gone wrong.
        """

    @abstractmethod
    def clear_faults(self) -> None:
        """Let all requests go well again."""

    @abstractmethod
    def request_count(self) -> int:
        """Return how many requests have come so far."""

    def settle(self) -> None:  # noqa: B027  (most tools apply at once)
        """Apply what was accepted and is applied later."""
