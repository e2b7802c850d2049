"""A snapshot that somebody has dropped: nobody knows any more who has to be taken out one day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.errors import WarehouseError
from dbt_activate.state.audiences import read_audiences

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


def find_snapshot(session: Session, tables: Tables, audience_key: str) -> bool:
    """Tell whether an audience has a snapshot.

    Raises:
        WarehouseError: It had one, which is gone, and with it who will have to be taken out one day.
    """
    existing, table = tables.existing(session), tables.snapshot_table(audience_key)
    if table in existing:
        return True
    known = read_audiences(session, tables).get(audience_key) if "audiences" in existing else None
    if known is None or known.remote_id is None:
        return False
    raise WarehouseError(
        f"{audience_key}: the table {tables.schema}.{table} is gone, by which it was known who is in the "
        f"audience {known.name!r}: who leaves the segment would stay there. Nothing was sent. Restore the "
        "table from a backup; or let go of the audience with `dbt-activate reset`, with --clear where the "
        "tool can empty it, and sync anew."
    )
