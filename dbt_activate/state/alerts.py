"""What people were alerted to: every change of a warning, and to which channels it is yet to be told.

One row is written when a warning begins to stand, and one when it is over. A row carries the channels that
are still to hear of it, so that a single insert is both the state and what is to be sent: nothing lies
between the two for a crash to part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session

RAISED, RECOVERED = "raised", "recovered"

_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One change of one warning; the attributes are the columns of the ``alerts`` table.

    Attributes:
        audience_key: The audience.
        warning: The warning, by its key in ``warnings:``.
        number: Counts the changes of this warning; the highest one is how it stands.
        state: ``raised`` while it stands, then ``recovered``.
        level: How urgent it is, or was: ``warn`` or ``error``.
        message: What was found, in figures; holds no identifier and no secret.
        figure: The figure that was compared; None where there is none.
        since: When it changed; UTC.
        channels: The channels that are to be told.
        pending: Those of them that are yet to be told.
        notified_at: When a channel was last told; UTC. None if none was.
    """

    audience_key: str
    warning: str
    number: int
    state: str
    level: str
    message: str
    figure: float | None
    since: datetime
    channels: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    notified_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether the warning stands."""
        return self.state == RAISED


_NAMES = AlertRecord.__slots__
_SELECT = ", ".join(_NAMES)


@dataclass(frozen=True, slots=True)
class AlertLog:
    """The alerts of one target.

    Attributes:
        tables: The state tables.
    """

    tables: Tables

    def latest(self, session: Session) -> Mapping[tuple[str, str], AlertRecord]:
        """Return how every warning stands, by audience and warning."""
        records = self._read(session, "order by number")
        return {(record.audience_key, record.warning): record for record in records}

    def pending(self, session: Session) -> list[AlertRecord]:
        """Return what is yet to be told, in the order in which it came about."""
        return self._read(session, "where pending <> '' order by since, audience_key, number, warning")

    def write(self, session: Session, records: Iterable[AlertRecord]) -> None:
        """Write changes."""
        marks = ", ".join("?" * len(_NAMES))
        for record in records:
            session.execute(f"insert into {self._table} ({_SELECT}) values ({marks})", _values(record))

    def settle(
        self, session: Session, records: Iterable[AlertRecord], channel: str, now: datetime | None
    ) -> None:
        """Note that a channel was told; or, without a time, that it need not be any more."""
        for record in records:
            left = [one for one in self._pending_of(session, record) if one != channel]
            session.execute(
                f"update {self._table} set pending = ?, notified_at = coalesce(?, notified_at) "
                "where audience_key = ? and warning = ? and number = ?",
                [_SEPARATOR.join(left), now, record.audience_key, record.warning, record.number],
            )

    def prune(self, session: Session, now: datetime, history_days: int) -> None:
        """Forget old changes that everybody was told and that later ones have followed."""
        session.execute(
            f"delete from {self._table} as a where since < ? and pending = '' and exists "
            f"(select 1 from {self._table} b where b.audience_key = a.audience_key "
            "and b.warning = a.warning and b.number > a.number)",
            [now - timedelta(days=history_days)],
        )

    def _pending_of(self, session: Session, record: AlertRecord) -> tuple[str, ...]:
        rows = session.rows(
            f"select pending from {self._table} where audience_key = ? and warning = ? and number = ?",
            [record.audience_key, record.warning, record.number],
        )
        return _split(rows[0][0]) if rows else ()

    def _read(self, session: Session, rest: str) -> list[AlertRecord]:
        rows = session.rows(f"select {_SELECT} from {self._table} {rest}")
        records = (AlertRecord(*row) for row in rows)
        return [replace(one, channels=_split(one.channels), pending=_split(one.pending)) for one in records]

    @property
    def _table(self) -> str:
        return self.tables.name("alerts")


def _values(record: AlertRecord) -> list[object]:
    values = (getattr(record, name) for name in _NAMES)
    return [_SEPARATOR.join(value) if isinstance(value, tuple) else value for value in values]


def _split(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, text.split(_SEPARATOR))) if isinstance(text, str) else text
