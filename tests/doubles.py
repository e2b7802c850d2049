"""The sandbox's vendors as doubles of the tools: what each needs beyond what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dbt_activate.sandbox import Sandbox
from dbt_activate.testing import SandboxDouble

UNHURRIED = {"requests_per_minute": None}
"""Without the pace that spares a real tool."""


def criteo(sandbox: Sandbox) -> SandboxDouble:
    """Criteo takes everybody, and calls types of identifier otherwise than we do."""
    return SandboxDouble(
        sandbox,
        "criteo",
        secret="client_secret",
        settings={**UNHURRIED, "gum_caller_id": 42},
        spellings={"identity_link": "identityLink", "phone_number": "phoneNumber"},
    )


RETAIL_MEDIA_TYPES = ("email", "customer_id", "identity_link", "phone_number", "user_identifier")


def criteo_retail_media(sandbox: Sandbox) -> SandboxDouble:
    """Criteo Retail Media takes everybody."""
    return SandboxDouble(
        sandbox,
        "criteo_retail_media",
        secret="client_secret",
        settings=UNHURRIED,
        spellings={name: "".join(map(str.capitalize, name.split("_"))) for name in RETAIL_MEDIA_TYPES},
    )


def purchasely(sandbox: Sandbox) -> SandboxDouble:
    """Purchasely takes everybody."""
    return SandboxDouble(sandbox, "purchasely", secret="api_key", settings=UNHURRIED)


class BatchDouble(SandboxDouble):
    """Batch, whose audiences have a second name for machines."""

    def audience(self, name: str, description: str) -> Mapping[str, Any]:
        """Give it an API name."""
        return {**super().audience(name, description), "api_name": name.replace(" ", "_")}


def batch(sandbox: Sandbox) -> SandboxDouble:
    """Batch takes everybody."""
    return BatchDouble(sandbox, "batch", secret="rest_api_key", settings={"requests_per_second": None})


class PickyDouble(SandboxDouble):
    """A vendor that can be told whom it knows; it knows everybody until somebody is turned away."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._people: set[str] = set()

    def introduce(self, identifier_type: str, identifiers: Sequence[str]) -> None:
        """Remember them."""
        self._people |= {*identifiers}

    def turn_away(self, identifier_type: str, identifiers: Sequence[str]) -> bool:
        """Let the vendor know all the others."""
        self.know(identifier_type, self._people - {*identifiers})
        return True

    def know(self, identifier_type: str, people: set[str]) -> None:
        """Tell the vendor whom it knows."""
        raise NotImplementedError


class EmarsysDouble(PickyDouble):
    """Emarsys, which takes contacts only."""

    def know(self, identifier_type: str, people: set[str]) -> None:
        """Name the contacts."""
        self.vendor.configure(contacts=tuple({identifier_type: one} for one in people))


def emarsys(sandbox: Sandbox) -> SandboxDouble:
    """Emarsys."""
    return EmarsysDouble(sandbox, "emarsys", secret="client_secret", settings=UNHURRIED)


class SelligentDouble(PickyDouble):
    """Selligent, which takes the records of a list only."""

    def know(self, identifier_type: str, people: set[str]) -> None:
        """Name the records."""
        self.vendor.know("CUSTOMERS", people)  # type: ignore[attr-defined]


def selligent(sandbox: Sandbox) -> SandboxDouble:
    """Selligent, with the fields of its first list as types of identifier, and soon tired of a busy list."""
    return SelligentDouble(
        sandbox,
        "selligent",
        secret="api_secret",
        settings={**UNHURRIED, "busy_seconds": 0.1},
        identifier_types=("MAIL", "CUSTOMER_ID"),
    )


DOUBLES: Mapping[str, Callable[[Sandbox], SandboxDouble]] = {
    make.__name__: make for make in (batch, criteo, criteo_retail_media, emarsys, purchasely, selligent)
}
"""By the registered name of the destination."""
