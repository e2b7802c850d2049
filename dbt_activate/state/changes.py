"""The log of changes: what runs set out to do, and what became of it.

A run writes its changes, in deliveries, before its first request. A delivery is *open* until its outcome
is known and applied to the snapshot (*settled*), or until a later run has taken its members into its own
plan and finished (*superseded*). The changes themselves are never changed: only their deliveries are, a
small row each.

Each delivery carries a counter, `opening`. Whoever closes a delivery names the opening that it saw, so
that a run which wakes up late can reopen its deliveries, and nobody closes them unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dbt_activate.lazy_polars import pl

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session

FIRST_OPENING = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery.

    Attributes:
        delivery: Its number.
        accepted: Whether the destination answered that it took it. If not, it may have, or may not.
        rejected: How many members were rejected by name.
        unnamed_rejections: How many more were counted as not taken.
        sample: Some of the unnamed, masked.
        reference: The destination's own id of the request.
        message: Why it was not taken.
        answered_at: When we knew.
    """

    delivery: int
    accepted: bool
    answered_at: datetime
    rejected: int = 0
    unnamed_rejections: int = 0
    sample: tuple[str, ...] = ()
    reference: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Open deliveries of one run, as somebody saw them."""

    run_id: str
    opening: int


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """The log of one audience.

    Attributes:
        tables: The state tables.
        audience_key: The audience.
    """

    tables: Tables
    audience_key: str

    def write(self, session: Session, run_id: str, changes: pl.DataFrame) -> None:
        """Write a run's whole plan, outcome unknown.

        The deliveries' rows come first: a change is open only through its delivery. If this is cut off
        in between, nothing has been sent yet, so nothing is missed.

        Args:
            session: A session.
            run_id: The run.
            changes: ``delivery``, ``operation``, ``identifier_type``, ``identifier``.
        """
        key = pl.lit(self.audience_key).alias("audience_key"), pl.lit(run_id).alias("run_id")
        with session.transaction():
            session.append(self._deliveries, _delivery_rows(changes).with_columns(*key))
            session.append(self._changes, changes.with_columns(*key))

    def openings(self, session: Session) -> list[Opening]:
        """Return which runs have open deliveries."""
        rows = session.rows(
            f"select distinct run_id, opening from {self._deliveries} "
            "where audience_key = ? and state = 'open' order by run_id, opening",
            [self.audience_key],
        )
        return [Opening(*row) for row in rows]

    def unsure(self, session: Session) -> pl.DataFrame:
        """Return the members in open changes, without duplicates: ``identifier_type``, ``identifier``."""
        return session.frame(
            f"select distinct c.identifier_type, c.identifier from {self._changes} c "
            f"join {self._deliveries} d on c.audience_key = d.audience_key and c.run_id = d.run_id "
            "and c.delivery = d.delivery where d.audience_key = ? and d.state = 'open'",
            [self.audience_key],
        )

    def record(self, session: Session, run_id: str, outcomes: Sequence[Outcome]) -> None:
        """Record what became of deliveries, as of their first opening.

        Of no effect on one that was reopened since: its outcome is unknown again.
        """
        rows = [(self.audience_key, run_id, FIRST_OPENING, *_receipt_values(outcome)) for outcome in outcomes]
        session.append(self._receipts, pl.DataFrame(rows, schema=_receipt_schema(), orient="row"))

    def settle(self, session: Session, run_id: str) -> None:
        """Close the deliveries of a run that were accepted and have been applied."""
        session.execute(
            f"update {self._deliveries} set state = 'settled' where audience_key = ? and run_id = ? "
            f"and state = 'open' and opening = {FIRST_OPENING} and exists "
            f"(select 1 from {self._receipts} r where r.audience_key = {self._deliveries}.audience_key "
            f"and r.run_id = {self._deliveries}.run_id and r.delivery = {self._deliveries}.delivery "
            f"and r.opening = {FIRST_OPENING} and r.accepted)",
            [self.audience_key, run_id],
        )

    def supersede(self, session: Session, openings: Iterable[Opening]) -> None:
        """Close open deliveries whose members a later run has taken into its own log."""
        for opening in openings:
            session.execute(
                f"update {self._deliveries} set state = 'superseded' where audience_key = ? "
                "and run_id = ? and opening = ? and state = 'open'",
                [self.audience_key, opening.run_id, opening.opening],
            )

    def reopen(self, session: Session, run_id: str, *, only_open: bool = False) -> None:
        """Record a run's deliveries as of unknown outcome again.

        Args:
            session: A session.
            run_id: The run.
            only_open: Leave alone those that are closed.
        """
        session.execute(
            f"update {self._deliveries} set state = 'open', opening = opening + 1 "
            "where audience_key = ? and run_id = ?" + (" and state = 'open'" if only_open else ""),
            [self.audience_key, run_id],
        )

    @property
    def _changes(self) -> str:
        return self.tables.name("changes")

    @property
    def _receipts(self) -> str:
        return self.tables.name("receipts")

    @property
    def _deliveries(self) -> str:
        return self.tables.name("deliveries")


def _delivery_rows(changes: pl.DataFrame) -> pl.DataFrame:
    return changes.group_by("delivery", "operation", "identifier_type").agg(
        pl.len().cast(pl.Int64).alias("members"),
        pl.lit("open").alias("state"),
        pl.lit(FIRST_OPENING, pl.Int32).alias("opening"),
    )


def _receipt_values(outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.delivery,
        outcome.accepted,
        outcome.rejected,
        outcome.unnamed_rejections,
        "; ".join(outcome.sample) or None,
        outcome.reference,
        outcome.message,
        outcome.answered_at,
    )


def _receipt_schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    return {
        "audience_key": pl.String,
        "run_id": pl.String,
        "opening": pl.Int32,
        "delivery": pl.Int32,
        "accepted": pl.Boolean,
        "rejected": pl.Int64,
        "unnamed_rejections": pl.Int64,
        "sample": pl.String,
        "reference": pl.String,
        "message": pl.String,
        "answered_at": pl.Datetime("us"),
    }
