"""People, conditions on them, and what the conditions mean, in Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import product
from typing import Any

TODAY = date(2024, 12, 31)
COLUMNS = ("id", "country", "note", "spend", "seen_on", "is_member")

_COUNTRIES = (None, "FR", "DE", "o'Neil's", "fr")
_NOTES = (
    None,
    "",
    "100%",
    "1000",
    "a_b",
    "'; drop table probe.people; --",
    "back\\slash\\'",
    '"quoted" {{ braces }} {% raw %}',
    "two\nlines",
    "naïve 😀 ünïcode",
)
_SPEND = (None, -5, 0, 499, 500)
_SEEN = (None, TODAY, TODAY - timedelta(30), TODAY - timedelta(31), TODAY + timedelta(1))
_MEMBER = (None, True, False)

PEOPLE = tuple(
    (number, *values)
    for number, values in enumerate(
        random.Random(5).sample([*product(_COUNTRIES, _NOTES, _SPEND, _SEEN, _MEMBER)], 400)  # noqa: S311
    )
)


def leaves() -> Iterator[dict[str, Any]]:
    """Yield conditions on one column, with every test that there is."""
    values: dict[tuple[str, tuple[str, ...]], Sequence[Any]] = {
        ("country", ("eq", "ne")): _COUNTRIES[1:],
        ("country", ("in", "not_in")): [["FR", "o'Neil's"], ["DE"]],
        ("note", ("eq", "ne")): _NOTES[1:],
        ("note", ("contains", "starts_with")): _NOTES[2:],
        ("spend", ("eq", "ne", "gt", "gte", "lt", "lte")): [-5, 0, 499.5, 500],
        ("spend", ("in", "not_in")): [[500, -5]],
        ("spend", ("between",)): [[-5, 499]],
        ("seen_on", ("gt", "lte")): [TODAY, "2024-12-01"],
        ("seen_on", ("between",)): [["2024-12-01", TODAY]],
        ("seen_on", ("within_last_days",)): [0, 30, 31],
        ("is_member", ("eq", "ne")): [True, False],
        **{(column, ("is_null", "is_not_null")): [True, False] for column in COLUMNS[1:]},
    }
    for (column, tests), asked in values.items():
        yield from ({column: {test: value}} for test, value in product(tests, asked))
    yield {"spend": {"gte": 0, "lt": 500}}


def nested(source: random.Random, depth: int) -> dict[str, Any]:
    """Make up conditions on several columns."""
    if not depth or source.random() < 0.2:
        return source.choice(_LEAVES)
    group = source.choice(("all", "any", "not"))
    if group == "not":
        return {"not": nested(source, depth - 1)}
    return {
        group: [nested(source, depth - 1) for _ in range(source.randint(1, 3))],
        **source.choice(_LEAVES),
    }


def passes(person: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Tell whether somebody fulfils conditions."""
    return all(_holds(person, name, value) for name, value in conditions.items())


def _holds(person: Mapping[str, Any], name: str, value: Any) -> bool:
    if name in ("all", "any"):
        held = [passes(person, one) for one in value]
        return all(held) if name == "all" else any(held)
    if name == "not":
        return not passes(person, value)
    return all(_passes_test(person[name], test, asked) for test, asked in value.items())


def _passes_test(found: Any, test: str, asked: Any) -> bool:
    complements = {"ne": "eq", "not_in": "in", "is_not_null": "is_null"}
    if test in complements:
        return not _passes_test(found, complements[test], asked)
    if test == "is_null":
        return (found is None) is asked
    if found is None:
        return False
    if isinstance(found, date) and test != "within_last_days":
        found = found.isoformat()
        asked = [str(one) for one in asked] if isinstance(asked, list) else str(asked)
    return bool(_TESTS[test](found, asked))


_TESTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": lambda found, asked: found == asked,
    "gt": lambda found, asked: found > asked,
    "gte": lambda found, asked: found >= asked,
    "lt": lambda found, asked: found < asked,
    "lte": lambda found, asked: found <= asked,
    "in": lambda found, asked: found in asked,
    "between": lambda found, asked: asked[0] <= found <= asked[1],
    "contains": lambda found, asked: asked in found,
    "starts_with": lambda found, asked: found.startswith(asked),
    "within_last_days": lambda found, asked: TODAY - timedelta(asked) <= found <= TODAY,
}
_LEAVES = tuple(leaves())
_SOURCE = random.Random(11)  # noqa: S311  (not for secrets)
CONDITIONS = (*_LEAVES, *(nested(_SOURCE, 3) for _ in range(60)))
"""All tests by themselves, and many of them together."""
