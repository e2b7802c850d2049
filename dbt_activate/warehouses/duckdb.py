"""DuckDB as a warehouse: sessions that take turns, wait for a locked file, and let go of it at once."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from dbt_activate.errors import WarehouseBusyError, WarehouseError
from dbt_activate.warehouses.duckdb_errors import Holder, asking, lock_holder
from dbt_activate.warehouses.duckdb_routes import route_to
from dbt_activate.warehouses.duckdb_session import Cursor, DuckDBSession, quoted

if TYPE_CHECKING:
    from dbt_activate.warehouse import Target

logger = logging.getLogger("dbt_activate.warehouse")

POLL_SECONDS = 0.1
"""How often a locked file is tried: often enough to slip in between two commands of dbt."""


class DuckDBWarehouse:
    """A DuckDB database. A `dbt_activate.warehouse.Warehouse`.

    Opening and closing a session costs some 20 milliseconds, whatever the size of the file.

    Args:
        target: The output of ``profiles.yml``.
        lock_timeout_seconds: How long a session waits for a file that another process holds.

    Raises:
        ConfigError: The output is of a kind that cannot keep our state, or that dbt refuses.
    """

    def __init__(self, target: Target, *, lock_timeout_seconds: float = 60.0) -> None:
        self._route = route_to(target)
        self._lock_timeout_seconds = lock_timeout_seconds
        self.adapter_type = "duckdb"
        self.database = self._route.database
        self.schema = self._route.schema

    @contextlib.contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[DuckDBSession]:
        """Connect for a moment. Not to be nested: a thread would wait for itself.

        Args:
            read_only: DuckDB refuses every write, and the file stays as it is, byte for byte. A database
                that is no file is opened as always.

        Raises:
            WarehouseBusyError: Another process held the file for longer than we wait.
            WarehouseError: There is no database yet, or it cannot be opened.
        """
        with ExitStack() as turn, ExitStack() as connection:
            for lock in self._route.turns:
                turn.enter_context(lock)
            cursor = self._cursor_when_free(connection, read_only=read_only)
            try:
                yield DuckDBSession(cursor, self._route.where)
            finally:
                asking(connection.close, doing="close the connection", where=self._route.where)

    def quote(self, *parts: str) -> str:
        """Quote the parts of a name and join them with dots."""
        return ".".join(quoted(part) for part in parts)

    def _cursor_when_free(self, connection: ExitStack, *, read_only: bool) -> Cursor:
        started, waiting = time.monotonic(), False
        while isinstance(answer := self._cursor(connection, read_only=read_only), Holder):
            if time.monotonic() - started >= self._lock_timeout_seconds:
                raise WarehouseBusyError(self._busy(answer))
            if not waiting:
                where = answer.file or self._route.where
                logger.info("%s is in use by %s; waiting for it", where, answer)
                waiting = True
            time.sleep(min(POLL_SECONDS, self._lock_timeout_seconds))
        return answer

    def _cursor(self, connection: ExitStack, *, read_only: bool) -> Cursor | Holder:
        """Connect once; return who holds the file if somebody does."""
        if self._route.file and not _is_built(self._route.file):
            raise WarehouseError(
                f"dbt has not built it yet at {self._route.where}, or this user cannot see it there. "
                "Run `dbt build` with the same target and, if `path` is relative, from the same folder."
            )
        return asking(
            lambda: self._open(connection, read_only=read_only),
            doing="connect",
            where=self._route.where,
            next_step="`dbt debug` says more.",
        )

    def _open(self, connection: ExitStack, *, read_only: bool) -> Cursor | Holder:
        try:
            cursor = connection.enter_context(self._route.open(read_only=read_only))
        except duckdb.Error as error:
            if (holder := lock_holder(error)) is None:
                raise
            return holder
        cursor.execute("set enable_progress_bar = false", [])
        return cursor

    def _busy(self, holder: Holder) -> str:
        return (
            f"{holder.file or self._route.where} is in use by {holder}; we waited "
            f"{self._lock_timeout_seconds:g} seconds for it. Wait until it is done; if it is a notebook or "
            "a shell, close it. To wait longer, raise `lock_timeout_seconds`."
        )


def _is_built(file: Path) -> bool:
    """Tell whether there is a database in the file: DuckDB would make an empty one where there is none."""
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
