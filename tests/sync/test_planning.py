"""Planning: the segment against what the state tables know of its audience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import duckdb
import polars as pl
import pytest

from dbt_activate.config.activation import Activation, FieldMapping
from dbt_activate.errors import ConfigError
from dbt_activate.identifiers import EMAIL, Form, IdentifierType, hashed
from dbt_activate.state.changes import ChangeLog
from dbt_activate.state.rejections import RejectedMember, Rejections
from dbt_activate.state.tables import Tables
from dbt_activate.sync.diff import IDENTIFIER, Diff, diff_members, identifiers
from dbt_activate.sync.plan import TYPE, DeliveryLimits, Plan
from dbt_activate.sync.planning import make_plan
from tests.protocol.tool import CUSTOMER, ToolDestination
from tests.protocol.world import MemoryWarehouse, Session, World

KEY = "tool.people"
A, B, C = (f"{letter}@shop.example" for letter in "abc")
BY_EMAIL = FieldMapping(EMAIL, "email", Form.PLAIN)
BY_HASH = FieldMapping(EMAIL, "email", Form.SHA256)
BY_ID = FieldMapping(CUSTOMER, "id", Form.PLAIN)


@dataclass
class Loading(Session):
    """A session that notes which queries load whole columns."""

    loaded: list[str] = field(default_factory=list)

    def frame(self, sql: str, parameters: Any = ()) -> pl.DataFrame:
        """Load, and note it."""
        self.loaded.append(sql)
        return super().frame(sql, parameters)


class Desk:
    """A model, the state of its audience, and plans of the two."""

    def __init__(self, emails: Iterable[str | None] = (), ids: Iterable[str | None] = ()) -> None:
        """Build the model."""
        connection = duckdb.connect()
        connection.execute("create table people (email varchar, id varchar)")
        for row in [*((email, None) for email in emails), *((None, value) for value in ids)]:
            connection.execute("insert into people values (?, ?)", row)
        warehouse = MemoryWarehouse(lambda step: None, connection)
        self.tables = Tables(warehouse, "main_activate")
        self.session = Loading(connection, lambda step: None, transactions=True)

    def hold(self, **members: Iterable[str]) -> Desk:
        """Put members into the snapshot, by type."""
        self.tables.create(self.session, KEY)
        for member_type, values in members.items():
            typed = identifiers(values).with_columns(pl.lit(member_type).alias(TYPE))
            self.session.append(self.tables.snapshot(KEY), typed)
        return self

    def doubt(self, member_type: str, *values: str) -> Desk:
        """Leave members in an open change."""
        diffs = {member_type: Diff(identifiers(values), identifiers(), 0, 0)}
        changes = Plan(activation(), diffs).changes(DeliveryLimits(10))
        ChangeLog(self.tables, KEY).write(self.session, "dead", changes)
        return self

    def reject(self, operation: str, *values: str) -> Desk:
        """Note rejections by an earlier run."""
        members = [RejectedMember(operation, "email", value, "1", "no") for value in values]
        Rejections(self.tables, KEY).record(self.session, "earlier", members, datetime(2026, 1, 1))  # noqa: DTZ001  (the state holds UTC without a zone)
        return self

    def plan(
        self,
        *fields: FieldMapping,
        full_refresh: bool = False,
        retry_rejected: bool = True,
        destination: type[ToolDestination] = ToolDestination,
    ) -> Plan:
        """Make the plan."""
        wanted = replace(activation(*fields), retry_rejected=retry_rejected)
        return make_plan(self.session, self.tables, wanted, destination, full_refresh=full_refresh)


def activation(*fields: FieldMapping) -> Activation:
    """Make an activation with these columns mapped."""
    return replace(World().activation, fields=fields)


def values(frame: pl.DataFrame) -> list[str]:
    """Return a frame's identifiers, sorted."""
    return sorted(frame[IDENTIFIER])


def facts(diff: Diff) -> tuple[object, ...]:
    """Return what a diff says."""
    return values(diff.added), values(diff.removed), diff.size, diff.held, diff.invalid


CASES: dict[str, tuple[IdentifierType, list[str], list[str]]] = {
    "just the snapshot": (EMAIL, [A, B], [A, B]),
    "duplicates in the model": (EMAIL, [A, A, B], [A, B]),
    "duplicates that make up the number": (EMAIL, [A, A], [A, B]),
    "another spelling": (EMAIL, [f" {A.upper()}", B], [A, B]),
    "one differs": (EMAIL, [A, C], [A, B]),
    "one more": (EMAIL, [A, B, C], [A, B]),
    "one fewer": (EMAIL, [A], [A, B]),
    "an invalid one more": (EMAIL, [A, B, "nobody"], [A, B]),
    "an invalid one instead": (EMAIL, [A, "nobody"], [A, B]),
    "nobody in either": (EMAIL, [], []),
    "nobody in the model": (EMAIL, [], [A]),
    "another type": (CUSTOMER, ["1", "2"], ["1", "2"]),
    "another type, one differs": (CUSTOMER, ["1", "2"], ["1", "3"]),
}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("kind", "raw", "held"), CASES.values(), ids=CASES.keys())
def test_the_plan_is_the_diff(kind: IdentifierType, raw: list[str], held: list[str], form: Form) -> None:
    """Whether or not the segment had to be loaded, the plan says what the diff says."""
    mapped = replace(BY_EMAIL if kind is EMAIL else BY_ID, form=form)
    column = {mapped.column + "s": raw}
    plan = Desk(**column).hold(**{mapped.member_type: held}).plan(mapped)
    slow = diff_members(identifiers(raw), identifiers(held), identifiers(), kind, form)
    assert list(plan.diffs) == [mapped.member_type]
    assert facts(plan.diffs[mapped.member_type]) == facts(slow)


def test_an_unchanged_segment_is_not_loaded() -> None:
    """The warehouse compares; only of a type that differs the columns are read."""
    desk = Desk([A, B], ["1", "2"]).hold(email=[B, A], customer_id=["1", "2"])
    plan = desk.plan(BY_EMAIL, BY_ID)
    assert desk.session.loaded == []
    assert (plan.members, plan.held, plan.added_count, plan.removed_count) == (4, 4, 0, 0)


def test_of_two_types_one_may_have_changed() -> None:
    """Each type is compared by itself."""
    desk = Desk([A, B], ["1", "3"]).hold(email=[A, B], customer_id=["1", "2"])
    plan = desk.plan(BY_EMAIL, BY_ID)
    assert plan.added.rows() == [("customer_id", "3")]
    assert plan.removed.rows() == [("customer_id", "2")]
    assert not any("email" in sql for sql in desk.session.loaded)


def test_two_columns_of_one_type_are_one_set() -> None:
    """A value in either column is a member."""
    plan = Desk([A, B], [B, C]).hold(email=[A]).plan(BY_EMAIL, replace(BY_EMAIL, column="id"))
    assert values(plan.added) == [B, C]
    assert plan.members == 3


def test_unsure_members_are_sent_again_though_nothing_changed() -> None:
    """In the direction that the segment says, whatever the snapshot holds."""
    plan = Desk([A, B]).hold(email=[A, B]).doubt("email", B, C).plan(BY_EMAIL)
    assert values(plan.added) == [B]
    assert values(plan.removed) == [C]
    assert sorted(plan.unsure.rows()) == [("email", B), ("email", C)]


def test_a_full_refresh_sends_everybody_again() -> None:
    """Nobody counts as sure: who is wanted is added, who is not is removed."""
    plan = Desk([A, B]).hold(email=[A, C]).plan(BY_EMAIL, full_refresh=True)
    assert values(plan.added) == [A, B]
    assert values(plan.removed) == [C]
    again = Desk([A, B]).hold(email=[A, B]).plan(BY_EMAIL, full_refresh=True)
    assert values(again.added) == [A, B]


def test_a_type_that_is_mapped_no_more_leaves_whole() -> None:
    """Also those of its members of whom nobody knows whether they are in."""
    plan = Desk([A]).hold(email=[A], customer_id=["1"]).doubt("customer_id", "2").plan(BY_EMAIL)
    assert sorted(plan.removed.rows()) == [("customer_id", "1"), ("customer_id", "2")]
    assert plan.added.is_empty()


def test_a_changed_hash_is_a_changed_set() -> None:
    """All members of the old form leave, all of the new form enter."""
    plan = Desk([A, B]).hold(email=[A, B, C]).plan(BY_HASH)
    assert values(plan.diffs["email"].removed) == [A, B, C]
    assert values(plan.diffs["email:sha256"].added) == [A, B]
    back = Desk([A]).hold(**{"email:sha256": [A, hashed(B)]}).plan(BY_EMAIL)
    assert values(back.diffs["email:sha256"].removed) == sorted([hashed(A), hashed(B)])
    assert values(back.diffs["email"].added) == [A]


def test_a_type_that_the_destination_takes_no_more_is_an_error() -> None:
    """Its members could not be removed; the message says which type and what to do."""
    with pytest.raises(ConfigError) as caught:
        Desk([A]).hold(email=[A], fax=["1"]).plan(BY_EMAIL)
    [problem] = caught.value.problems
    assert problem.key == "mapping.fax"
    assert "dbt-activate reset" in problem.hint


def test_a_plan_needs_no_state() -> None:
    """Before the first sync everybody enters, and no table is made."""
    desk = Desk([A, "nobody"], ["1"])
    plan = desk.plan(BY_EMAIL, BY_ID)
    assert sorted(plan.added.rows()) == [("customer_id", "1"), ("email", A)]
    assert plan.invalid == {"email": 1}
    assert desk.tables.existing(desk.session) == frozenset()


def test_rejected_members_are_tried_again() -> None:
    """By default a rejection is no reason to leave somebody out."""
    plan = Desk([A, B]).hold().reject("add", A).plan(BY_EMAIL)
    assert (values(plan.added), plan.held_back) == ([A, B], 0)


def test_rejected_members_may_be_held_back() -> None:
    """With retry_rejected: false they are counted and not sent, unless they may be in the audience."""
    desk = Desk([A, B, C]).hold().reject("add", A, B).reject("remove", C).doubt("email", B)
    plan = desk.plan(BY_EMAIL, retry_rejected=False)
    assert (values(plan.added), plan.held_back) == ([B, C], 1)


class OnePerson(ToolDestination):
    """A tool in which an e-mail address and a customer id may name the same person."""

    one_identifier = True


def test_another_key_of_the_same_people_adds_all_of_them_again() -> None:
    """Who leaves by the old key might take along who is there by the new one, so all of those follow."""
    desk = Desk(ids=["1", "2"]).hold(email=[A], customer_id=["1", "2"])
    plan = desk.plan(BY_ID, destination=OnePerson)
    assert (values(plan.removed), values(plan.added)) == ([A], ["1", "2"])
    assert values(desk.plan(BY_ID).added) == []  # where they cannot be the same, nobody is sent twice


def test_an_open_removal_by_the_old_key_adds_all_of_them_again() -> None:
    """Also where the old key's removal was tried and nobody knows with what success."""
    desk = Desk(ids=["1"]).hold(customer_id=["1"]).doubt("email", A)
    plan = desk.plan(BY_ID, destination=OnePerson)
    assert (values(plan.removed), values(plan.added)) == ([A], ["1"])


def test_the_same_key_sends_nobody_twice() -> None:
    """Without another key in the audience, only the difference is sent."""
    plan = Desk(ids=["1", "2"]).hold(customer_id=["1", "3"]).plan(BY_ID, destination=OnePerson)
    assert (values(plan.removed), values(plan.added)) == (["3"], ["2"])
