"""The identifier types of a destination that takes whatever it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, IdentifierType

KNOWN: Mapping[str, IdentifierType] = {EMAIL.name: EMAIL}
"""The types with rules of their own."""

OTHERS = "any other name in small letters, digits and _, sent as it stands"
"""Which further names there are, in words."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def any_identifier(name: str) -> IdentifierType | None:
    """Return the type of a name: a known one, or one without rules; None where it is no name."""
    if name in KNOWN or not _NAME.fullmatch(name):
        return KNOWN.get(name)
    return replace(CUSTOMER_ID, name=name, description="identifier, sent as it stands")
