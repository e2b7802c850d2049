"""What the package's SQL makes of an identifier is what dbt-activate makes of it, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.identifiers import EMAIL, MADID, IdentifierType, hashed
from tests.dbt_package.boutique import Boutique, Rows, scratch
from tests.dbt_package.corpus import KINDS, given_identifiers
from tests.test_identifiers import texts

Answer = tuple[int, str, bool, str | None]
Ask = Callable[[Sequence[tuple[IdentifierType, str | None]]], Rows]


def test_every_type_is_known() -> None:
    """Each type that a destination names is one of those that the package is compared by."""
    types = {name: one for name, one in destination_types().items() if one.value.startswith("dbt_activate.")}
    named = [kind for name in types for kind in load_destination(name).identifier_types.values()]
    # Where one may be hashed is up to the destination.
    assert {replace(kind, hashable=False) for kind in named} == {
        replace(kind, hashable=False) for kind in KINDS
    }


def wanted(number: int, kind: IdentifierType, raw: str) -> Answer:
    """Say what Python makes of a value."""
    normalised = kind.normalise(raw)
    return number, normalised, kind.is_valid(normalised), hashed(normalised) if kind.hashable else None


def test_sql_and_python_agree_on_nasty_values(built: Boutique) -> None:
    """Every nasty value, as every type, is normalised, checked and hashed as in Python."""
    kinds = {kind.name: kind for kind in KINDS}
    asked = [*given_identifiers(with_nul=built.target == "duckdb")]
    found = built.query("select id, normalised, is_valid, hashed from shop.identifier_probe order by id")
    assert found == [wanted(number, kinds[name], raw) for number, name, raw in asked]


@pytest.fixture(scope="module")
def ask(built: Boutique) -> Iterator[Ask]:
    """Answers of a warehouse, by the SQL as dbt compiled it, for values that are not in the boutique."""
    sql = built.compiled("identifier_probe", "first").replace('"probe"."identifiers"', "given")
    with scratch(built) as run:
        run("create temp table given (id integer, type varchar, raw varchar)")

        def answers(asked: Sequence[tuple[IdentifierType, str | None]]) -> Rows:
            run("delete from given")
            rows = [(number, kind.name, raw) for number, (kind, raw) in enumerate(asked)]
            run(f"insert into given values {', '.join(['(%s, %s, %s)'] * len(rows))}", list(chain(*rows)))
            return run(f"select * from ({sql}) answers order by id")

        yield answers


@settings(max_examples=30, deadline=None)
@given(values=st.lists(texts.filter(lambda text: "\x00" not in text), min_size=1, max_size=20))
def test_sql_and_python_agree_on_any_text(ask: Ask, values: list[str]) -> None:
    """Whatever the texts are, both come to the same."""
    asked = [(kind, raw) for kind in KINDS for raw in values]
    assert ask(asked) == [wanted(number, kind, raw) for number, (kind, raw) in enumerate(asked)]


def test_a_null_stays_one(ask: Ask) -> None:
    """A missing value is neither valid nor invalid, and has no hash."""
    assert ask([(EMAIL, None), (MADID, None)]) == [(0, None, None, None), (1, None, None, None)]


def test_the_models_of_the_boutique_hold_what_is_sent(built: Boutique) -> None:
    """A model that hashes by the macro holds the hash that a tool would be sent."""
    rows = built.query("select email, email_sha256 from shop.newsletter")
    assert len(rows) == 2000
    assert all(re.fullmatch(r"customer\d+@shop\.example", email) for email, _ in rows)
    assert all(digest == hashed(email) for email, digest in rows)
