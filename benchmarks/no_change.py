"""A whole sync of a million members with nothing to change, against a bare full outer join."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, verdict
from benchmarks.measure import run as run_once
from benchmarks.shop import COMMAND, SNAPSHOT, make_shop, sandbox

ROWS = 1_000_000
RUNS = 9

FULL_JOIN = f"""
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print(connection.sql('''
    select count(*) from (select email from main.people) m
    full outer join (select identifier from {SNAPSHOT}) s on m.email = s.identifier
    where m.email is null or s.identifier is null''').fetchall())
connection.close()
"""


def run() -> bool:
    """Compare wall times, and look at the peak of memory."""
    with tempfile.TemporaryDirectory() as folder, sandbox() as url:
        shop = make_shop(Path(folder), ROWS)
        shop.point_to(url)
        sync = [*COMMAND, "sync", "--all"]  # dbt has built nothing since, and it would not look
        first = run_once(sync, cwd=shop.folder)
        print(f"  first sync   {first.seconds:.3f} s for {ROWS:,} additions, peak {first.megabytes:.0f} MB")
        baseline = [sys.executable, "-c", FULL_JOIN, str(shop.database)]
        result = compare(sync, baseline, runs=RUNS, cwd=shop.folder)
        print("\n".join(result.lines()))
        return all(
            [
                verdict("sync / full outer join, wall", result.ratio, 3.0),
                verdict("peak of sync, MB", result.peak, 700),
            ]
        )
