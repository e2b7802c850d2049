"""Another process that has a database open, as dbt, a notebook or a shell would."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "True")
print("open", flush=True)
sys.stdin.readline()
connection.close()
"""


@contextlib.contextmanager
def holding(path: Path, *, read_only: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Have another process keep a database open, until it gets a line or the context is left."""
    command = [sys.executable, "-c", _HOLD, str(path), str(read_only)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


def let_go(process: subprocess.Popen[str]) -> None:
    """Tell the other process to close the database."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def can_write(path: Path) -> bool:
    """Tell whether another process could open the database now, to write."""
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).close()"
    return (
        subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=False).returncode
        == 0
    )
