"""The plan: deliveries, guards, and what is left over when some were not taken."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_activate.config.activation import Guards
from dbt_activate.delivery import Operation
from dbt_activate.errors import GuardError
from dbt_activate.identifiers import hashed
from dbt_activate.sync.diff import IDENTIFIER, Diff, identifiers
from dbt_activate.sync.plan import (
    TYPE,
    Allowed,
    DeliveryLimits,
    Plan,
    check_guards,
    doubtful_changes,
    nobody,
    paired,
    split_changes,
    undelivered_members,
)
from tests.protocol.world import World

ACTIVATION = World().activation
A, B, C, D = (f"{letter}@shop.example" for letter in "abcd")

people = st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=12)
diffs = st.builds(lambda added, removed: diff(added, removed), people, people)
plans = st.dictionaries(st.sampled_from(["email", "email:sha256", "customer_id"]), diffs).map(
    lambda by_type: Plan(ACTIVATION, by_type)
)
sizes = st.integers(1, 5)


def diff(added: list[str], removed: list[str], size: int = 0, held: int = 0) -> Diff:
    """Make a difference."""
    return Diff(identifiers(added), identifiers(removed), size, held)


def guarded(removed: int, held: int, members: int, **guards: object) -> Plan:
    """Make a plan that removes so many of so many members."""
    removals = [f"person{number}@shop.example" for number in range(removed)]
    activation = replace(ACTIVATION, guards=Guards(**guards))  # type: ignore[arg-type]  # its own fields
    return Plan(activation, {"email": diff([], removals, members, held)})


def rows(*members: tuple[str, str]) -> pl.DataFrame:
    """Make a frame of operations and e-mail addresses."""
    frame = pl.DataFrame(members, schema={"operation": pl.String, IDENTIFIER: pl.String}, orient="row")
    return frame.select("operation", pl.lit("email").alias(TYPE), IDENTIFIER)


@given(plans, sizes)
def test_changes_cover_the_difference_once(plan: Plan, size: int) -> None:
    """Everybody who enters or leaves stands in the log, once, with operation and type."""
    logged = plan.changes(DeliveryLimits(size)).select("operation", TYPE, IDENTIFIER).rows()
    wanted = [("remove", *row) for row in plan.removed.rows()] + [("add", *row) for row in plan.added.rows()]
    assert sorted(logged) == sorted(wanted)
    assert len(logged) == plan.added_count + plan.removed_count


@given(plans, sizes)
def test_deliveries_are_bounded_numbered_and_begin_with_removals(plan: Plan, size: int) -> None:
    """No delivery is too large, none is missing, and additions come last."""
    deliveries = list(split_changes(plan.changes(DeliveryLimits(size))))
    assert [delivery.number for delivery in deliveries] == list(range(1, len(deliveries) + 1))
    assert all(1 <= len(delivery.members) <= size for delivery in deliveries)
    operations = [delivery.operation for delivery in deliveries]
    assert operations == sorted(operations, key=[Operation.REMOVE, Operation.ADD].index)


@given(plans, sizes)
def test_split_changes_rebuilds_the_changes(plan: Plan, size: int) -> None:
    """A delivery holds one operation and one type, and together they are the log."""
    changes = plan.changes(DeliveryLimits(size))
    rebuilt = [
        (delivery.number, delivery.operation.value, delivery.member_type, member)
        for delivery in split_changes(changes)
        for member in delivery.members
    ]
    assert rebuilt == changes.rows()


@given(people, people, sizes, st.randoms(use_true_random=False))
def test_the_same_difference_makes_the_same_deliveries(
    added: list[str], removed: list[str], size: int, random: object
) -> None:
    """In whatever order the members come out of a join."""
    plan = Plan(ACTIVATION, {"email": diff(added, removed)})
    random.shuffle(added)  # type: ignore[attr-defined]  # a random.Random
    random.shuffle(removed)  # type: ignore[attr-defined]
    assert (
        Plan(ACTIVATION, {"email": diff(added, removed)})
        .changes(DeliveryLimits(size))
        .equals(plan.changes(DeliveryLimits(size)))
    )


def test_identifiers_are_hashed_when_a_delivery_is_built() -> None:
    """The log holds the address, the destination sees its hash under the plain type's name."""
    changes = Plan(ACTIVATION, {"email:sha256": diff([A, hashed(B)], [])}).changes(DeliveryLimits(10))
    [planned] = split_changes(changes)
    assert set(planned.members) == {A, hashed(B)}
    delivery = planned.build()
    assert delivery.identifier_type == "email"
    assert set(delivery.identifiers) == {hashed(A), hashed(B)}


def test_plain_identifiers_are_sent_as_they_are() -> None:
    """Nothing is hashed that is not configured so."""
    [planned] = split_changes(Plan(ACTIVATION, {"email": diff([B, A], [])}).changes(DeliveryLimits(10)))
    assert list(planned.build().identifiers) == [A, B]


def test_no_representation_shows_a_member() -> None:
    """Neither a planned delivery nor the built one prints whom it holds."""
    [planned] = split_changes(Plan(ACTIVATION, {"email": diff([A], [])}).changes(DeliveryLimits(10)))
    assert A not in repr(planned)
    assert A not in repr(planned.build())


def test_an_empty_plan_has_no_changes() -> None:
    """Without a mapped type, and without a difference, there is nothing to log."""
    for plan in (Plan(ACTIVATION, {}), Plan(ACTIVATION, {"email": diff([], [])})):
        changes = plan.changes(DeliveryLimits(10))
        assert changes.schema == Plan(ACTIVATION, {"email": diff([A], [])}).changes(DeliveryLimits(10)).schema
        assert list(split_changes(changes)) == []
        assert plan.added.rows() == plan.removed.rows() == []


@pytest.mark.parametrize(
    ("removed", "held", "share"), [(3, 10, 0.3), (7, 10, 0.7), (29, 100, 0.29), (1, 3, 1 / 3)]
)
def test_the_share_that_may_be_removed_may_be_removed(removed: int, held: int, share: float) -> None:
    """A guard trips above its value, not at it."""
    check_guards(guarded(removed, held, members=5, max_removed=share), Allowed())
    with pytest.raises(GuardError):
        check_guards(guarded(removed + 1, held, members=5, max_removed=share), Allowed())


def test_the_removal_guard_says_what_to_do() -> None:
    """Its message names the counts, the model, the flag and the setting, and nobody."""
    with pytest.raises(GuardError) as caught:
        check_guards(guarded(4, 10, members=6), Allowed(empty=True))
    assert caught.value.guard == "max_removed"
    for part in ("tool.people", "4 of 10", '"main"."people"', "--allow-mass-removal", "guards.max_removed"):
        assert part in str(caught.value)
    assert "@" not in str(caught.value)


def test_the_empty_guard_says_what_to_do() -> None:
    """Its message names the count, the model, the flag and the setting, and nobody."""
    with pytest.raises(GuardError) as caught:
        check_guards(guarded(10, 10, members=0), Allowed(mass_removal=True))
    assert caught.value.guard == "allow_empty"
    for part in ("tool.people", "has 10", '"main"."people"', "--allow-empty", "guards.allow_empty"):
        assert part in str(caught.value)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    ("plan", "allowed"),
    [
        (guarded(10, 10, members=1), Allowed(mass_removal=True)),
        (guarded(10, 10, members=1, max_removed=1.0), Allowed()),
        (guarded(10, 10, members=0), Allowed(empty=True)),
        (guarded(10, 10, members=0, allow_empty=True), Allowed()),
        (guarded(0, 0, members=0), Allowed()),
        (guarded(0, 0, members=9, max_removed=0.0), Allowed()),
    ],
    ids=["waived", "all allowed", "empty waived", "empty allowed", "both empty", "first run"],
)
def test_guards_let_pass(plan: Plan, allowed: Allowed) -> None:
    """What a person or the project allows goes on, and a new audience has nothing to guard."""
    check_guards(plan, allowed)


def test_undelivered_members_are_those_of_deliveries_not_accepted() -> None:
    """A delivery that failed and one that was never sent count alike."""
    changes = Plan(ACTIVATION, {"email": diff([A, B, C], [D])}).changes(DeliveryLimits(1))
    assert undelivered_members(changes, [1, 3]).rows() == rows(("add", A), ("add", C)).rows()
    assert undelivered_members(changes, [1, 2, 3, 4]).is_empty()


def test_doubtful_is_who_was_rejected_and_may_be_in() -> None:
    """They come in further deliveries, so that those of the plan can be closed."""
    unsure = rows(("", A), ("", B), ("", D)).drop("operation")
    plan = Plan(ACTIVATION, {"email": diff([A, B, C], [D])}, unsure=unsure)
    changes = plan.changes(DeliveryLimits(2))
    doubtful = doubtful_changes(plan, changes, rows(("add", A), ("add", C), ("remove", D)))
    assert sorted(doubtful[IDENTIFIER]) == [A, D]
    assert doubtful.columns == changes.columns
    assert not set(doubtful["delivery"]) & set(changes["delivery"])


def test_nobody_is_doubtful_where_nobody_is_unsure() -> None:
    """A rejection of somebody who was surely out is the end of it."""
    plan = Plan(ACTIVATION, {"email": diff([A], [])}, unsure=nobody())
    assert doubtful_changes(plan, plan.changes(DeliveryLimits(2)), rows(("add", A))).is_empty()
    assert doubtful_changes(
        Plan(ACTIVATION, {}), Plan(ACTIVATION, {}).changes(DeliveryLimits(2)), rows()
    ).is_empty()


names = st.text(st.characters(min_codepoint=33, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9)
crowds = st.lists(names, unique=True, max_size=30)


@given(crowds, crowds, st.integers(1, 30), st.integers(40, 120))
def test_deliveries_fit_into_their_bytes(added: list[str], removed: list[str], size: int, limit: int) -> None:
    """The identifiers of a delivery, written as JSON, are never longer than the limit; all are delivered."""
    plan = Plan(ACTIVATION, {"email": diff(added, removed)})
    deliveries = list(split_changes(plan.changes(DeliveryLimits(size, limit))))
    for delivery in deliveries:
        written = json.dumps(delivery.members.to_list(), separators=(",", ":"), ensure_ascii=False)
        assert len(written.encode()) <= limit
        assert len(delivery.members) <= size
        assert delivery.bytes >= len(written.encode()) - 1
    assert sum(len(delivery.members) for delivery in deliveries) == len(added) + len(removed)
    assert [delivery.number for delivery in deliveries] == list(range(1, len(deliveries) + 1))


def test_as_many_as_fit_go_into_one_delivery() -> None:
    """A hundred identifiers of ten bytes are cut by their bytes, and hashes by the bytes of a hash."""
    people = [f"person-{number:03}" for number in range(100)]
    plain = Plan(ACTIVATION, {"customer_id": diff(people, [])})
    assert plain.delivery_count(DeliveryLimits(1000, 13 * 101)) == 1
    assert plain.delivery_count(DeliveryLimits(1000, 13 * 51)) == 2
    hashes = Plan(ACTIVATION, {"email:sha256": diff(people, [])})
    assert hashes.delivery_count(DeliveryLimits(1000, 67 * 51)) == 2


def test_one_that_is_too_long_goes_alone() -> None:
    """An identifier that is longer than a delivery may be is not lost, and takes nobody with it."""
    plan = Plan(ACTIVATION, {"email": diff(["a", "b" * 99, "c"], [])})
    members = [list(one.members) for one in split_changes(plan.changes(DeliveryLimits(9, 40)))]
    assert members == [["a"], ["b" * 99], ["c"]]


@given(plans, sizes)
def test_pairs_hold_every_delivery_once(plan: Plan, size: int) -> None:
    """Paired or not, each goes out once; a pair is of one type, fits, and has its removal first."""
    limits = DeliveryLimits(size)
    deliveries = list(split_changes(plan.changes(limits)))
    parcels = list(paired(deliveries, limits))
    assert sorted(one.number for parcel in parcels for one in parcel) == [one.number for one in deliveries]
    for removal, addition in (parcel for parcel in parcels if len(parcel) == 2):
        assert (removal.operation, addition.operation) == (Operation.REMOVE, Operation.ADD)
        assert removal.member_type == addition.member_type
        assert limits.hold(removal, addition)
    operations = [parcel[-1].operation for parcel in parcels]
    assert operations == sorted(operations, key=[Operation.REMOVE, Operation.ADD].index)


def test_a_small_difference_is_one_parcel() -> None:
    """Who enters and who leaves go together where they fit, and apart where they do not."""
    changes = Plan(ACTIVATION, {"email": diff([A, B], [C])}).changes(DeliveryLimits(3))
    assert [len(parcel) for parcel in paired(split_changes(changes), DeliveryLimits(3))] == [2]
    assert [len(parcel) for parcel in paired(split_changes(changes), DeliveryLimits(2))] == [1, 1]
