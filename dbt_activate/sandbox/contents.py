"""All that a sandbox holds, whoever serves it: vendors, faults, traffic, latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from dbt_activate.sandbox.batch import Batch
from dbt_activate.sandbox.criteo import Criteo
from dbt_activate.sandbox.criteo_retail_media import CriteoRetailMedia
from dbt_activate.sandbox.emarsys import Emarsys
from dbt_activate.sandbox.faults import Faults
from dbt_activate.sandbox.http import HttpEndpoint
from dbt_activate.sandbox.purchasely import Purchasely
from dbt_activate.sandbox.selligent import Selligent
from dbt_activate.sandbox.traffic import Traffic
from dbt_activate.sandbox.vendor import Vendor

VENDORS: tuple[Callable[[], Vendor[Any, Any]], ...] = (
    Criteo,
    CriteoRetailMedia,
    Emarsys,
    Batch,
    Purchasely,
    Selligent,
    HttpEndpoint,
)
"""Make the vendors that every sandbox has."""

Kind = TypeVar("Kind", bound=Vendor[Any, Any])


class Contents:
    """The vendors, what is to go wrong with them, and what they were asked.

    Attributes:
        vendors: All vendors by name.
        faults: What is to go wrong, on order.
        traffic: Every request to a vendor.
        latency_seconds: How long each request waits before it is carried out, without holding up others.
    """

    def __init__(
        self, *given: Vendor[Any, Any], latency_seconds: float = 0.0, rate_limits: bool = True
    ) -> None:
        """Hold the usual vendors, with their usual settings, and those that are given.

        Args:
            given: Vendors with other settings, which take the place of those of their name; or your own.
            latency_seconds: How long each request waits.
            rate_limits: Whether vendors refuse requests that come faster than they document.
        """
        self.vendors: Mapping[str, Vendor[Any, Any]] = _by_name(given)
        self.faults = Faults()
        self.traffic = Traffic()
        self.latency_seconds = latency_seconds
        self._initial_latency_seconds = latency_seconds
        if not rate_limits:
            for vendor in self.vendors.values():
                vendor.lift_rate_limit()

    @property
    def criteo(self) -> Criteo:
        """Criteo Marketing Solutions."""
        return self._vendor(Criteo)

    @property
    def criteo_retail_media(self) -> CriteoRetailMedia:
        """Criteo Retail Media."""
        return self._vendor(CriteoRetailMedia)

    @property
    def emarsys(self) -> Emarsys:
        """SAP Emarsys."""
        return self._vendor(Emarsys)

    @property
    def batch(self) -> Batch:
        """Batch, the customer engagement platform."""
        return self._vendor(Batch)

    @property
    def purchasely(self) -> Purchasely:
        """Purchasely."""
        return self._vendor(Purchasely)

    @property
    def selligent(self) -> Selligent:
        """Selligent."""
        return self._vendor(Selligent)

    @property
    def http(self) -> HttpEndpoint:
        """An ordinary JSON API, for destinations of the type ``http``."""
        return self._vendor(HttpEndpoint)

    def reset(self) -> None:
        """Go back to the start: no audiences, no faults, no record of requests, the first settings."""
        for vendor in self.vendors.values():
            vendor.reset()
        self.faults.clear()
        self.traffic.clear()
        self.latency_seconds = self._initial_latency_seconds

    def expire_tokens(self) -> None:
        """End the life of every access token of every vendor now."""
        for vendor in self.vendors.values():
            vendor.expire_tokens()

    def _vendor(self, kind: type[Kind]) -> Kind:
        vendor = self.vendors[kind.name]
        if not isinstance(vendor, kind):
            raise TypeError(f"This sandbox has another vendor under the name {kind.name!r}.")
        return vendor


def _by_name(given: Iterable[Vendor[Any, Any]]) -> dict[str, Vendor[Any, Any]]:
    own = {vendor.name: vendor for vendor in given}
    return {vendor.name: vendor for vendor in (make() for make in VENDORS)} | own
