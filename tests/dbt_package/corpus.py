"""Identifiers as they come out of warehouses, and what dbt-activate makes of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from dbt_activate.destinations.criteo import GUM
from dbt_activate.destinations.criteo_api import IDENTITY_LINK
from dbt_activate.destinations.criteo_retail_media import USER_IDENTIFIER
from dbt_activate.destinations.purchasely import ANONYMOUS_ID, USER_ID
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, MADID, PHONE_NUMBER, WHITE_SPACE
from tests.test_identifiers import HASH, NASTY, PHONE_ID

KINDS = (
    EMAIL,
    MADID,
    PHONE_NUMBER,
    CUSTOMER_ID,
    IDENTITY_LINK,
    GUM,
    USER_IDENTIFIER,
    USER_ID,
    ANONYMOUS_ID,
)
"""The types that the package knows."""

HASHABLE = tuple(kind.name for kind in KINDS if kind.hashable)

_INNER = (
    "",
    "a@b.example",
    "İ@B.Example",  # a dotted capital I, of which `lower` makes two characters
    "\u0131@b.example",  # a small i without a dot, of which `upper` makes I
    "STRASSE@b.example",
    "Straße@B.example",
    "K@b.example",  # the Kelvin sign, of which `lower` makes a k
    "E\u0301@b.example",  # a combining acute
    "\u00c9@b.example",
    "a@\u00e9cole.example",
    "\U0001f600@b.example",
    "\U0010ffff\ue000@b.example",  # the last character there is, and one of private use
    "a\u200bb@c.example",  # a zero-width space within
    "a\u00a0b@c.example",
    "a@b.EXAMPLE\u0130",
    "a@b-.example",
    "a@b.e",
    "a@b.e_f",
    "a'b\"c\\d%e@b.example",
    "\x7f",
    "\x80\x9f",
    "123-456",
    "+33612345678",
    "٣٣٣٣٣٣٣٣",  # digits, but no ASCII ones
    "x" * 512,
    "é" * 512,
    "x" * 513,
    HASH,
    HASH.upper(),
    HASH[:-1] + "g",
    PHONE_ID,
    PHONE_ID.replace("-", "\u2013"),
)
_AROUND = (
    ("", ""),
    ("\t ", "\r\n"),
    ("\u00a0\u200b", "\ufeff"),
    (WHITE_SPACE, WHITE_SPACE),
    ("\u180e", "\u00ad"),  # not white space: they stay
)
_WITH_NUL = ("a\x00b", "\x00", "a@b.exam\x00ple")


def raw_values(*, with_nul: bool) -> Iterator[str]:
    """Yield the values; NUL only where the warehouse can hold it."""
    yield from (raw for _, raw, _, _ in NASTY)
    yield from (f"{before}{inner}{after}" for inner, (before, after) in product(_INNER, _AROUND))
    yield from _WITH_NUL if with_nul else ()


def given_identifiers(*, with_nul: bool) -> Iterator[tuple[int, str, str]]:
    """Yield every value as every type, numbered."""
    pairs = product((kind.name for kind in KINDS), raw_values(with_nul=with_nul))
    yield from ((number, name, raw) for number, (name, raw) in enumerate(pairs))
