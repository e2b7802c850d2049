"""The holdout is the same everywhere, and of the size that was asked for."""

from __future__ import annotations

import hashlib

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dbt_package.boutique import Boutique, scratch

CUSTOMERS = range(1, 2001)
SALT = "it's b"
DEVIATIONS = 5
"""How far off, in standard deviations, a share may be."""


def is_held_out(customer: int, percent: float, salt: str) -> bool:
    """Say it in Python: the first 32 bits of the MD5 of salt and key, as a share of all."""
    digest = hashlib.md5(f"{salt}:{customer}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) < int(percent / 100 * 2**32)


def held_out(boutique: Boutique, percent: float, salt: str = "a") -> set[int]:
    """Return whom a warehouse holds out."""
    where = f"percent = {percent} and salt = '{salt.replace(chr(39), chr(39) * 2)}' and is_held_out"
    return {row[0] for row in boutique.query(f"select customer_id from shop.holdout_probe where {where}")}


@pytest.mark.parametrize(("percent", "salt"), [(0, "a"), (0.5, "a"), (12.5, "a"), (100, "a"), (10, SALT)])
def test_every_warehouse_holds_out_the_same(built: Boutique, percent: float, salt: str) -> None:
    """Whom SQL holds out is said by MD5 alone, so that it is the same on every warehouse and every day."""
    wanted = {customer for customer in CUSTOMERS if is_held_out(customer, percent, salt)}
    assert held_out(built, percent, salt) == wanted


@pytest.mark.parametrize("percent", [0, 12.5, 100])
def test_nobody_is_not_held_out(built: Boutique, percent: float) -> None:
    """A row without a key is not held out, and its answer is no null, which `not` would lose."""
    sql = built.compiled("holdout_probe", "first").replace('"shop"."customers"', "nobody")
    with scratch(built) as run:
        run("create temp table nobody (customer_id integer)")
        run("insert into nobody values (null)")
        answers = run(f"select is_held_out from ({sql}) answers where percent = {percent}")
        assert answers == [(False,)]


def test_a_greater_percentage_holds_out_the_same_and_more(built: Boutique) -> None:
    """An experiment can be widened without taking anybody out of it."""
    assert held_out(built, 10) < held_out(built, 12.5) < held_out(built, 50) < held_out(built, 100)


def test_another_salt_draws_anew(built: Boutique) -> None:
    """Two experiments do not hold out the same people."""
    both = held_out(built, 10) & held_out(built, 10, SALT)
    assert len(both) < len(held_out(built, 10)) / 2


@settings(max_examples=40, deadline=None)
@given(
    salt=st.text("abcxyz0123456789 _-", min_size=1, max_size=12),
    percent=st.floats(0.1, 99.9),
    first=st.integers(0, 2**40),
)
def test_the_share_is_near_the_percentage(salt: str, percent: float, first: int) -> None:
    """Of 4,000 keys about as many are held out as were asked for, whatever the keys and the salt are."""
    size, share = 4000, percent / 100
    count = sum(is_held_out(first + number, percent, salt) for number in range(size))
    assert abs(count - size * share) <= DEVIATIONS * (size * share * (1 - share)) ** 0.5 + 1


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_neither_order_nor_company_matters(built: Boutique) -> None:
    """A row's answer is its own: half of the rows, in another order, get the same answers."""
    sql = built.compiled("holdout_probe", "first").replace('"shop"."customers"', "half")
    with duckdb.connect() as connection:
        connection.execute("create table half as select i as customer_id from range(2000, 1000, -1) t (i)")
        rows = connection.sql(
            f"select customer_id from ({sql}) where percent = 10 and salt = 'a' and is_held_out"
        )
        assert {row[0] for row in rows.fetchall()} == {one for one in held_out(built, 10) if one > 1000}
