"""Which members a destination does not take, why, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dbt_activate.lazy_polars import pl

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session

MEMBER = ["operation", "identifier_type", "identifier"]
"""What makes two rejections the same one."""

_FACTS = [*MEMBER, "run_id", "code", "reason", "first_at", "last_at", "attempts"]
_COLUMNS = [*_FACTS, "recorded_by"]


@dataclass(frozen=True, slots=True)
class RejectedMember:
    """One member that was rejected by name in this run."""

    operation: str
    identifier_type: str
    identifier: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejections:
    """The rejections of one audience.

    Attributes:
        tables: The state tables.
        audience_key: The audience.
    """

    tables: Tables
    audience_key: str

    def read(self, session: Session) -> pl.DataFrame:
        """Return the standing rejections, oldest first."""
        return session.frame(
            f"select {', '.join(_COLUMNS)} from {self._table} where audience_key = ? "
            "order by first_at, identifier_type, identifier",
            [self.audience_key],
        )

    def recorders(self, session: Session) -> frozenset[str]:
        """Return by whom the rows that stand here were written."""
        rows = session.rows(
            f"select distinct recorded_by from {self._table} where audience_key = ?", [self.audience_key]
        )
        return frozenset(row[0] for row in rows)

    def record(self, session: Session, run_id: str, members: Sequence[RejectedMember], now: datetime) -> None:
        """Write down members rejected in a run, before the receipt that they came with."""
        if not members:
            return
        frame = pl.DataFrame([asdict(member) for member in members]).with_columns(
            pl.lit(run_id).alias("run_id"),
            pl.lit(run_id).alias("recorded_by"),
            pl.lit(self.audience_key).alias("audience_key"),
            pl.lit(now).alias("first_at"),
            pl.lit(now).alias("last_at"),
            pl.lit(1, pl.Int32).alias("attempts"),
        )
        session.append(self._table, frame)

    def consolidate(
        self, session: Session, run_id: str, undelivered: pl.DataFrame, earlier: frozenset[str]
    ) -> None:
        """Fold a run's rejections into the standing ones.

        One that was rejected again keeps its beginning and counts one attempt more. One that was not
        tried in this run stands. One that was taken, or that is wanted no more, is forgotten.

        Args:
            session: A session.
            run_id: The run, all of whose accepted deliveries have been applied.
            undelivered: The members, as `MEMBER`, whose delivery was not accepted or not tried.
            earlier: The `recorders` before this run. Nobody else's rows are touched: if this run was
                overtaken, they are of the run that did, which will need them.
        """
        foldable = sorted({run_id, *earlier})
        rows = self.read(session).filter(pl.col("recorded_by").is_in(foldable))
        if rows.is_empty():
            return
        # The new rows enter before the old ones leave: cut off in between, both are there, and the next
        # run folds them again.
        written = f"{run_id} (standing)"
        standing = merge_rejections(rows, run_id, undelivered).with_columns(
            pl.lit(self.audience_key).alias("audience_key"), pl.lit(written).alias("recorded_by")
        )
        session.append(self._table, standing)
        marks = ", ".join("?" * len(foldable))
        session.execute(
            f"delete from {self._table} where audience_key = ? and recorded_by in ({marks})",
            [self.audience_key, *foldable],
        )

    @property
    def _table(self) -> str:
        return self.tables.name("rejections")


def merge_rejections(rows: pl.DataFrame, run_id: str, undelivered: pl.DataFrame) -> pl.DataFrame:
    """Return one row per member that still stands rejected; see `Rejections.consolidate`."""
    new = rows.filter(pl.col("run_id") == run_id).unique(MEMBER)
    old = rows.filter(pl.col("run_id") != run_id)
    earlier = old.group_by(MEMBER).agg(pl.col("first_at").min(), pl.col("attempts").max())
    again = new.join(earlier, on=MEMBER, how="left", suffix="_before").with_columns(
        pl.coalesce("first_at_before", "first_at").alias("first_at"),
        (pl.col("attempts_before").fill_null(0) + 1).cast(pl.Int32).alias("attempts"),
    )
    waiting = old.sort("last_at").unique(MEMBER, keep="last").join(undelivered, on=MEMBER, how="semi")
    waiting = waiting.join(new, on=MEMBER, how="anti")
    return pl.concat([again.select(_FACTS), waiting.select(_FACTS)])
