"""What a warehouse must be able to do for us. Only its implementations and `state` speak SQL.

No session is held open while a vendor is being waited for: a DuckDB file would stay locked for
everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One output of the user's ``profiles.yml``, rendered as dbt renders it.

    Attributes:
        profile_name: The profile.
        name: The target: ``dev``, ``prod``.
        type: dbt's adapter type: ``duckdb``.
        output: Everything else that stands in the output, rendered; may hold secrets.
        project_dir: The folder of ``dbt_project.yml``. dbt takes relative paths from the working
            directory; so do we.
        threads: The output's ``threads``, 1 where it has none.
    """

    profile_name: str
    name: str
    type: str
    output: Mapping[str, Any] = field(repr=False)
    project_dir: Path
    threads: int = 1


class Session(Protocol):
    """A short-lived connection. Values are passed as parameters, written ``?`` in the SQL."""

    def columns(self, relation: str) -> Mapping[str, str]:
        """Return the columns of a relation and their types, in order.

        Args:
            relation: A quoted name, as dbt's ``relation_name``.

        Raises:
            RelationMissingError: There is no such relation, or this role cannot see it.
        """

    def tables(self, database: str, schema: str) -> frozenset[str]:
        """Return the names of the tables in a schema; none where there is no such schema."""

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """Run a query and return all rows as a Polars frame, by way of Arrow."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a query whose few rows are wanted as tuples."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it changed (0 where the engine does not say)."""

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table whose columns have the frame's column names."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make what happens inside one transaction, where the engine has them. Not for correctness."""


class Warehouse(Protocol):
    """The user's own warehouse, reached as dbt reaches it.

    Attributes:
        adapter_type: dbt's name of its kind: ``duckdb``.
        database: The database of the target.
        schema: The schema of the target.
    """

    adapter_type: str
    database: str
    schema: str

    def session(self, *, read_only: bool = False) -> AbstractContextManager[Session]:
        """Connect for a moment. Sessions of one warehouse take turns within this process.

        Args:
            read_only: Nothing will be written; the database stays byte for byte as it is.

        Raises:
            WarehouseBusyError: Another process held the database for longer than we wait.
            WarehouseError: No connection could be made.
        """

    def quote(self, *parts: str) -> str:
        """Quote the parts of a name and join them with dots."""
