"""Conditions in YAML mean what they say, whatever the values are."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.dbt_package.boutique import PROJECT, Boutique
from tests.dbt_package.people import COLUMNS, CONDITIONS, PEOPLE, passes


def test_sql_and_python_agree_on_every_condition(built: Boutique) -> None:
    """Each test by itself, and all, any and not around them, let the same people pass as in Python."""
    found = defaultdict(set)
    for number, person in built.query("select number, id from shop.segment_probe where passes"):
        found[number].add(person)
    people = [dict(zip(COLUMNS, values, strict=True)) for values in PEOPLE]
    for number, conditions in enumerate(CONDITIONS):
        wanted = {person["id"] for person in people if passes(person, conditions)}
        assert found[number] == wanted, conditions


def test_a_condition_is_true_or_false(built: Boutique) -> None:
    """No condition is null for anybody, so that what `not` lets pass is everybody else."""
    assert built.query("select count(*) from shop.segment_probe where passes is null") == [(0,)]


def test_the_conditions_are_those_of_the_meta(built: Boutique) -> None:
    """A model without conditions of its own takes them from `config.meta.segment`."""
    models = yaml.safe_load((PROJECT / "models" / "segments" / "segments.yml").read_text())["models"]
    conditions = models[0]["config"]["meta"]["segment"]
    people = "select email, country, spend_usd from {}"
    wanted = [
        row
        for row in built.query(people.format("shop.customers"))
        if passes(dict(zip(("email", "country", "spend_usd"), row, strict=True)), conditions)
    ]
    assert 0 < len(wanted) < 2000
    assert sorted(built.query(people.format("shop.vip_customers"))) == sorted(wanted)


def test_a_day_in_the_meta_is_a_day(built: Boutique) -> None:
    """A day that YAML reads as one, and dbt hands on as it likes, is compared as a day."""
    days = built.query("select min(last_order_on), max(last_order_on) from shop.ordered_since")
    assert days == [(date(2024, 12, 1), date(2024, 12, 31))]


REFUSED = [
    ("matches({'country': {'equals': 'FR'}})", "segment.country.equals is not known. Tests are between,"),
    ("matches({'country': 'FR'})", "segment.country must be a mapping of tests to values"),
    ("matches({'any': {'country': {'eq': 'FR'}}})", "segment.any must be a list of conditions"),
    ("matches({'all': [{'id': {'gt': 1}}, 'x']})", "segment.all[2] must be a mapping of columns to tests"),
    ("matches({'not': {'any': []}})", "segment.not.any must be a list of conditions, and not an empty one"),
    ("matches({})", "segment must be a mapping"),
    ("matches({true: {'eq': 1}})", "segment.True is not the name of a column. Quote names"),
    ("matches({'a\"b': {'eq': 1}})", 'segment.a"b is not the name of a column'),
    ("matches({'country': {'eq': none}})", "segment.country.eq has no value. To ask for null, write is_null"),
    ("matches({'country': {'eq': contry}})", "segment.country.eq has no value"),
    ("matches({'country': {'eq': ['FR']}})", "segment.country.eq takes one value"),
    ("matches({'country': {'in': 'FR'}})", "segment.country.in takes a list of values"),
    ("matches({'country': {'in': []}})", "segment.country.in takes a list of values, and not an empty one"),
    (
        "matches({'country': {'not_in': ['SE', false]}})",
        "segment.country.not_in mixes texts with true or false",
    ),
    (
        "matches({'spend_usd': {'between': [1, 2, 3]}})",
        "segment.spend_usd.between takes a list of two values",
    ),
    (
        "matches({'spend_usd': {'gt': ['inf'] | map('float') | first}})",
        "segment.spend_usd.gt is not a number that",
    ),
    ("matches({'country': {'is_null': 'yes'}})", "segment.country.is_null takes true or false"),
    ("matches({'country': {'contains': ''}})", "segment.country.contains takes a text, and not an empty one"),
    (
        "matches({'last_order_on': {'within_last_days': '9'}})",
        "segment.last_order_on.within_last_days takes a whole number of days",
    ),
    (
        "matches({'last_order_on': {'within_last_days': 9}}, '1 Jan')",
        "segment.last_order_on.within_last_days counts from as_of, which must be a day",
    ),
    ("segment(ref('customers'))", "segment has no conditions. Write them in config.meta.segment"),
    ("holdout('customer_id', 101, 'a')", "holdout takes a percent from 0 to 100, not 101"),
    ("holdout('customer_id', '10', 'a')", "holdout takes a percent from 0 to 100, not 10"),
    ("holdout('customer_id', 10, '')", "holdout takes a salt"),
    (
        "normalize_identifier('email', 'e-mail')",
        "there is no identifier type e-mail. Known are email, madid,",
    ),
    ("hash_identifier('email', 'madid')", "no destination takes madid hashed"),
]


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_what_is_wrong_is_named(built: Boutique, tmp_path: Path) -> None:
    """A mistake stops the model before any SQL is sent, and the message says what and where it is."""
    boutique = built.copied_to(tmp_path / "boutique")
    folder = boutique.root / "models" / "wrong"
    folder.mkdir()
    for number, (call, _) in enumerate(REFUSED):
        # Not while dbt parses: the first mistake would hide the others.
        model = (
            f"-- {{{{ ref('customers') }}}}\n{{% if execute %}}{{{{ dbt_activate.{call} }}}}{{% endif %}}\n"
        )
        (folder / f"wrong_{number}.sql").write_text(model)
    boutique.dbt("run", "--select", "path:models/wrong", succeeds=False)
    said = boutique.results("message")
    for number, (call, message) in enumerate(REFUSED):
        assert f"dbt_activate: {message}" in said[f"wrong_{number}"], call
