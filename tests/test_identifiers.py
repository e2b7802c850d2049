"""Identifiers: what is stripped, folded, valid, hashed and shown."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_activate.destinations.criteo import GUM, IDENTITY_LINK
from dbt_activate.identifiers import (
    CUSTOMER_ID,
    EMAIL,
    MADID,
    PHONE_NUMBER,
    IdentifierType,
    hashed,
    is_sha256,
    mask,
)
from dbt_activate.sync.diff import IDENTIFIER, identifiers, normalise, split_valid

KINDS = (EMAIL, MADID, PHONE_NUMBER, CUSTOMER_ID, IDENTITY_LINK, GUM)
HASH = hashlib.sha256(b"a@b.example").hexdigest()
ADDRESS_OF_64 = "a" * 51 + "@shop.example"
PHONE_ID = "01234567-89AB-CDEF-0123-456789abcdef"

NASTY = [
    (EMAIL, "\tA@B.Example\r\n", "a@b.example", True),
    (EMAIL, "\u00a0a@b.example\u3000", "a@b.example", True),
    (EMAIL, "\ufeffa@b.example", "a@b.example", True),
    (EMAIL, "\u200ba@b.example\u2060", "a@b.example", True),
    (EMAIL, "\u0130@b.example", "\u0130@b.example", True),  # a dotted capital I: `lower` makes it two
    (EMAIL, "\u212a@b.example", "\u212a@b.example", True),  # the Kelvin sign: `lower` makes it a k
    (EMAIL, "Stra\u00dfe@B.example", "stra\u00dfe@b.example", True),
    (EMAIL, "\U0001f600@b.example", "\U0001f600@b.example", True),
    (EMAIL, f" {HASH.upper()} ", HASH, True),
    (EMAIL, HASH[:-1], HASH[:-1], False),
    (EMAIL, ADDRESS_OF_64.upper(), ADDRESS_OF_64, True),
    (EMAIL, "a" * 64 + "@b.example", "a" * 64 + "@b.example", True),
    (EMAIL, "a" * 65 + "@b.example", "a" * 65 + "@b.example", False),
    (EMAIL, "a" * 100_000, "a" * 100_000, False),
    (EMAIL, "a\n@b.example", "a\n@b.example", False),
    (EMAIL, "a@b.exam\nple", "a@b.exam\nple", False),
    (EMAIL, "a@b.example, c@d.example", "a@b.example, c@d.example", False),
    (EMAIL, "A <a@b.example>", "a <a@b.example>", False),
    (EMAIL, "a@b@c.example", "a@b@c.example", False),
    (EMAIL, "a@b..example", "a@b..example", False),
    (EMAIL, "a@-b.example", "a@-b.example", False),
    (EMAIL, "a@b", "a@b", False),
    (EMAIL, "@", "@", False),
    (EMAIL, " \u200b ", "", False),
    (MADID, f" {PHONE_ID}\n", PHONE_ID, True),
    (MADID, "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000", False),
    (MADID, HASH, HASH, False),
    (PHONE_NUMBER, " +33612345678 ", "+33612345678", True),
    (PHONE_NUMBER, "06 12 34 56 78", "06 12 34 56 78", False),
    (PHONE_NUMBER, "\u0661" * 9, "\u0661" * 9, False),  # a digit, but no ASCII one
    (PHONE_NUMBER, HASH.upper(), HASH, True),
    (CUSTOMER_ID, " Ab 1 ", "Ab 1", True),
    (CUSTOMER_ID, HASH.upper(), HASH.upper(), True),
    (CUSTOMER_ID, "a\tb", "a\tb", False),
    (CUSTOMER_ID, "a" * 513, "a" * 513, False),
    (CUSTOMER_ID, "", "", False),
    (GUM, "a b", "a b", False),
    (IDENTITY_LINK, "Xy_-~!", "Xy_-~!", True),
]  # fmt: skip

texts = st.one_of(
    st.text(),
    st.text("aAzZ09@.-+ \t\n\u00a0\ufeff\u200b\u0130\u212a\u00df\U0001f600\x00\x7f\x85", max_size=20),
    st.from_regex(r"\s?[A-Za-z0-9.]{1,5}@[a-zA-Z0-9-]{1,5}\.[a-z\u00e9]{1,4}\s?", fullmatch=True),
    st.from_regex(r" ?[0-9a-fA-F]{63,65}", fullmatch=True),
    st.sampled_from([raw for _, raw, _, _ in NASTY]),
)
kinds = st.sampled_from(KINDS)


@pytest.mark.parametrize(("kind", "raw", "normalised", "valid"), NASTY)
def test_nasty_values(kind: IdentifierType, raw: str, normalised: str, valid: bool) -> None:
    """A value as it comes out of a warehouse is normalised byte for byte as written here."""
    assert kind.normalise(raw) == normalised
    assert kind.is_valid(normalised) is valid


@given(kinds, texts)
def test_normalising_is_idempotent(kind: IdentifierType, value: str) -> None:
    """Normalising a normalised value changes nothing."""
    once = kind.normalise(value)
    assert kind.normalise(once) == once


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(values=st.lists(texts, max_size=20))
def test_polars_and_python_agree(kind: IdentifierType, values: list[str]) -> None:
    """The diff, in Polars, normalises and checks every text as the definition in Python does."""
    wanted = {kind.normalise(value) for value in values}
    frame = normalise(identifiers(values), kind)
    valid, invalid = (list(part[IDENTIFIER]) for part in split_valid(frame, kind))
    assert sorted(valid + invalid) == sorted(wanted)
    assert set(valid) == {value for value in wanted if kind.is_valid(value)}


def test_hashing_is_plain_sha256() -> None:
    """An address is hashed as every vendor's documentation hashes it."""
    assert hashed("john.doe@gmail.com") == "375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef"


@given(texts)
def test_a_hash_is_not_hashed_again(value: str) -> None:
    """The hash of a hash is itself."""
    assert is_sha256(hashed(value))
    assert hashed(hashed(value)) == hashed(value)


def test_an_address_as_long_as_a_hash_is_none() -> None:
    """Only hex digits make a hash."""
    assert hashed(ADDRESS_OF_64) == hashlib.sha256(ADDRESS_OF_64.encode()).hexdigest()


@given(texts)
def test_a_mask_tells_two_characters_at_most(value: str) -> None:
    """Values that differ behind the first character of each side are masked alike."""
    sides = value.split("@", 1)
    assert mask(value) == mask("@".join(side[:1] + "?" * len(side[1:]) for side in sides))


@given(st.text("abc", min_size=2), st.text("abc", min_size=2))
def test_a_mask_shows_neither_side(local: str, domain: str) -> None:
    """Of an address, the first two characters of neither side are shown."""
    shown = mask(f"{local}@{domain}").partition(" (")[0]
    assert shown == f"{local[0]}…@{domain[0]}…"
