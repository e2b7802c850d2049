"""The right of one run to write alerts, or to send them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbt_activate.errors import HeldError
from dbt_activate.state.lease import Clock, Lease

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Warehouse

WAIT_SECONDS = 5.0
"""How long to wait for another run."""

_POLL_SECONDS = 0.2


@contextmanager
def claimed(warehouse: Warehouse, tables: Tables, key: str, holder: str, clock: Clock) -> Iterator[None]:
    """Claim something, and give it back in the end.

    Args:
        warehouse: The user's warehouse.
        tables: The state tables.
        key: What is claimed.
        holder: Names this run.
        clock: Gives the time in UTC.

    Raises:
        HeldError: Another run has held it for longer than we wait.
        WarehouseError: The lease cannot be written.
    """
    lease = Lease(tables, key, holder, clock)
    deadline = time.monotonic() + WAIT_SECONDS
    while not lease.is_claimed:
        try:
            with warehouse.session() as session:
                lease.claim(session)
        except HeldError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        with warehouse.session() as session:
            lease.release(session)
