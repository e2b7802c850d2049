"""The output of a DuckDB target, as ``profiles.yml`` has it, and which of the two routes serves it.

The keys and their meaning are dbt-duckdb's (``dbt/adapters/duckdb/credentials.py`` and
``environments/__init__.py``, release 1.11). `FileOutput` holds those that can be honoured exactly
without dbt; an output with any other key is left to dbt's own adapter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

MEMORY = ":memory:"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""``md:``, ``ducklake:``, ``s3:``, …; not ``:memory:``, and not the drive letter of Windows."""


@dataclass(
    frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", hide_input_in_errors=True)
)
class Extension:
    """An extension that does not come from DuckDB's own repository."""

    name: str
    repo: str


@dataclass(
    frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", hide_input_in_errors=True)
)
class FileOutput:
    """A DuckDB file, with the settings that we honour as dbt-duckdb does.

    Attributes:
        path: The file, relative to the working directory.
        database: DuckDB's name of the file's catalog, which the path decides.
        schema: Where dbt builds its models.
        config_options: What `duckdb.connect` is given.
        extensions: Installed and loaded at each connection.
        settings: Set at each connection.
        type: Told by the target already.
        threads: How many models dbt builds at once; no setting of DuckDB.
        keep_open: Ours are never kept open.
        disable_transactions: Of the transactions in which dbt builds a model; we have our own.
        retries: Our waiting for a locked file stands in their place.
        external_root: Where dbt writes the files of external models.
        flights: Where Python models run.
    """

    path: str
    database: str | None = None
    schema: str = "main"
    config_options: dict[str, Any] | None = None
    extensions: list[str | Extension] | None = None
    settings: dict[str, Any] | None = field(default=None, repr=False)
    type: Any = None
    threads: Any = None
    keep_open: Any = None
    disable_transactions: Any = None
    retries: Any = None
    external_root: Any = None
    flights: Any = None


def file_output(output: Mapping[str, Any]) -> FileOutput | None:
    """Read an output as a plain file's; None where dbt's adapter has to serve it, or to refuse it."""
    file = database_file(output)
    if file is None or output.get("database", catalog_name(file)) != catalog_name(file):
        return None
    try:
        return FileOutput(**output)
    except ValidationError:
        return None


def database_file(output: Mapping[str, Any]) -> Path | None:
    """Return the absolute path of the output's file; None where the database is kept elsewhere."""
    path = str(output.get("path") or MEMORY)
    if path.startswith(MEMORY) or _SCHEME.match(path):
        return None
    return Path(path).expanduser().absolute()


def forgets(output: Mapping[str, Any]) -> bool:
    """Tell whether the database is gone when its process ends.

    It is not where ``database`` names something attached, such as a DuckLake, beside an empty memory.
    """
    attached = {entry.get("alias") for entry in output.get("attach") or () if isinstance(entry, Mapping)}
    in_memory = str(output.get("path") or MEMORY).startswith(MEMORY)
    return in_memory and output.get("database") not in attached - {None}


def catalog_name(path: Path) -> str:
    """Return the name that DuckDB gives to the catalog of a file: up to the first dot that is not leading."""
    return path.name.lstrip(".").split(".")[0]
