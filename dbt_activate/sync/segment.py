"""The people a dbt model holds now. Only mapped columns are read."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError, Problem
from dbt_activate.identifiers import is_inexact
from dbt_activate.sync.diff import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from dbt_activate.config.activation import Activation, FieldMapping
    from dbt_activate.warehouse import Session, Warehouse


@dataclass(frozen=True, slots=True)
class Segment:
    """A model's relation, of which the mapped columns may be read.

    Attributes:
        relation: The quoted name.
        columns: For each mapped column, as the user wrote it, its name in the warehouse.
        warehouse: Quotes names.
    """

    relation: str
    columns: Mapping[str, str]
    warehouse: Warehouse

    def query(self, fields: Iterable[FieldMapping]) -> str:
        """Return the query of the raw values of columns: one column, without nulls; with duplicates."""
        selects = (self._select(self.warehouse.quote(self.columns[field.column])) for field in fields)
        return " union all ".join(selects)

    def values(self, session: Session, fields: Iterable[FieldMapping]) -> pl.DataFrame:
        """Read the raw values of columns."""
        return session.frame(self.query(fields))

    def _select(self, column: str) -> str:
        value = f"cast({column} as varchar) as {IDENTIFIER}"
        return f"select {value} from {self.relation} where {column} is not null"


def find_segment(session: Session, warehouse: Warehouse, activation: Activation) -> Segment:
    """Find a model's relation, and make sure that it has the mapped columns.

    Raises:
        RelationMissingError: The model was never built here.
        ConfigError: A mapped column is not there, or cannot hold identifiers; all such are named.
    """
    relation = activation.model.relation_name
    types = session.columns(relation)
    small = {name.lower(): name for name in types}
    columns = {
        field.column: field.column if field.column in types else small.get(field.column.lower(), "")
        for field in activation.fields
    }
    problems = [
        problem
        for field in activation.fields
        if (problem := _problem(activation, field, columns[field.column], types))
    ]
    if problems:
        raise ConfigError(problems)
    return Segment(relation, columns, warehouse)


def _problem(
    activation: Activation, field: FieldMapping, column: str, types: Mapping[str, str]
) -> Problem | None:
    if not column:
        return _missing(activation, field, list(types))
    if is_inexact(types[column]):
        return _inexact(activation, field, types[column])
    return None


def _missing(activation: Activation, field: FieldMapping, present: list[str]) -> Problem:
    near = get_close_matches(field.column, present, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    return Problem(
        file=activation.model.path,
        where=f"activation {activation.key}",
        key=f"mapping.{field.identifier_type.name}",
        message=f"{activation.model.relation_name} has no column {field.column!r}.",
        hint=f"{guess}It has: {', '.join(present)}. If you added it to the model, run dbt build first.",
    )


def _inexact(activation: Activation, field: FieldMapping, type_name: str) -> Problem:
    return Problem(
        file=activation.model.path,
        where=f"activation {activation.key}",
        key=f"mapping.{field.identifier_type.name}",
        message=f"column {field.column!r} of {activation.model.relation_name} is of type {type_name}, "
        "in which 7 reads 7.0 and long numbers lose their last digits.",
        hint="Cast it to text or to an integer in the model, then run dbt build.",
    )
