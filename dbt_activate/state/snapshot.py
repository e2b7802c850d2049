"""Who is in an audience, as far as we know: one table per audience. Not a dbt snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_activate.lazy_polars import pl
from dbt_activate.state.changes import FIRST_OPENING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The snapshot of one audience.

    Attributes:
        tables: The state tables.
        audience_key: The audience.
    """

    tables: Tables
    audience_key: str

    def member_types(self, session: Session) -> list[str]:
        """Return the member types that it holds, also those that are mapped no more."""
        rows = session.rows(f"select distinct identifier_type from {self._table}")
        return sorted(row[0] for row in rows)

    def members(self, session: Session, member_type: str) -> pl.DataFrame:
        """Return the members of one type: one column, ``identifier``."""
        return session.frame(f"select identifier from {self._table} where identifier_type = ?", [member_type])

    def size_if_unchanged(self, session: Session, member_type: str, query: str) -> int | None:
        """Count the members of one type, if they are just the values of a query as they stand.

        Where that is so, there is nothing to load. Counts are compared first, since they mostly tell.

        Args:
            session: A session.
            member_type: The type.
            query: Returns one column, ``identifier``, without nulls.

        Returns:
            The number of members; None if the query has others.
        """
        held = f"select identifier from {self._table} where identifier_type = ?"
        counted = f"select (select count(*) from ({query}) q), (select count(*) from ({held}) s)"
        [(in_query, in_snapshot)] = session.rows(counted, [member_type])
        if in_query != in_snapshot:
            return None
        differs = (
            f"select 1 from ({query}) q full outer join ({held}) s on q.identifier = s.identifier "
            "where q.identifier is null or s.identifier is null limit 1"
        )
        return None if session.rows(differs, [member_type]) else int(in_snapshot)

    def size(self, session: Session) -> int:
        """Count the members."""
        [(count,)] = session.rows(f"select count(*) from {self._table}")
        return int(count)

    def apply(self, session: Session, run_id: str) -> None:
        """Carry out a run's accepted deliveries: removals leave, additions enter.

        Only open deliveries count, so that an apply which comes late, after others have closed them,
        does nothing.
        """
        session.execute(
            f"delete from {self._table} as s where exists ({self._accepted('remove')} "
            "and c.identifier_type = s.identifier_type and c.identifier = s.identifier)",
            [self.audience_key, run_id],
        )
        session.execute(
            f"insert into {self._table} {self._accepted('add', distinct=True)} and not exists "
            f"(select 1 from {self._table} s where s.identifier_type = c.identifier_type "
            "and s.identifier = c.identifier)",
            [self.audience_key, run_id],
        )

    def fold(self, session: Session, member_type: str, hashes: pl.DataFrame) -> None:
        """Hold the members of one type as hashes from now on.

        The hashes enter before the clear values leave: cut off in between, both are there, and the next
        run folds them again.

        Args:
            session: A session.
            member_type: The type.
            hashes: All members of that type as hashes, in ``identifier``.
        """
        is_clear = "identifier_type = ? and (length(identifier) <> 64 or identifier like '%@%')"
        missing = hashes.join(self.members(session, member_type), on="identifier", how="anti")
        with session.transaction():
            session.append(self._table, missing.with_columns(pl.lit(member_type).alias("identifier_type")))
            session.execute(f"delete from {self._table} where {is_clear}", [member_type])

    def _accepted(self, operation: str, *, distinct: bool = False) -> str:
        name = self.tables.name
        same_delivery = (
            "{0}.audience_key = c.audience_key and {0}.run_id = c.run_id and {0}.delivery = c.delivery"
        )
        return (
            f"select {'distinct ' if distinct else ''}c.identifier_type, c.identifier "
            f"from {name('changes')} c join {name('deliveries')} d on {same_delivery.format('d')} "
            f"where d.audience_key = ? and d.run_id = ? and d.operation = '{operation}' "
            f"and d.state = 'open' and d.opening = {FIRST_OPENING} and exists "
            f"(select 1 from {name('receipts')} a where {same_delivery.format('a')} "
            f"and a.opening = {FIRST_OPENING} and a.accepted) "
            f"and not exists (select 1 from {name('rejections')} r where r.audience_key = c.audience_key "
            "and r.run_id = c.run_id and r.operation = c.operation "
            "and r.identifier_type = c.identifier_type and r.identifier = c.identifier)"
        )

    @property
    def _table(self) -> str:
        return self.tables.snapshot(self.audience_key)
