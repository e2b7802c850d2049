"""Which remote audience belongs to which activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


class Pending(StrEnum):
    """What we set out to do with a remote audience, written down before it is done."""

    NOTHING = ""
    CREATE = "create"
    """We are making it: one of that name found later is ours."""
    REFILL = "refill"
    """It was made anew: whoever the snapshot holds may be in it or not."""


@dataclass(frozen=True, slots=True)
class AudienceRecord:
    """What we know of one audience.

    Attributes:
        key: ``<destination>.<activation>``: stays when the audience is renamed.
        destination: The entry of ``destinations.yml``.
        activation: The activation's name.
        model: dbt's unique id of the model.
        remote_id: The destination's own id; None until it is known.
        name: The name that we last gave it.
        description: The description that we last gave it.
        is_ours: Whether we made it, or found it there and were told to use it.
        pending: What we are in the middle of.
        making: A digest of the settings of what is being made; an empty text where nothing is.
        version: Counts what was written; the highest one is true.
    """

    key: str
    destination: str
    activation: str
    model: str
    remote_id: str | None = None
    name: str = ""
    description: str = ""
    is_ours: bool = True
    pending: Pending = Pending.NOTHING
    making: str = ""
    version: int = 0


def read_audiences(session: Session, tables: Tables) -> dict[str, AudienceRecord]:
    """Read all audiences of this target, by key."""
    rows = session.rows(
        "select audience_key, destination, activation, model, remote_id, name, description, is_ours, "
        "pending, making, version "
        f"from {tables.name('audiences')} order by version"
    )
    records = (AudienceRecord(*row) for row in rows)
    return {record.key: replace(record, pending=Pending(record.pending)) for record in records}


def write_audience(session: Session, tables: Tables, record: AudienceRecord, now: datetime) -> AudienceRecord:
    """Write what we know of an audience, and then forget what we knew: cut off in between, both are there.

    Returns:
        The record as it was written, with its new version.
    """
    table, written = tables.name("audiences"), replace(record, version=record.version + 1)
    values = [getattr(written, name) for name in AudienceRecord.__slots__]
    session.execute(
        f"insert into {table} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*(value.value if isinstance(value, Pending) else value for value in values), now],
    )
    session.execute(
        f"delete from {table} where audience_key = ? and version < ?", [written.key, written.version]
    )
    return written
