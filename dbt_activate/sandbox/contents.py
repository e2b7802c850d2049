"""All that a sandbox holds, whoever serves it: vendors, faults, traffic, latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_activate.sandbox.criteo import Criteo, CriteoSettings
from dbt_activate.sandbox.faults import Faults
from dbt_activate.sandbox.traffic import Traffic
from dbt_activate.sandbox.vendor import Vendor


class Contents:
    """The vendors, what is to go wrong with them, and what they were asked.

    Attributes:
        criteo: Criteo Marketing Solutions.
        vendors: All vendors by name; a new vendor is one more of these.
        faults: What is to go wrong, on order.
        traffic: Every request to a vendor.
        latency_seconds: How long each request waits before it is carried out, without holding up others.
    """

    def __init__(self, *, latency_seconds: float = 0.0, criteo: CriteoSettings | None = None) -> None:
        self.criteo = Criteo(criteo)
        self.vendors: Mapping[str, Vendor[Any, Any]] = {vendor.name: vendor for vendor in (self.criteo,)}
        self.faults = Faults()
        self.traffic = Traffic()
        self.latency_seconds = latency_seconds
        self._initial_latency_seconds = latency_seconds

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
