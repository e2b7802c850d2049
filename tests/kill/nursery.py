"""Starts syncs quickly: a process that has imported everything forks one for each line that it reads.

Reads commands from standard input: ``sync`` starts one and prints its process id; ``wait`` waits for the
last one and prints how it ended. Each sync is a real process, which can be killed.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

# What a sync needs, imported once; none of it starts a thread by being imported.
import polars  # noqa: F401
import requests  # noqa: F401

import dbt_activate.alerts.desk
import dbt_activate.destinations.criteo
import dbt_activate.operations.invocation
import dbt_activate.warehouses.duckdb  # noqa: F401
from dbt_activate import Project


def sync() -> int:
    """Run one sync; return what ``dbt-activate sync`` would exit with."""
    return 0 if Project(".").sync(allow_mass_removal=True, allow_empty=True).success else 1


def fork() -> int:
    """Start a sync in a child, and return its process id."""
    if child := os.fork():
        return child
    code = 99
    try:
        code = sync()
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def main() -> None:
    """Do what the lines say, until there are no more."""
    child = 0
    for line in sys.stdin:
        if line.strip() == "sync":
            child = fork()
            print(child, flush=True)
        else:
            _, status = os.waitpid(child, 0)
            print(-status if status == signal.SIGKILL else os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
