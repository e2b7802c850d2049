"""The types of identifier: how a value is normalised, when it is valid, how it is hashed and masked.

Normalisation is defined here byte for byte, and not left to an engine, since ``lower`` and ``trim``
differ between Polars, DuckDB and Postgres: a fixed set of white space is stripped from both ends, and
only the ASCII letters are folded, where the type says so. It is idempotent: normalising a normalised
value changes nothing. The diff relies on that.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""What is stripped: Unicode's white space, and the zero-width characters that spreadsheets leave."""

SHA256_HEX = r"[0-9a-f]{64}"
"""The whole of a value that is hashed already."""

_INEXACT = ("FLOAT", "DOUBLE", "REAL")
"""How the types of column begin that do not keep an identifier as it is."""

_ASCII_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Form(StrEnum):
    """In which form an identifier leaves the warehouse."""

    PLAIN = "plain"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class IdentifierType:
    """One kind of identifier.

    Attributes:
        name: As it stands in ``mapping:``.
        pattern: The whole of a valid normalised value. Written so that Python's `re` and the regular
            expressions of Polars agree on it.
        description: What it is, in a few words, for messages and docs.
        folds_case: Whether ASCII letters are made small.
        hashable: Whether it may be sent as SHA-256. A value that is SHA-256 in hex already is then
            accepted as it is.
        nobody: Values of the right form that stand for nobody.
    """

    name: str
    pattern: str
    description: str
    folds_case: bool = False
    hashable: bool = False
    nobody: tuple[str, ...] = ()

    def normalise(self, value: str) -> str:
        """Strip white space and, where the type says so, make ASCII letters small."""
        stripped = value.strip(WHITE_SPACE)
        if self.folds_case or (self.hashable and is_sha256(stripped.translate(_ASCII_FOLD))):
            return stripped.translate(_ASCII_FOLD)
        return stripped

    def is_valid(self, value: str) -> bool:
        """Tell whether a normalised value may be sent."""
        if self.hashable and is_sha256(value):
            return True
        return bool(re.fullmatch(self.pattern, value)) and value not in self.nobody


EMAIL = IdentifierType(
    name="email",
    # A dot-separated domain, no white space, controls or brackets, and no second @. Deliberately
    # laxer than RFC 5321 in the local part: a tool's own check comes after ours.
    pattern=(
        r'[^\x00-\x20\x7f@<>()\[\],;:\\"]{1,64}'
        r"@(?:[a-z0-9\u0080-\U0010ffff](?:[a-z0-9\u0080-\U0010ffff-]{0,61}[a-z0-9\u0080-\U0010ffff])?\.)+"
        r"[a-z0-9\u0080-\U0010ffff-]{2,63}"
    ),
    description="e-mail address",
    folds_case=True,
    hashable=True,
)


MADID = IdentifierType(
    name="madid",
    # Letters stay as they are: Apple writes the id in capitals and Google in small letters, it is sent
    # in clear, and a tool that compares bytes knows it as the phone gave it.
    pattern=r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    description="mobile advertising id (IDFA or AAID), not the all-zero one of people who opted out",
    nobody=("00000000-0000-0000-0000-000000000000",),
)

PHONE_NUMBER = IdentifierType(
    name="phone_number",
    pattern=r"\+?[0-9]{7,15}",
    description="phone number in digits, with the country code and without spaces",
    hashable=True,
)

CUSTOMER_ID = IdentifierType(
    name="customer_id",
    pattern=r"[^\x00-\x1f\x7f]{1,512}",
    description="the id by which the tool knows a customer of this shop",
)


def is_inexact(type_name: str) -> bool:
    """Tell whether a type of column does not keep an identifier as it is: 7 reads 7.0 in it."""
    return type_name.strip().upper().startswith(_INEXACT)


def is_sha256(value: str) -> bool:
    """Tell whether a value is the small-letter hex text of a SHA-256."""
    return bool(re.fullmatch(SHA256_HEX, value))


def hashed(value: str) -> str:
    """Hash a normalised value with SHA-256, as small-letter hex; a hash is returned as it is."""
    return value if is_sha256(value) else hashlib.sha256(value.encode()).hexdigest()


def mask(value: str) -> str:
    """Make a value fit for a report: enough to recognise a pattern of errors, never a person.

    At most the first character of each side of an ``@`` and the length remain.
    """
    local, at, domain = value.partition("@")
    if at:
        return f"{local[:1]}…@{domain[:1]}… ({len(value)} characters)"
    return f"{value[:1]}… ({len(value)} characters)"
