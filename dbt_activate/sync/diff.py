"""The difference between a segment and what its audience may hold. Pure; the heart of a sync.

Three sets of one member type go in: the segment's raw values, the members *held* (the snapshot), and
those that are *unsure* (in an open change: a run set out to add or remove them, and the outcome is not
known). Who is unsure is sent again, in the direction that the segment says, whatever the snapshot holds:

    added   = segment − (held − unsure)
    removed = (held ∪ unsure) − segment

Only values that are not in the snapshot as they stand are normalised and checked: what is in the
snapshot was normalised before, and normalising twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_activate.identifiers import SHA256_HEX, WHITE_SPACE, Form, IdentifierType, hashed, mask
from dbt_activate.lazy_polars import pl

if TYPE_CHECKING:
    from collections.abc import Iterable

IDENTIFIER = "identifier"
SAMPLE_SIZE = 5
"""How many invalid values are shown, masked."""

_UPPER = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
_LOWER = [letter.lower() for letter in _UPPER]


@dataclass(frozen=True, slots=True)
class Diff:
    """Who enters and who leaves an audience, for one member type.

    Attributes:
        added: One column, `IDENTIFIER`; normalised, without duplicates, in no order.
        removed: Likewise.
        size: How many members the segment has: distinct, valid, normalised.
        held: How many members the audience may hold now: snapshot and unsure.
        invalid: How many distinct values cannot be sent.
        sample: A few of the invalid values, masked.
        folded: The snapshot as hashes, where clear values and hashes came together and it had to be
            put into one form; else None.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    size: int
    held: int
    invalid: int = 0
    sample: tuple[str, ...] = ()
    folded: pl.DataFrame | None = None


def identifiers(values: Iterable[str] = ()) -> pl.DataFrame:
    """Make a frame of identifiers from values."""
    return pl.DataFrame({IDENTIFIER: list(values)}, schema={IDENTIFIER: pl.String})


def unchanged(size: int) -> Diff:
    """Return the difference of a segment of that size with a snapshot that holds just its members."""
    return Diff(added=identifiers(), removed=identifiers(), size=size, held=size)


def diff_members(
    raw: pl.DataFrame, held: pl.DataFrame, unsure: pl.DataFrame, kind: IdentifierType, form: Form
) -> Diff:
    """Compare a segment with its snapshot.

    Args:
        raw: The values of the mapped columns, in `IDENTIFIER`, without nulls; duplicates are fine.
        held: The snapshot, without duplicates.
        unsure: The members in open changes, without duplicates.
        kind: The type of identifier, which says how to normalise and what is valid.
        form: How they are sent. Hashed, a clear address and its own hash are one member.
    """
    candidates = normalise(_without(raw, held).unique(), kind)
    valid, invalid = split_valid(candidates, kind)
    if form is Form.SHA256 and _is_mixed(held, unsure, valid):
        return _diff_folded(raw, held, unsure, kind)
    entering = _without(valid, held)
    leaving = _without(_without(held, raw), valid)
    return _with_unsure(entering, leaving, held, unsure, invalid)


def normalise(frame: pl.DataFrame, kind: IdentifierType) -> pl.DataFrame:
    """Normalise every value as `IdentifierType.normalise` does, and drop duplicates."""
    stripped = frame.with_columns(pl.col(IDENTIFIER).str.strip_chars(WHITE_SPACE))
    small = _ascii_small(pl.col(IDENTIFIER))
    if kind.folds_case:
        return stripped.with_columns(small).unique()
    if kind.hashable:
        is_hash = small.str.contains(f"^{SHA256_HEX}$")
        return stripped.with_columns(pl.when(is_hash).then(small).otherwise(pl.col(IDENTIFIER))).unique()
    return stripped.unique()


def split_valid(frame: pl.DataFrame, kind: IdentifierType) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split normalised values into valid ones and invalid ones."""
    is_valid = pl.col(IDENTIFIER).str.contains(f"^(?:{kind.pattern})$")
    is_valid &= ~pl.col(IDENTIFIER).is_in(kind.nobody)
    if kind.hashable:
        is_valid |= _is_hash()
    return frame.filter(is_valid), frame.filter(~is_valid)


def _with_unsure(
    entering: pl.DataFrame,
    leaving: pl.DataFrame,
    held: pl.DataFrame,
    unsure: pl.DataFrame,
    invalid: pl.DataFrame,
) -> Diff:
    strangers = _without(unsure, held)
    gone = pl.concat([leaving, _without(strangers, entering)])
    inside = _without(unsure, gone)
    return Diff(
        added=pl.concat([entering, inside]).unique() if inside.height else entering,
        removed=gone,
        size=held.height - leaving.height + entering.height,
        held=held.height + strangers.height,
        invalid=invalid.height,
        sample=tuple(mask(value) for value in invalid[IDENTIFIER].head(SAMPLE_SIZE)),
    )


def _diff_folded(raw: pl.DataFrame, held: pl.DataFrame, unsure: pl.DataFrame, kind: IdentifierType) -> Diff:
    """Compare as hashes, since a clear address on one side may be a hash on the other."""
    valid, invalid = split_valid(normalise(raw, kind), kind)
    segment, snapshot, open_members = (_hashed(frame) for frame in (valid, held, unsure))
    entering, leaving = _without(segment, snapshot), _without(snapshot, segment)
    diff = _with_unsure(entering, leaving, snapshot, open_members, invalid)
    return Diff(
        added=diff.added,
        removed=diff.removed,
        size=diff.size,
        held=diff.held,
        invalid=diff.invalid,
        sample=diff.sample,
        folded=snapshot,
    )


def _is_mixed(*frames: pl.DataFrame) -> bool:
    hashes = sum(frame.filter(_is_hash()).height for frame in frames)
    return 0 < hashes < sum(frame.height for frame in frames)


def _is_hash() -> pl.Expr:
    value = pl.col(IDENTIFIER)
    return (value.str.len_bytes() == 64) & value.str.contains(f"^{SHA256_HEX}$")


def _hashed(frame: pl.DataFrame) -> pl.DataFrame:
    return identifiers(hashed(value) for value in frame[IDENTIFIER]).unique()


def _ascii_small(value: pl.Expr) -> pl.Expr:
    is_ascii = value.str.len_bytes() == value.str.len_chars()
    return pl.when(is_ascii).then(value.str.to_lowercase()).otherwise(value.str.replace_many(_UPPER, _LOWER))


def _without(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    if left.is_empty() or right.is_empty():
        return left  # a join would hash the other side all the same
    return left.join(right, on=IDENTIFIER, how="anti")
