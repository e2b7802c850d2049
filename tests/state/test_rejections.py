"""Which rejections still stand after a run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest

from dbt_activate.state.rejections import (
    MEMBER,
    RejectedMember,
    Rejections,
    merge_rejections,
)
from dbt_activate.state.tables import Tables
from tests.protocol.world import Session
from tests.state.conftest import KEY

MONDAY = datetime(2026, 6, 1)  # noqa: DTZ001  (the state holds UTC without a zone)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)


class Row(NamedTuple):
    """One rejection: by which run, with which code, since when, last when, how often."""

    run_id: str
    code: str
    first_at: datetime
    last_at: datetime
    attempts: int


OLD = Row("old", "1", MONDAY, TUESDAY, 2)
NEW = Row("new", "2", WEDNESDAY, WEDNESDAY, 1)
AGAIN = Row("new", "2", MONDAY, WEDNESDAY, 3)
UNFOLDED = Row("older", "0", MONDAY, MONDAY, 1)

CASES = {
    "rejected for the first time": ([NEW], False, [NEW]),
    "rejected again": ([OLD, NEW], False, [AGAIN]),
    "not tried in this run": ([OLD], True, [OLD]),
    "taken, or wanted no more": ([OLD], False, []),
    "not tried, and cut off while folding before": ([OLD, UNFOLDED], True, [OLD]),
    "rejected again, and cut off while folding before": ([OLD, UNFOLDED, NEW], False, [AGAIN]),
    "noted twice in this run": ([NEW, NEW], False, [NEW]),
    "none": ([], False, []),
}


def member(identifier: str = "a", operation: str = "add") -> dict[str, str]:
    """Name a member."""
    return {"operation": operation, "identifier_type": "email", "identifier": identifier}


def frame(rows: list[Row], **who: str) -> pl.DataFrame:
    """Make a frame of rejections of one member."""
    texts = dict.fromkeys([*MEMBER, "run_id", "code", "reason"], pl.String())
    times = {"first_at": pl.Datetime("us"), "last_at": pl.Datetime("us"), "attempts": pl.Int32()}
    return pl.DataFrame(
        [{**member(**who), "reason": "no", **row._asdict()} for row in rows], schema={**texts, **times}
    )


def undelivered(*members: dict[str, str]) -> pl.DataFrame:
    """Make a frame of members whose delivery was not accepted."""
    return pl.DataFrame(members, schema=dict.fromkeys(MEMBER, pl.String))


@pytest.mark.parametrize(("rows", "was_undelivered", "wanted"), CASES.values(), ids=CASES.keys())
def test_what_stands_of_one_member(rows: list[Row], was_undelivered: bool, wanted: list[Row]) -> None:
    """It keeps its beginning, counts its attempts, and stands in one row as long as it stands."""
    waiting = undelivered(member()) if was_undelivered else undelivered()
    standing = merge_rejections(frame(rows), "new", waiting)
    assert standing.select(Row._fields).rows() == wanted


def test_members_are_merged_apart() -> None:
    """Another identifier, or another operation, is another rejection."""
    rows = pl.concat([frame([OLD]), frame([NEW], identifier="b"), frame([OLD], operation="remove")])
    standing = merge_rejections(rows, "new", undelivered(member(operation="remove")))
    assert sorted(standing.select("identifier", "operation").rows()) == [("a", "remove"), ("b", "add")]


def test_rejections_are_read_as_they_were_recorded_oldest_first(session: Session, tables: Tables) -> None:
    """Of this audience only."""
    rejections = Rejections(tables, KEY)
    rejections.record(session, "new", [RejectedMember("add", "email", "b", "2", "no")], WEDNESDAY)
    rejections.record(session, "old", [RejectedMember("add", "email", "a", "1", "no")], MONDAY)
    others = Rejections(tables, "tool.others")
    others.record(session, "x", [RejectedMember("add", "email", "c", "1", "no")], MONDAY)
    rows = rejections.read(session).select("identifier", "code", "first_at", "attempts").rows()
    assert rows == [("a", "1", MONDAY, 1), ("b", "2", WEDNESDAY, 1)]


def test_consolidating_leaves_other_audiences_alone(session: Session, tables: Tables) -> None:
    """What is forgotten is forgotten of one audience, and who waits is kept run after run."""
    rejections, others = Rejections(tables, KEY), Rejections(tables, "tool.others")
    for known in (rejections, others):
        known.record(session, "old", [RejectedMember("add", "email", "a", "1", "no")], MONDAY)
    earlier = rejections.recorders(session)
    rejections.record(session, "new", [RejectedMember("add", "email", "b", "2", "no")], WEDNESDAY)
    rejections.consolidate(session, "new", undelivered(), earlier)
    rejections.consolidate(session, "later", undelivered(member("b")), rejections.recorders(session))
    assert list(rejections.read(session)["identifier"]) == ["b"]
    assert list(others.read(session)["identifier"]) == ["a"]


def test_an_overtaken_run_leaves_the_other_runs_rejections_alone(session: Session, tables: Tables) -> None:
    """What a run recorded that was not known at the beginning is not this run's to fold."""
    rejections = Rejections(tables, KEY)
    earlier = rejections.recorders(session)
    rejections.record(session, "overtaken", [RejectedMember("add", "email", "a", "1", "no")], MONDAY)
    rejections.record(session, "other", [RejectedMember("add", "email", "b", "2", "no")], TUESDAY)
    rejections.consolidate(session, "overtaken", undelivered(), earlier)
    assert set(rejections.read(session).select("identifier", "run_id").rows()) == {
        ("a", "overtaken"),
        ("b", "other"),
    }
