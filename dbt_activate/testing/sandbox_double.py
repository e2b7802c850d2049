"""A vendor of the sandbox as the suite's double of a tool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.vendor import HeldAudience, Vendor
from dbt_activate.testing.double import RealAudience, ToolDouble, Trouble

LATE_SECONDS = 1.0
"""How late a late answer is; the suite waits for less."""

FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    Trouble.BUSY: {"effect": "error", "status": 429},
    Trouble.BROKEN: {"effect": "error", "status": 500},
    Trouble.UNAVAILABLE: {"effect": "error", "status": 503},
    Trouble.BROKEN_APPLIED: {"effect": "error", "status": 500, "applied": True},
    Trouble.LATE: {"effect": "delay", "delay_seconds": LATE_SECONDS},
    Trouble.LATE_APPLIED: {"effect": "delay", "delay_seconds": LATE_SECONDS, "applied": True},
    Trouble.CUT: {"effect": "reset"},
    Trouble.CUT_APPLIED: {"effect": "reset", "applied": True},
    Trouble.TRUNCATED: {"effect": "truncate"},
    Trouble.GARBAGE: {"effect": "garbage"},
    Trouble.REFUSED: {"effect": "error", "status": 400},
}
"""Each trouble as the sandbox orders it."""


class SandboxDouble(ToolDouble):
    """One vendor of a running sandbox. A vendor that differs in more than the arguments is subclassed."""

    def __init__(
        self,
        sandbox: Sandbox,
        vendor: str,
        *,
        secret: str | None = None,
        settings: Mapping[str, Any] | None = None,
        spellings: Mapping[str, str] | None = None,
        identifier_types: Sequence[str] | None = None,
        unknown: str | None = None,
    ) -> None:
        """Look into a vendor. The sandbox begins anew, and the vendor's rate limit is lifted.

        Args:
            sandbox: The sandbox, started; one may serve many tests, one after the other.
            vendor: The vendor's name there.
            secret: The key of the entry that holds a secret, if there is one: a wrong one is refused.
            settings: Keys of the entry besides those that the vendor gives.
            spellings: How the vendor calls identifier types, where not as the destination does.
            identifier_types: The identifier types to try; None for all.
            unknown: The vendor's knob that holds the identifiers of people whom it does not take.
        """
        sandbox.reset()
        self.sandbox = sandbox
        self.vendor: Vendor[Any, Any] = sandbox.vendors[vendor]
        self.vendor.lift_rate_limit()
        self.identifier_types = identifier_types
        self._secret = secret
        self._settings = settings or {}
        self._spellings = spellings or {}
        self._unknown = unknown

    def entry(self) -> Mapping[str, Any]:
        """Return the keys of an entry that leads to the vendor."""
        return {**self.sandbox.entry(self.vendor.name), **self._settings}

    def wrong_entry(self) -> Mapping[str, Any] | None:
        """Return the same with another secret."""
        if self._secret is None:
            return None
        return {**self.entry(), self._secret: "canary-wrong-secret"}

    def turn_away(self, identifier_type: str, identifiers: Sequence[str]) -> bool:
        """Turn the knob that holds whom the vendor does not take, if there is one."""
        del identifier_type
        if self._unknown:
            self.vendor.configure(**{self._unknown: frozenset(identifiers)})
        return self._unknown is not None

    def audiences(self) -> Mapping[str, RealAudience]:
        """Return what the vendor holds."""
        return {self.remote_id(held): self._real(held) for held in self.vendor.audiences()}

    def remote_id(self, held: HeldAudience) -> str:
        """Return the id that the destination knows an audience by: the vendor's own."""
        return str(held.id)

    def held_id(self, remote_id: str) -> str:
        """Return the vendor's own id of an audience.

        Raises:
            LookupError: There is none of that id.
        """
        for held in self.vendor.audiences():
            if self.remote_id(held) == remote_id:
                return str(held.id)
        raise LookupError(f"The {self.vendor.label} sandbox holds no audience {remote_id!r}.")

    def add_audience(self, name: str, members: Mapping[str, Iterable[str]]) -> str:
        """Make an audience in the vendor's first account."""
        held_id = self.vendor.add_audience(name, members=self._spelled(members))
        return self.remote_id(self.vendor.audience(held_id))

    def put_members(self, remote_id: str, members: Mapping[str, Iterable[str]]) -> None:
        """Put members in."""
        for kind, identifiers in self._spelled(members).items():
            self.vendor.put_members(self.held_id(remote_id), kind, identifiers)

    def delete_audience(self, remote_id: str) -> None:
        """Delete an audience."""
        self.vendor.delete_audience(self.held_id(remote_id))

    def fail(self, trouble: Trouble, *, nth: int = 1, times: int | None = 1) -> Callable[[], int]:
        """Order a fault of every request to the vendor."""
        what = {**FAULTS[trouble], "vendor": self.vendor.name, "nth": nth, "times": times}
        order = self.sandbox.faults.add(Fault.model_validate(what))
        return lambda: order.hit

    def clear_faults(self) -> None:
        """Take all orders back."""
        self.sandbox.faults.clear()

    def request_count(self) -> int:
        """Count the requests to the vendor."""
        return len(self.sandbox.traffic.exchanges(vendor=self.vendor.name))

    def _spelled(self, members: Mapping[str, Iterable[str]]) -> dict[str, Iterable[str]]:
        return {self._spellings.get(kind, kind): identifiers for kind, identifiers in members.items()}

    def _real(self, held: HeldAudience) -> RealAudience:
        ours = {theirs: name for name, theirs in self._spellings.items()}
        members = {ours.get(kind, kind): frozenset(who) for kind, who in held.members.items() if who}
        return RealAudience(held.name, held.description, members)
