"""The two ways to open a DuckDB database: the file itself, or through dbt's own adapter.

A plain file is opened by DuckDB's own package, in milliseconds and without dbt, which also serves users of
a dbt that has no Python adapters. Everything else (plugins, secrets, attached databases, MotherDuck, …)
goes by way of dbt-duckdb.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from dbt_activate.errors import ActivateError, ConfigError, Problem, WarehouseError
from dbt_activate.warehouses.duckdb_output import (
    Extension,
    FileOutput,
    catalog_name,
    database_file,
    file_output,
    forgets,
)
from dbt_activate.warehouses.duckdb_session import quoted

if TYPE_CHECKING:
    from dbt_activate.warehouse import Target
    from dbt_activate.warehouses.duckdb_session import Cursor

_TAKEN_NAMES = ("main", "memory", "system", "temp")
"""Names that a DuckDB in memory has for itself."""

_OPEN_HERE = "Unique file handle conflict"

_LEFT_IN_LOG = "CHECKPOINT during DETACH failed"

_TELLS_CONFLICTS = int(duckdb.__version__.partition(".")[0]) >= 2
"""Whether this DuckDB refuses a file that another instance in the process has open; tried with 2.0."""

_TURNS: dict[str, threading.Lock] = {}
"""One lock for each database file, by its real path: DuckDB takes no two modes in one process."""


class Route(Protocol):
    """A way to a database.

    Attributes:
        file: The database's file; None where it is kept elsewhere.
        database: The catalog that dbt builds in.
        schema: The schema that dbt builds in.
        where: The database in words; never holds a secret.
        turns: The locks to hold, in this order, while a connection is open.
    """

    file: Path | None
    database: str
    schema: str
    where: str
    turns: Sequence[threading.Lock]

    def open(self, *, read_only: bool) -> AbstractContextManager[Cursor]:
        """Connect until the context is left. Errors of DuckDB's go through."""


def route_to(target: Target) -> Route:
    """Choose the way to a target's database.

    Raises:
        ConfigError: The database forgets, is kept by a server that we cannot speak to, or dbt refuses it.
    """
    if target.output.get("remote"):
        raise ConfigError([_problem(target, "remote", "a remote (Buena Vista) server cannot be used.")])
    if forgets(target.output):
        message = "the database is kept in memory only, so that who is in an audience would be forgotten."
        raise ConfigError([_problem(target, "path", message, "Name a file, such as `path: shop.duckdb`.")])
    file, output = database_file(target.output), file_output(target.output)
    return FileRoute(file, output) if file and output else DbtRoute(target)


class FileRoute:
    """Opens a file with DuckDB's own package."""

    def __init__(self, file: Path, output: FileOutput) -> None:
        self.file: Path | None = file
        self.database = catalog_name(file)
        self.schema = output.schema
        self.where = str(file)
        self.turns: Sequence[threading.Lock] = (turn_of(file),)
        self._output = output

    @contextlib.contextmanager
    def open(self, *, read_only: bool) -> Iterator[Cursor]:
        """Connect, with what the output asks for, in dbt-duckdb's order."""
        with ExitStack() as stack:
            connection = self._attached(stack, read_only=read_only)
            connection = connection or self._connected(stack, read_only=read_only)
            for extension in self._output.extensions or ():
                _load(connection, extension)
            for name, value in (self._output.settings or {}).items():
                connection.execute(f"set {name} = '{_escaped(value)}'")
            yield connection

    def _attached(self, stack: ExitStack, *, read_only: bool) -> duckdb.DuckDBPyConnection | None:
        """Attach the file to an instance that stays, which is ten times as fast as starting one.

        None where that would not be what `duckdb.connect` does: where options and settings are of the whole
        instance, or somebody has the file open in this process, whose instance has to be shared.
        """
        if not self._may_be_attached:
            return None
        name = quoted(self.database)
        try:
            mode = " (read_only)" if read_only else ""
            self._instance.execute(f"attach '{_escaped(self.where)}' as {name}{mode}")
        except duckdb.Error as error:
            if _OPEN_HERE in str(error):
                return None
            raise
        stack.callback(self._detach, name)
        cursor = stack.enter_context(self._instance.cursor())
        cursor.execute(f"use {name}")
        return cursor

    def _detach(self, name: str) -> None:
        try:
            self._instance.execute(f"detach {name}")
        except duckdb.Error as error:
            # As where a connection is closed: what was committed is in the log beside the file.
            if _LEFT_IN_LOG not in str(error):
                raise

    def _connected(self, stack: ExitStack, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        config = dict(self._output.config_options or {})
        return stack.enter_context(duckdb.connect(self.where, read_only=read_only, config=config))

    @property
    def _may_be_attached(self) -> bool:
        is_plain = not (self._output.config_options or self._output.settings)
        return _TELLS_CONFLICTS and is_plain and self.database.lower() not in _TAKEN_NAMES

    @cached_property
    def _instance(self) -> duckdb.DuckDBPyConnection:
        # What does not fit into memory goes beside the file, as it does where the file is opened itself.
        return duckdb.connect(config={"temp_directory": f"{self.where}.tmp"})


class DbtRoute:
    """Opens whatever dbt-duckdb can open, with its code."""

    def __init__(self, target: Target) -> None:
        from dbt_activate.warehouses import dbt_adapter

        credentials = dbt_adapter.credentials(target)
        self.file = database_file(target.output)
        self.database: str = credentials.database
        self.schema: str = credentials.schema
        self.where = str(self.file or f"the DuckDB database {self.database}")
        turns = (turn_of(self.file),) if self.file else ()
        self.turns: Sequence[threading.Lock] = (*turns, dbt_adapter.TURN)
        self._target = target

    @contextlib.contextmanager
    def open(self, *, read_only: bool) -> Iterator[Cursor]:
        """Connect as dbt does, and let go of the file afterwards, as dbt does not."""
        with contextlib.closing(self._connection(read_only=read_only)) as connection:
            yield connection.handle.cursor()

    def _connection(self, *, read_only: bool) -> Any:
        from dbt_activate.warehouses.dbt_adapter import DbtConnection

        try:
            return DbtConnection(replace(self._target, output=self._session_output(read_only=read_only)))
        except (duckdb.Error, ActivateError):
            raise
        except Exception as error:  # a plugin may raise anything, and quote a secret in it
            kind = type(error).__name__
        raise WarehouseError(
            f"dbt's adapter could not connect to {self.where} ({kind}). `dbt debug` says why."
        )

    def _session_output(self, *, read_only: bool) -> dict[str, Any]:
        # dbt-duckdb's retries print to stdout; our waiting for a locked file stands in their place.
        output = {key: value for key, value in self._target.output.items() if key != "retries"}
        output["keep_open"] = False
        if self.file:
            output["path"] = str(self.file)
        if self.file and read_only:
            output["config_options"] = {**(output.get("config_options") or {}), "access_mode": "READ_ONLY"}
        return output


def turn_of(file: Path) -> threading.Lock:
    """Return the lock of a file, the same for every path that leads to it."""
    return _TURNS.setdefault(os.path.realpath(file), threading.Lock())


def _load(connection: duckdb.DuckDBPyConnection, extension: str | Extension) -> None:
    if isinstance(extension, str):
        connection.install_extension(extension)
        connection.load_extension(extension)
    else:
        connection.execute(f"install {extension.name} from {extension.repo}")
        connection.load_extension(extension.name)


def _escaped(value: object) -> str:
    return str(value).replace("'", "''")


def _problem(target: Target, key: str, message: str, hint: str = "") -> Problem:
    return Problem("profiles.yml", f"profile {target.profile_name}, target {target.name}", key, message, hint)
