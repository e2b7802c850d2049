"""A warehouse, a model and a tool, and what must be true of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import duckdb
import polars as pl

from dbt_activate.config.activation import Activation, FieldMapping, OnExisting
from dbt_activate.dbt.model import Model
from dbt_activate.destination import AudienceSettings
from dbt_activate.errors import RelationMissingError
from dbt_activate.identifiers import EMAIL, Form, hashed
from dbt_activate.state.lease import LIFETIME
from dbt_activate.state.tables import Tables
from dbt_activate.sync.plan import Allowed
from dbt_activate.sync.run import Context, Sync, SyncOptions
from tests.protocol.tool import Tool, ToolDestination

Step = Callable[[str], None]

_INSTANCE = duckdb.connect(config={"threads": 1})
"""Where all worlds have their databases: to start an instance for each takes sixty times as long."""

_NUMBERS = count()


class Killed(BaseException):
    """The process was killed: nothing after this runs, no handler and no clean-up."""


@dataclass
class Session:
    """A cursor of a real DuckDB; says each statement before and after it is carried out."""

    cursor: duckdb.DuckDBPyConnection
    step: Step
    transactions: bool

    def columns(self, relation: str) -> Mapping[str, str]:
        """Describe a relation."""
        try:
            return {row[0]: row[1] for row in self.cursor.execute(f"describe {relation}").fetchall()}
        except duckdb.CatalogException:
            raise RelationMissingError(relation) from None

    def tables(self, database: str, schema: str) -> frozenset[str]:
        """Name the tables of a schema."""
        listed = "select table_name from duckdb_tables() where database_name = ? and schema_name = ?"
        return frozenset(row[0] for row in self.rows(listed, [database, schema]))

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """Query by way of Arrow."""
        self.step("read")
        return pl.DataFrame(self.cursor.sql(sql, params=list(parameters)))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Query tuples."""
        self.step("read")
        return self.cursor.execute(sql, list(parameters)).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Carry out a statement."""
        self.step(" ".join(sql.split()[:2]))
        self.cursor.execute(sql, list(parameters))
        return 0

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Append a frame."""
        self.step("append")
        names = ", ".join(frame.columns)
        marks = ", ".join("?" * frame.width)
        for row in frame.iter_rows():
            self.cursor.execute(f"insert into {table} ({names}) values ({marks})", row)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make it one transaction, if this warehouse has them."""
        if not self.transactions:
            yield
            return
        self.cursor.execute("begin")
        try:
            yield
        except BaseException:
            self.cursor.execute("rollback")
            raise
        self.cursor.execute("commit")


@dataclass
class MemoryWarehouse:
    """A real DuckDB in memory, whose sessions run side by side as a server's do."""

    step: Step
    connection: duckdb.DuckDBPyConnection
    transactions: bool = True
    adapter_type: str = "duckdb"
    database: str = "memory"
    schema: str = "main"

    @contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[Session]:
        """Open a cursor."""
        self.step("session")
        cursor = self.connection.cursor()
        cursor.execute(f"use {self.database}")
        try:
            yield Session(cursor, self.step, self.transactions)
        finally:
            cursor.close()

    def quote(self, *parts: str) -> str:
        """Quote a name."""
        return ".".join(f'"{part}"' for part in parts)


@dataclass
class Clock:
    """A clock that goes only when it is told to."""

    now: datetime = datetime(2026, 1, 1)  # noqa: DTZ001  (the state holds UTC without a zone)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def pass_lease(self) -> None:
        """Let every lease run out."""
        self.now += LIFETIME + timedelta(seconds=1)


def model(name: str = "people") -> Model:
    """Make a model of that name."""
    return Model(
        unique_id=f"model.shop.{name}",
        resource_type="model",
        package="shop",
        name=name,
        version=None,
        alias=name,
        database="memory",
        schema="main",
        relation_name=f'"main"."{name}"',
        description="",
        tags=(),
        fqn=("shop", name),
        path=f"models/{name}.yml",
        materialized="table",
        language="sql",
        columns={},
        meta={},
        config={},
        depends_on=(),
    )


@dataclass
class World:
    """One activation, its warehouse and its tool.

    Attributes:
        transactions: Whether the warehouse has transactions.
        tool: The far side.
        ours: Every member that a run of ours ever put in, and has not taken out.
        strangers: Members that were in the audience before us.
    """

    transactions: bool = True
    tool: Tool = field(default_factory=Tool)
    clock: Clock = field(default_factory=Clock)
    strangers: frozenset[tuple[str, str]] = frozenset()
    form: Form = Form.PLAIN
    on_existing: OnExisting = OnExisting.ERROR
    name: str = "People"
    retry_rejected: bool = True
    sync_type: type[Sync] = Sync
    destination_type: type[ToolDestination] = ToolDestination

    def __post_init__(self) -> None:
        """Make the model's table and, if there are strangers, the audience."""
        self.database = f"world_{next(_NUMBERS)}"
        self.connection = _INSTANCE.cursor()
        self.connection.execute(f"attach ':memory:' as {self.database}")
        self.connection.execute(f"use {self.database}")
        self.connection.execute("create table people (email varchar, other varchar)")
        if self.strangers:
            self.tool.create(self.name, self.strangers)
            self.on_existing = OnExisting.ADOPT

    def close(self) -> None:
        """Let go of the warehouse."""
        self.connection.close()
        _INSTANCE.execute(f"detach {self.database}")

    def set_segment(self, values: Iterable[str | None]) -> None:
        """Rebuild the model."""
        self.connection.execute("delete from people")
        for value in values:
            self.connection.execute("insert into people values (?, 'never sent')", [value])

    @property
    def activation(self) -> Activation:
        """The activation as the project now says."""
        return Activation(
            name="people",
            destination="tool",
            model=model(),
            audience=AudienceSettings(name=self.name),
            fields=(FieldMapping(EMAIL, "email", self.form),),
            on_existing=self.on_existing,
            retry_rejected=self.retry_rejected,
        )

    def new_sync(self, step: Step = lambda name: None, **options: Any) -> Sync:
        """Make a run; `step` is called before each thing it does."""
        warehouse = MemoryWarehouse(step, self.connection, self.transactions, database=self.database)
        context = Context(
            warehouse=warehouse,
            tables=Tables(warehouse, "main_activate"),
            clock=self.clock,
            options=SyncOptions(allowed=Allowed(mass_removal=True, empty=True), **options),
            tick_seconds=3600,
        )
        return self.sync_type(self.activation, self.destination_type(self.tool, step), context)

    def sync(self, step: Step = lambda name: None, **options: Any) -> Sync:
        """Run once, after every older lease has run out. `Killed` is swallowed: the process is gone."""
        self.clock.pass_lease()
        sync = self.new_sync(step, **options)
        with suppress(Killed):
            sync.execute()
        return sync

    def audience(self) -> set[tuple[str, str]]:
        """Who is really in the audience."""
        return self.tool.members(self.name) if self.name in self.tool.names else set()

    def segment(self) -> set[tuple[str, str]]:
        """Who the model says should be in it, as sent."""
        rows = self.connection.execute("select email from people where email is not null").fetchall()
        values = {EMAIL.normalise(row[0]) for row in rows}
        sent = {hashed(v) if self.form is Form.SHA256 else v for v in values if EMAIL.is_valid(v)}
        return {("email", value) for value in sent}

    def wanted(self) -> set[tuple[str, str]]:
        """Who should be in it: the segment, less whom the tool does not take, and the strangers."""
        not_taken = {("email", value) for value in self.tool.unknown | self.tool.uncounted}
        return (self.segment() - not_taken) | self.strangers

    def check_converged(self) -> None:
        """Everybody who should be in the audience is; nobody else is, but those it once took."""
        assert self.wanted() <= self.audience()
        assert self.audience() <= self.segment() | self.strangers

    def accounted(self) -> set[str]:
        """Who stands in our books: in the snapshot, or in an open change."""
        rows = self.connection.execute(
            "select identifier from main_activate.snapshot_tool__people union "
            "select c.identifier from main_activate.changes c join main_activate.deliveries d "
            "on c.run_id = d.run_id and c.delivery = d.delivery where d.state = 'open'"
        ).fetchall()
        return {hashed(row[0]) if self.form is Form.SHA256 else row[0] for row in rows}

    def check_books(self) -> None:
        """Whoever we put into the audience stands in our books; the strangers are still there."""
        if self.name not in self.tool.names:
            return
        ours = {value for _, value in self.audience() - self.strangers}
        assert ours <= self.accounted() if ours else True
        assert self.strangers <= self.audience()


def killer(at: int) -> Step:
    """Make a step that kills the run when it has been called so many times, and ever after."""
    left = [at]

    def step(name: str) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    return step
