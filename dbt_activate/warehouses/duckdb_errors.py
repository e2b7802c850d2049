"""DuckDB's errors, told as ours: what happened and what to do next, and never a value of a row.

DuckDB quotes values (``Could not convert string 'a@b.c' to INT32``), and connection strings with their
passwords. So its own words are passed on only for those kinds of error that speak of names, files and
sizes; of all others the kind is told and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import duckdb

from dbt_activate.errors import RelationMissingError, WarehouseBusyError, WarehouseError

Answer = TypeVar("Answer")

_SPEAKS_OF_NAMES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
    duckdb.PermissionException,
)

_MAY_HOLD_A_SECRET = re.compile(r"[=?@]")
"""What every connection string, signed URL and account name has, and hardly a path."""

_QUOTED_VALUE = re.compile(r"'.*'")
_LOCKED = re.compile(
    r'Could not set lock on file "(?P<file>.*?)"(?:.*?held in (?P<program>.+?) \(PID (?P<pid>\d+)\))?'
)
_LOCKED_ON_WINDOWS = "being used by another process"
_BUSY_HERE = re.compile(r"different configuration than existing|Unique file handle conflict")
_MISSING = re.compile(r"(?:Catalog|Binder) Error: (?:Table|View|Schema|Catalog)\b.* does not exist")
_INTERRUPTED = "Query interrupted"

_ADVICE = {
    "not a valid DuckDB database file": "Check `path` in profiles.yml.",
    "Corrupt database file": (
        "Restore the file from a backup: one that dbt builds anew does not know who is in the audiences."
    ),
    "Trying to read a database file with": (
        f"Another release of DuckDB than this one ({duckdb.__version__}) wrote it. Install the duckdb that "
        "dbt runs with beside dbt-activate."
    ),
    "Permission denied": "Reading needs the right to read the file; syncing, to write to it and its folder.",
    "Read-only file system": "Syncing keeps its state in the same file, and needs to write to it.",
    "No space left on device": "Make room, then run again: what was committed is kept.",
}
"""What to do about the faults of a file, whose texts hold no values."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The other process that has a database file open.

    Attributes:
        file: The file; an empty text where DuckDB does not say.
        pid: Its process id; None where DuckDB does not say.
        program: The path of its program.
    """

    file: str = ""
    pid: int | None = None
    program: str = ""

    def __str__(self) -> str:
        return "another process" if self.pid is None else f"process {self.pid} ({self.program})"


def lock_holder(error: Exception) -> Holder | None:
    """Tell which process keeps us from opening a file; None where the error is another one."""
    if found := _LOCKED.search(str(error)):
        return Holder(found["file"], int(found["pid"]) if found["pid"] else None, found["program"] or "")
    return Holder() if _LOCKED_ON_WINDOWS in str(error) else None


def asking(
    call: Callable[[], Answer],
    *,
    doing: str,
    where: str,
    next_step: str = "Run with --debug to see the statement.",
) -> Answer:
    """Ask DuckDB for something, and tell its errors as ours.

    The new error has no link to DuckDB's own, not even a hidden one: that may quote a person's data.

    Args:
        call: What to do.
        doing: The same in words: ``run a SELECT``.
        where: The database, for people.
        next_step: What to do about an error that has no advice of its own.

    Raises:
        WarehouseError: DuckDB refused.
        KeyboardInterrupt: The user pressed Ctrl-C while DuckDB was at work.
    """
    failure: BaseException
    try:
        return call()
    except duckdb.InterruptException:
        failure = KeyboardInterrupt()
    except duckdb.Error as error:
        failure = _told(error, f"{where}: could not {doing}", next_step)
    except RuntimeError as error:  # what DuckDB's package raises for a signal: it has no class for that
        if _INTERRUPTED not in str(error):
            raise
        failure = KeyboardInterrupt()
    raise failure


def _told(error: duckdb.Error, what: str, next_step: str) -> WarehouseError:
    if _BUSY_HERE.search(str(error)):
        return WarehouseBusyError(
            f"{what}: this very Python process has it open in another mode. Close that connection, then run "
            "again."
        )
    if _MISSING.match(str(error)):
        return RelationMissingError(f"{what}: {_words(error)} Build it with dbt, with the same target.")
    return WarehouseError(f"{what}: {_words(error)} {_advice(error) or next_step}")


def _advice(error: duckdb.Error) -> str | None:
    return next((advice for words, advice in _ADVICE.items() if words in str(error)), None)


def _words(error: duckdb.Error) -> str:
    kind = type(error).__name__
    line = str(error).partition("\n")[0].strip()
    speaks_of_names = isinstance(error, _SPEAKS_OF_NAMES) and not isinstance(error, duckdb.HTTPException)
    if not speaks_of_names and not _advice(error):
        return f"{kind}, whose text is left out because it may quote data."
    if isinstance(error, duckdb.IOException) and _MAY_HOLD_A_SECRET.search(line):
        return f"{kind}, whose text is left out because it may quote a secret."
    return f"{_QUOTED_VALUE.sub('…', line).rstrip('.!')}."
