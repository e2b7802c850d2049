"""A short-lived connection to a DuckDB database, in calls that its Python package has from 1.1 to 2.0."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import duckdb

from dbt_activate.errors import RelationMissingError
from dbt_activate.warehouse import Row
from dbt_activate.warehouses.duckdb_errors import asking

if TYPE_CHECKING:
    import polars as pl

Answer = TypeVar("Answer")

logger = logging.getLogger("dbt_activate.warehouse")

_FRAME = "dbt_activate_frame"
"""The name under which a connection sees a frame that is being appended."""


class Cursor(Protocol):
    """What we use of a DuckDB connection; dbt-duckdb's cursor forwards the same calls."""

    def sql(self, query: str, *, params: Any) -> duckdb.DuckDBPyRelation:
        """Make a relation of a query."""

    def execute(self, query: str, parameters: Any) -> duckdb.DuckDBPyConnection:
        """Run a statement."""

    def register(self, view_name: str, python_object: Any) -> Any:
        """Make a Python object readable by SQL."""

    def unregister(self, view_name: str) -> Any:
        """Undo `register`."""


class DuckDBSession:
    """Speaks SQL on one open connection. A `dbt_activate.warehouse.Session`.

    Args:
        cursor: The connection, which the caller closes.
        where: The database, for messages.
    """

    def __init__(self, cursor: Cursor, where: str) -> None:
        self._cursor = cursor
        self._where = where

    def columns(self, relation: str) -> Mapping[str, str]:
        """Return the columns of a relation and their types, as DuckDB spells them, in order."""
        try:
            described = self.rows(f"describe select * from {relation}")
        except RelationMissingError:
            missing = True
        else:
            missing = False
        if missing:
            raise RelationMissingError(
                f"{relation} is not in {self._where}, or reads from something that is not there. "
                "Build it with dbt, with the same target."
            )
        return {name: type_ for name, type_, *_ in described}

    def tables(self, database: str, schema: str) -> frozenset[str]:
        """Return the names of the tables in a schema. DuckDB's own list: its `information_schema` is slow."""
        listed = "select table_name from duckdb_tables() where database_name = ? and schema_name = ?"
        return frozenset(row[0] for row in self.rows(listed, [database, schema]))

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """Run a query and return all rows as a Polars frame, by way of Arrow.

        HUGEINT comes out of Arrow as a wrong number: cast it to VARCHAR. Until DuckDB 2.0, a query with
        parameters is about ten times slower to fetch than one without.
        """
        return self._ask(sql, lambda: _polars_frame(self._cursor.sql(sql, params=list(parameters) or None)))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a query whose few rows are wanted as tuples."""
        return self._ask(sql, lambda: self._cursor.execute(sql, list(parameters)).fetchall())

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it changed (0 where DuckDB does not say)."""
        return self._ask(sql, lambda: _changed_rows(self._cursor.execute(sql, list(parameters))))

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table, column by column of the same name, cast to the table's types."""
        columns = ", ".join(quoted(name) for name in frame.columns)
        with self._visible(frame):
            self.execute(f"insert into {table} ({columns}) select {columns} from {_FRAME}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside one transaction: all of it or, after any exception, nothing."""
        self.execute("begin transaction")
        try:
            yield
            self.execute("commit")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a commit that failed has rolled back already
                self._cursor.execute("rollback", [])
            raise

    @contextlib.contextmanager
    def _visible(self, frame: pl.DataFrame) -> Iterator[None]:
        import polars as pl

        # DuckDB 2.0 refuses a column of type Null.
        stream = _ArrowStream(frame.cast({pl.Null: pl.String}))
        asking(lambda: self._cursor.register(_FRAME, stream), doing="read a frame", where=self._where)
        try:
            yield
        finally:
            with contextlib.suppress(
                duckdb.Error
            ):  # in a transaction that has failed, nothing can be dropped
                self._cursor.unregister(_FRAME)

    def _ask(self, sql: str, call: Callable[[], Answer]) -> Answer:
        logger.debug("%s", sql)
        verb = sql.split(maxsplit=1)[0].upper()
        return asking(call, doing=f"run {verb}", where=self._where)


class _ArrowStream:
    """A frame of which DuckDB sees only the Arrow stream: for a Polars frame it would ask for pyarrow."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def quoted(name: str) -> str:
    """Quote one part of a name."""
    return '"' + name.replace('"', '""') + '"'


def _polars_frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """Fetch a relation. Beside pyarrow, DuckDB's own way is the one that leaves no "leaked" note at exit."""
    import polars as pl

    frame: pl.DataFrame = relation.pl() if _has_pyarrow() else pl.DataFrame(relation)
    return frame


@functools.cache
def _has_pyarrow() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def _changed_rows(answer: duckdb.DuckDBPyConnection) -> int:
    rows = answer.fetchall()
    counts = [column[0] for column in answer.description or ()] == ["Count"]
    return int(rows[0][0]) if rows and counts else 0
