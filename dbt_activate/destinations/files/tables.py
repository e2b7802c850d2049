"""Tables of members as CSV or Parquet. The one module of a destination that knows Polars."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

from dbt_activate.delivery import Operation
from dbt_activate.destinations.files.settings import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbt_activate.delivery import Delivery

Table = pl.DataFrame
"""A table, to those who only pass it on."""

OPERATION, KIND, IDENTIFIER = "operation", "identifier_type", "identifier"
"""The columns; a list of members has no operation."""

PAGE_SIZE = 10_000


def nobody() -> pl.DataFrame:
    """Make a list without members."""
    return pl.DataFrame(schema={KIND: pl.String, IDENTIFIER: pl.String})


def members_of(delivery: Delivery) -> pl.DataFrame:
    """Make a list of a delivery's members."""
    people = pl.Series(IDENTIFIER, delivery.identifiers, dtype=pl.String)
    return people.to_frame().select(pl.lit(delivery.identifier_type).alias(KIND), IDENTIFIER)


def changes_of(delivery: Delivery) -> pl.DataFrame:
    """Make a table of what a delivery does with its members."""
    return members_of(delivery).select(pl.lit(delivery.operation.value).alias(OPERATION), KIND, IDENTIFIER)


def amended(members: pl.DataFrame, delivery: Delivery) -> pl.DataFrame:
    """Return a list with a delivery carried out on it; who is in it already keeps the place."""
    change, keys = members_of(delivery), [KIND, IDENTIFIER]
    if delivery.operation is Operation.REMOVE:
        return members.join(change, on=keys, how="anti", maintain_order="left")
    return pl.concat([members, change.join(members, on=keys, how="anti", maintain_order="left")])


def pages(members: pl.DataFrame, identifier_type: str) -> Iterator[Sequence[str]]:
    """Yield the members of one type."""
    people = members.filter(pl.col(KIND) == identifier_type)[IDENTIFIER]
    for page in people.to_frame().iter_slices(PAGE_SIZE):
        yield page[IDENTIFIER].to_list()


def encode(table: pl.DataFrame, kind: Format) -> bytes:
    """Write a table."""
    buffer = io.BytesIO()
    if kind is Format.CSV:
        table.write_csv(buffer)
    else:
        table.write_parquet(buffer)
    return buffer.getvalue()


def decode_members(content: bytes, kind: Format) -> pl.DataFrame | None:
    """Read a list of members; None if it is none."""
    read: Any = pl.read_csv if kind is Format.CSV else pl.read_parquet
    as_text = {"infer_schema": False} if kind is Format.CSV else {}  # 00123 stays as it is
    try:
        table: pl.DataFrame = read(io.BytesIO(content), **as_text)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # the latter where bytes are damaged
        return None
    return table if table.schema == nobody().schema else None
