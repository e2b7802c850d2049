"""Who was not taken, by the answer of an endpoint; without a word that could be somebody's identifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dbt_activate.delivery import Receipt, Rejection
from dbt_activate.destinations.http_endpoint.answers import Rejected, counted, listed, look_up
from dbt_activate.http.portions import SAMPLE_SIZE
from dbt_activate.identifiers import mask

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REASON_LENGTH = 200

_PUNCTUATION = ".,;:!?'\"`()[]{}<>"


def read_rejections(rejected: Rejected | None, body: Any, identifiers: Sequence[str]) -> Receipt:
    """Read who of a delivery was not taken.

    Args:
        rejected: Where it stands; None where the endpoint does not say.
        body: The answer.
        identifiers: Who was sent.
    """
    if rejected is None:
        return Receipt()
    positions = _positions(identifiers)
    named: dict[int, Rejection] = {}
    strangers: list[str] = []
    for item in listed(look_up(rejected.path, body)):
        value = str(item if rejected.identifier is None else look_up(rejected.identifier, item))
        position = positions.get(value, positions.get(value.casefold()))
        if position is None:
            strangers.append(mask(value))
        else:
            named.setdefault(position, _rejection(rejected, item, position, identifiers[position], positions))
    more = (counted(look_up(rejected.count, body)) or 0) - len(named)
    return Receipt(
        rejections=tuple(named[position] for position in sorted(named)),
        unnamed_rejections=max(len(strangers), more),
        sample=tuple(strangers[:SAMPLE_SIZE]),
    )


def read_rejection(
    rejected: Rejected | None, body: Any, status: int, position: int, person: str
) -> Rejection:
    """Read why one member, sent alone, was not taken."""
    rejected = rejected or Rejected()
    code = _words(look_up(rejected.code, body), person, ()) or str(status)
    reason = _words(look_up(rejected.reason, body), person, ())
    return Rejection(position, code, reason or "the endpoint did not take this member")


def _positions(identifiers: Sequence[str]) -> dict[str, int]:
    folded = {identifier.casefold(): index for index, identifier in enumerate(identifiers)}
    return folded | {identifier: index for index, identifier in enumerate(identifiers)}


def _rejection(
    rejected: Rejected, item: Any, position: int, person: str, others: Collection[str]
) -> Rejection:
    code = _words(look_up(rejected.code, item), person, others) or "rejected"
    reason = _words(look_up(rejected.reason, item), person, others)
    return Rejection(position, code, reason or "the endpoint named this member as not taken")


def _words(said: Any, person: str, others: Collection[str]) -> str:
    """Keep what was said, but for the words that are somebody's identifier or might be a part of one."""
    if said is None or isinstance(said, dict | list):
        return ""
    text = re.sub(rf"(?<!\w){re.escape(person)}(?!\w)", "…", str(said), flags=re.IGNORECASE)
    words = ("…" if _is_somebody(word, others) else word for word in text.split())
    kept = " ".join(words)[:REASON_LENGTH]
    return "" if person.casefold() in kept.casefold() else kept


def _is_somebody(word: str, others: Collection[str]) -> bool:
    # A word may be more than the identifier, as in "crm_id:4711," and "duplicate=4711".
    parts = (word.strip(_PUNCTUATION), *re.split(r"[^\w.+-]+", word))
    return "@" in word or "%" in word or any(part.casefold() in others for part in parts)
