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
    """It was made anew: what the snapshot holds is of the one that vanished."""


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
        pending: What we are in the middle of.
    """

    key: str
    destination: str
    activation: str
    model: str
    remote_id: str | None = None
    name: str = ""
    description: str = ""
    pending: Pending = Pending.NOTHING


def read_audiences(session: Session, tables: Tables) -> dict[str, AudienceRecord]:
    """Read all audiences of this target, by key."""
    rows = session.rows(
        "select audience_key, destination, activation, model, remote_id, name, description, pending "
        f"from {tables.name('audiences')}"
    )
    records = (AudienceRecord(*row) for row in rows)
    return {record.key: replace(record, pending=Pending(record.pending)) for record in records}


def write_audience(session: Session, tables: Tables, record: AudienceRecord, now: datetime) -> None:
    """Write what we know of an audience over what we knew."""
    table = tables.name("audiences")
    with session.transaction():
        session.execute(f"delete from {table} where audience_key = ?", [record.key])
        session.execute(
            f"insert into {table} values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                record.key,
                record.destination,
                record.activation,
                record.model,
                record.remote_id,
                record.name,
                record.description,
                record.pending.value,
                now,
            ],
        )
