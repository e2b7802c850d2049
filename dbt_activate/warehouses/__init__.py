"""The warehouses that we can work in, one module each; dbt itself is imported by `dbt_adapter` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError, Problem

if TYPE_CHECKING:
    from dbt_activate.warehouse import Target, Warehouse

__all__ = ["SUPPORTED", "open_warehouse"]

SUPPORTED = ("duckdb",)
"""dbt's names of the adapter types that this release works with."""


def open_warehouse(target: Target, *, lock_timeout_seconds: float = 60.0) -> Warehouse:
    """Make ready to connect to the user's warehouse; a file is not opened yet.

    Args:
        target: The output of ``profiles.yml`` to work with.
        lock_timeout_seconds: How long a session waits for a database that another process holds.

    Raises:
        ConfigError: This release does not know the adapter type, or cannot work with the output.
    """
    if target.type not in SUPPORTED:
        raise ConfigError([_unsupported(target)])
    try:
        from dbt_activate.warehouses.duckdb import DuckDBWarehouse
    except ModuleNotFoundError as error:
        if error.name != "duckdb":
            raise
        raise ConfigError([_missing_driver(target)]) from None
    return DuckDBWarehouse(target, lock_timeout_seconds=lock_timeout_seconds)


def _unsupported(target: Target) -> Problem:
    return Problem(
        file="profiles.yml",
        where=f"profile {target.profile_name}, target {target.name}",
        key="type",
        message=f"this release of dbt-activate cannot work with {target.type!r}.",
        hint=f"Supported: {', '.join(SUPPORTED)}.",
    )


def _missing_driver(target: Target) -> Problem:
    return Problem(
        file="profiles.yml",
        where=f"profile {target.profile_name}, target {target.name}",
        key="type",
        message="the Python package duckdb is not installed beside dbt-activate.",
        hint="Install it with: pip install 'dbt-activate[duckdb]'",
    )
