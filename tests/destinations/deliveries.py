"""Deliveries, and what was asked of a sandbox to bring them about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.delivery import Delivery, Operation

if TYPE_CHECKING:
    from dbt_activate.sandbox import Sandbox


def add(*identifiers: str, kind: str = "email") -> Delivery:
    """Make a delivery of people who enter."""
    return Delivery(1, Operation.ADD, kind, identifiers)


def remove(*identifiers: str, kind: str = "email") -> Delivery:
    """Make a delivery of people who leave."""
    return Delivery(2, Operation.REMOVE, kind, identifiers)


def operations(sandbox: Sandbox) -> list[str]:
    """Return what was asked of the vendors, in order."""
    return [exchange.operation for exchange in sandbox.traffic.exchanges()]
