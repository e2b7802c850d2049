"""What a vendor in the sandbox must be: its answers, its audiences and its settings."""

from __future__ import annotations

import itertools
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.quota import Quota
from dbt_activate.sandbox.tokens import Tokens


@dataclass(slots=True, kw_only=True)
class HeldAudience:
    """An audience with its members, which a real vendor would not show.

    Attributes:
        id: The vendor's own id.
        account: The account that it belongs to.
        name: As it was given.
        description: None where there is none.
        members: The identifiers by type, as they were sent.
    """

    id: str
    account: str
    name: str
    description: str | None = None
    members: dict[str, set[str]] = field(default_factory=dict, repr=False)

    def add(self, identifier_type: str, identifiers: Iterable[str]) -> None:
        """Put members in; those who are in already stay."""
        self.members.setdefault(identifier_type, set()).update(identifiers)

    def remove(self, identifier_type: str, identifiers: Iterable[str]) -> None:
        """Take members out; those who are not in do not matter."""
        self.members.get(identifier_type, set()).difference_update(identifiers)

    def clear(self) -> None:
        """Take everybody out."""
        self.members.clear()

    @property
    def counts(self) -> dict[str, int]:
        """How many members there are, by identifier type."""
        return {kind: len(members) for kind, members in sorted(self.members.items()) if members}

    @property
    def size(self) -> int:
        """How many members there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Deed:
    """What a request asks for.

    Attributes:
        operation: ``token``, ``create``, ``add``, and so on; an empty text where nothing is known of it.
        count: How many members it adds or removes.
    """

    operation: str
    count: int = 0


Held = TypeVar("Held", bound=HeldAudience)
Settings = TypeVar("Settings", bound=BaseModel)


class Vendor(ABC, Generic[Held, Settings]):
    """One vendor's API, with everything that it remembers.

    A vendor of your own says what its first three attributes are, and defines what is abstract: `entry` leads
    a destination here, `answer`, `failure` and `deed` are its API, and `add_audience` makes an audience for
    `keep`. Its settings are a frozen pydantic model that forbids extra keys, which `configure` relies on. If
    it counts requests, a setting of the name ``rate_limit``, which is None for no limit, lets the sandbox
    lift it.

    Requests and the methods here may come from several threads: each holds `lock` while it is at work.

    Attributes:
        name: Its name in paths, faults and settings.
        label: Its name, for people.
        settings_class: What its settings are; their defaults are those of a vendor that is given none.
        root_paths: The paths that are so much its own that it answers them without ``/{name}`` before
            them, too. None where another vendor might have the same.
        first_number: Where `numbers` begin.
        lock: Held by whoever reads or changes the state.
        tokens: The access tokens that were given out, where the vendor has any.
        quota: How many requests each client made, where the vendor counts them.
        numbers: One after the other, to make ids of.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    settings_class: type[Settings]
    root_paths: ClassVar[re.Pattern[str] | None] = None
    first_number: ClassVar[int] = 1

    def __init__(self, settings: Settings | None = None) -> None:
        self.lock = threading.RLock()
        self._initial_settings = settings or self.settings_class()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and take back the settings of the start. Subclasses may have more to forget."""
        with self.lock:
            self._settings = self._initial_settings
            self._held: dict[str, Held] = {}
            self.tokens = Tokens()
            self.quota = Quota()
            self.numbers = itertools.count(self.first_number)

    @property
    def settings(self) -> Settings:
        """The knobs, as they stand."""
        return self._settings

    def configure(self, **changes: Any) -> None:
        """Turn knobs; those that are not named stay.

        Raises:
            pydantic.ValidationError: There is no such knob, or it does not go there.
        """
        with self.lock:
            self._settings = type(self._settings).model_validate({**dict(self._settings), **changes})

    def lift_rate_limit(self) -> None:
        """Answer as often as asked from now on, also after a `reset`."""
        if "rate_limit" in type(self._settings).model_fields:
            self._initial_settings = self._initial_settings.model_copy(update={"rate_limit": None})
            self.configure(rate_limit=None)

    def serve(self, call: Call) -> Response:
        """Carry a request out and answer it."""
        with self.lock:
            return self.answer(call)

    @abstractmethod
    def entry(self, url: str) -> dict[str, Any]:
        """Return the keys of an entry in ``destinations.yml`` that leads here: type, credentials, account.

        Args:
            url: Where this vendor answers, such as ``http://127.0.0.1:8737/criteo``.
        """

    @abstractmethod
    def answer(self, call: Call) -> Response:
        """Answer a request as the vendor does; the lock is held."""

    @abstractmethod
    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order, in the vendor's own shape.

        Args:
            call: The request.
            status: The HTTP status; 200 stands for an error inside a success, where the vendor does that.
            reset_after_seconds: What the vendor's own rate limit headers are to say; None for none.
        """

    @abstractmethod
    def deed(self, call: Call) -> Deed:
        """Say what a request asks for. Never raises, whatever the request holds."""

    @abstractmethod
    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
    ) -> str:
        """Make an audience behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its name; the vendor's rules for names are not applied.
            account: Where it belongs; by default the vendor's first account.
            description: Its description.
            members: The identifiers by type; not checked for form.
            read_only: Whether the API refuses to change its members, where the vendor knows such audiences.
        """

    def keep(self, audience: Held, members: Mapping[str, Iterable[str]] | None = None) -> str:
        """Hold a new audience from now on, and return its id.

        Args:
            audience: It takes the place of one that has its id.
            members: Whom to put in, by identifier type.
        """
        with self.lock:
            for identifier_type, identifiers in (members or {}).items():
                audience.add(identifier_type, identifiers)
            self._held[audience.id] = audience
            return audience.id

    def expire_tokens(self) -> None:
        """End the life of every token at once. Vendors without tokens have none to end."""
        with self.lock:
            self.tokens.expire_all()

    def audiences(self) -> list[Held]:
        """Return the audiences, in the order in which they were made."""
        with self.lock:
            return list(self._held.values())

    def audience(self, audience_id: str) -> Held:
        """Return one audience.

        Raises:
            LookupError: There is none of that id.
        """
        with self.lock:
            if audience_id not in self._held:
                raise LookupError(f"The {self.label} sandbox holds no audience {audience_id!r}.")
            return self._held[audience_id]

    def members(self, audience_id: str) -> dict[str, set[str]]:
        """Return a copy of who is in an audience, by identifier type; types without members are left out.

        Raises:
            LookupError: There is none of that id.
        """
        with self.lock:
            held = self.audience(audience_id).members
            return {kind: set(members) for kind, members in held.items() if members}

    def put_members(self, audience_id: str, identifier_type: str, identifiers: Iterable[str]) -> None:
        """Put members in behind the user's back.

        Raises:
            LookupError: There is no such audience.
        """
        with self.lock:
            self.audience(audience_id).add(identifier_type, identifiers)

    def take_members(self, audience_id: str, identifier_type: str, identifiers: Iterable[str]) -> None:
        """Take members out behind the user's back.

        Raises:
            LookupError: There is no such audience.
        """
        with self.lock:
            self.audience(audience_id).remove(identifier_type, identifiers)

    def delete_audience(self, audience_id: str) -> None:
        """Delete an audience behind the user's back.

        Raises:
            LookupError: There is none of that id.
        """
        with self.lock:
            del self._held[self.audience(audience_id).id]
