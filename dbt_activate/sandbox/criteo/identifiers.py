"""Which identifiers Criteo counts as valid: by their syntax, not by whether it knows the person.

The syntax is not published beyond the forms named on
https://developers.criteo.com/marketing-solutions/docs/contact-list; what is laid down here is lenient,
but for white space and hashes in capital letters, which no form has. Each product has its own spelling
of the types.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SAMPLE_SIZE = 10
"""How many invalid identifiers an answer shows; Criteo promises no number."""

# In clear, or the hex text of SHA-256 (of the address or of its MD5) or of MD5.
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+|[0-9a-f]{64}|[0-9a-f]{32}")
_PHONE_NUMBER = re.compile(r"\+?[0-9]{5,15}|[0-9a-f]{64}")
_WORD = re.compile(r"\S+")

_VALID = {
    "email": _EMAIL,
    "madid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "identityLink": _WORD,
    "gum": _WORD,
    "phoneNumber": _PHONE_NUMBER,
    "Email": _EMAIL,
    "UserIdentifier": _WORD,
    "IdentityLink": _WORD,
    "CustomerId": re.compile(r"\S(?:.*\S)?"),
    "PhoneNumber": _PHONE_NUMBER,
}


def split_by_validity(identifier_type: str, identifiers: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the valid and the invalid identifiers, each in the order in which they came."""
    is_valid = _VALID[identifier_type].fullmatch
    valid = [identifier for identifier in identifiers if is_valid(identifier)]
    if len(valid) == len(identifiers):
        return valid, []
    return valid, [identifier for identifier in identifiers if not is_valid(identifier)]
