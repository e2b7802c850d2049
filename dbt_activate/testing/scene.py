"""What a test of the suite works with: a destination in front of a double, people, and an audience."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import count, islice
from typing import Any

from pydantic import SecretStr

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import Destination, DestinationSettings, Wanted
from dbt_activate.identifiers import Form, IdentifierType, hashed
from dbt_activate.testing.double import RealAudience, ToolDouble
from dbt_activate.throttle import Retry, Throttles

RETRY = Retry(attempts=4, first_wait_seconds=0.001, total_seconds=20.0, poll_seconds=(0.002, 0.01, 0.05))
"""The patience of a run, with waits a thousand times as short."""

TIMEOUT_SECONDS = 0.15
"""How long the suite waits for an answer that comes late on purpose."""

DESCRIPTION = "Customers who spent a lot"
"""What audiences of the suite are described by, where they can be."""

Members = Mapping[str, frozenset[str]]


class Scene:
    """One destination class in front of one double.

    Attributes:
        kind: The destination's class.
        double: The tool.
        throttles: Of the destination that `destination` is.
    """

    def __init__(self, kind: type[Destination], double: ToolDouble) -> None:
        self.kind = kind
        self.double = double
        self.throttles = Throttles(RETRY, window_seconds=0.01)
        self._opened: list[Destination] = []
        self._numbers = count(1)

    @cached_property
    def destination(self) -> Destination:
        """A destination with good credentials."""
        return self.connect(throttles=self.throttles)

    def settings(self, entry: Mapping[str, Any] | None = None, **more: Any) -> DestinationSettings:
        """Read an entry, by default the good one."""
        given = self.double.entry() if entry is None else entry
        return self.kind.Settings.model_validate({"targets": ["prod"], **given, **more})

    def connect(
        self,
        entry: Mapping[str, Any] | None = None,
        *,
        retry: Retry = RETRY,
        throttles: Throttles | None = None,
        **more: Any,
    ) -> Destination:
        """Make a destination, to be closed after the test.

        Args:
            entry: Its entry; None for the good one.
            retry: Its patience, where it gets `Throttles` of its own.
            throttles: Its waits.
            more: Settings that differ.
        """
        waits = throttles or Throttles(retry, window_seconds=0.01)
        self._opened.append(self.kind(self.settings(entry, **more), waits))
        return self._opened[-1]

    def reconnect(self, **how: Any) -> None:
        """Go on with another destination, as the next run does."""
        self.destination = self.connect(**how)

    def close(self) -> None:
        """Close every destination."""
        for destination in self._opened:
            destination.close()

    @property
    def secrets(self) -> list[str]:
        """The secrets of the good entry, also those in mappings and lists."""
        values = (getattr(self.settings(), name) for name in self.kind.Settings.model_fields)
        return [secret for value in values for secret in _secrets(value)]

    @cached_property
    def kinds(self) -> tuple[IdentifierType, ...]:
        """The identifier types that can be mapped."""
        names = self.double.identifier_types
        if names is None:
            every = self.kind.identifier_types
            names = [name for name in every if not self.kind.check_mapping(self.settings(), {name: "column"})]
        found = [self.kind.identifier_type(name) for name in names]
        assert found, "No identifier type can be mapped with the double's entry."
        assert all(found), f"{self.kind.label} does not know an identifier type among {names}."
        return tuple(kind for kind in found if kind)

    @property
    def usual(self) -> IdentifierType:
        """The identifier type of a test that needs but one."""
        return self.kinds[0]

    def wanted(self, name: str = "VIP customers", kind: IdentifierType | None = None) -> Wanted:
        """Return the settings of an audience for members of a type."""
        mapping = {(kind or self.usual).name: "column"}
        keys = {**self.kind.audience_defaults(mapping), **self.double.audience(name, DESCRIPTION)}
        wanted = self.kind.AudienceSettings.model_validate(keys)
        assert not self.kind.check_audience(self.settings(), wanted, mapping)
        return wanted

    def create(self, name: str = "VIP customers", kind: IdentifierType | None = None) -> Audience:
        """Make an audience."""
        return self.destination.create(self.wanted(name, kind))

    def require_found(self, audience: Audience, wanted: Wanted, remote_id: str | None) -> None:
        """Find an audience, and see that it is this one; not every tool shows descriptions."""
        found = self.destination.find(wanted, remote_id)
        assert found is not None
        assert (found.remote_id, found.name) == (audience.remote_id, audience.name)

    def people(self, number: int, kind: IdentifierType | None = None) -> tuple[str, ...]:
        """Return so many people whom nobody has met yet, in the form in which they are sent."""
        kind = kind or self.usual
        people = tuple(islice(self._newcomers(kind), number))
        self.double.introduce(kind.name, people)
        return people

    def _newcomers(self, kind: IdentifierType) -> Iterator[str]:
        is_hashed = self.kind.default_form is Form.SHA256 and kind.hashable
        for number in self._numbers:
            value = self.double.identifier(kind, number)
            yield hashed(value) if is_hashed else value

    def add(self, audience: Audience, people: tuple[str, ...], kind: IdentifierType | None = None) -> Receipt:
        """Push people who enter."""
        return self.destination.push(audience, self.delivery(Operation.ADD, people, kind))

    def remove(
        self, audience: Audience, people: tuple[str, ...], kind: IdentifierType | None = None
    ) -> Receipt:
        """Push people who leave."""
        return self.destination.push(audience, self.delivery(Operation.REMOVE, people, kind))

    def delivery(
        self, operation: Operation, people: tuple[str, ...], kind: IdentifierType | None = None
    ) -> Delivery:
        """Make a delivery."""
        return Delivery(1, operation, (kind or self.usual).name, people)

    def inside(self, audience: Audience) -> RealAudience:
        """Look into the tool once it has applied everything."""
        self.double.settle()
        return self.double.audiences()[audience.remote_id]

    def members(self, audience: Audience) -> Members:
        """Return who is really in an audience."""
        return self.inside(audience).members

    def set_of(self, *people: tuple[str, ...]) -> Members:
        """Return what `members` should be where these people of the usual type are in."""
        everybody = frozenset(one for some in people for one in some)
        return {self.usual.name: everybody} if everybody else {}

    def full_delivery(self, kind: IdentifierType) -> tuple[str, ...]:
        """Return as many people as one delivery may have, in members and in bytes."""
        limit = min(self.destination.delivery_size, self.double.largest_delivery)
        people = self.people(limit, kind)
        room = self.destination.delivery_bytes
        while room is not None and _bytes(people) > room:
            people = people[: len(people) * room // _bytes(people)]
        return people


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for each in inner:
        yield from _secrets(each)


def _bytes(people: tuple[str, ...]) -> int:
    return len(json.dumps(people, separators=(",", ":"), ensure_ascii=False).encode())
