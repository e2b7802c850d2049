"""What says that a folder is an audience: ``audience.json``, and the folder's name."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass

CARD = "audience.json"

ID_PATTERN = r"^[A-Za-z0-9%_~-][A-Za-z0-9 ._%~-]{0,159}/[0-9a-f]{12}$"
"""An audience's id: its folder, and what tells one audience from an earlier one in the same folder."""

_LONGEST = 120
_UNSAFE = re.compile(r"^[ .]|[ .]$|[^A-Za-z0-9 ._-]")


@dataclass(frozen=True, slots=True)
class Card:
    """What is written down of an audience.

    Attributes:
        id: The id by which it is known.
        name: Its name.
        description: Its description; None where it has none.
        content: What is kept: ``members`` or ``changes``.
        format: As what: ``csv`` or ``parquet``.
        run: Counts the runs that have written here.
        writer: Tells the run that writes here now from every other, also from one that counted at the same
            moment. A run that finds another one stops.
    """

    id: str
    name: str
    description: str | None
    content: str
    format: str
    run: int = 0
    writer: str = ""

    def to_bytes(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Card | None:
        """Read it; None if that is no card."""
        try:
            return cls(**json.loads(content))
        except (ValueError, TypeError):
            return None


def new_id(folder: str) -> str:
    """Make an id for an audience in a folder: another one each time it is made."""
    return f"{folder}/{secrets.token_hex(6)}"


def folder_of(remote_id: str) -> str | None:
    """Return the folder of an id; None if that is no id."""
    return remote_id.rpartition("/")[0] if re.match(ID_PATTERN, remote_id) else None


def folder_name(name: str) -> str:
    r"""Make an audience's name fit to be one folder, another one for each name.

    Letters, digits, spaces, ``-``, ``_`` and dots stay; everything else, and a dot or a space at either end,
    is percent-encoded, so that no name leads elsewhere. A very long name ends in a hash of itself.
    """
    safe = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)
    if len(safe) <= _LONGEST:
        return safe
    return f"{safe[: _LONGEST - 20]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
