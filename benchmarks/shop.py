"""A dbt project of one segment of any size, built by dbt, and a sandbox to activate it in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

BIN = Path(sys.executable).parent
COMMAND = [str(BIN / "dbt-activate")]
TYPE = "email:sha256"
SNAPSHOT = "main_activate.snapshot_criteo__people"

_PROJECT = {
    "name": "bench",
    "version": "1.0",
    "profile": "bench",
    "models": {"bench": {"+materialized": "table"}},
    "flags": {"send_anonymous_usage_stats": False},
}
_MODEL = """select 'customer-' || lpad(i::varchar, 9, '0') || '@shop.example' as email, 'not mapped' as note
from range({{ var('first') }}, {{ var('first') + var('rows') }}) t(i)"""
_ACTIVATION = {"destination": "criteo", "mapping": {"email": "email"}, "guards": {"max_removed": 1.0}}


@dataclass(frozen=True)
class Shop:
    """A project that dbt has built.

    Attributes:
        folder: Where it is; commands are run there.
    """

    folder: Path

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / "bench.duckdb"

    def build(self, rows: int, first: int = 0) -> None:
        """Let dbt build the segment: `rows` people, counted from `first`."""
        variables = f"{{rows: {rows}, first: {first}}}"
        subprocess.run(
            [BIN / "dbt", "--quiet", "build", "--vars", variables],
            cwd=self.folder,
            check=True,
            env={**os.environ, "DBT_PROFILES_DIR": str(self.folder)},
        )

    def point_to(self, url: str) -> None:
        """Let the destination be a sandbox."""
        entry = {
            "type": "criteo",
            "targets": ["dev"],
            "client_id": "sandbox",
            "client_secret": "{{ env_var('BENCH_SECRET', 'sandbox-secret') }}",
            "advertiser_id": "73550",
            "base_url": url,
            "requests_per_minute": None,
        }
        (self.folder / "destinations.yml").write_text(yaml.safe_dump({"criteo": entry}))


def make_shop(folder: Path, rows: int) -> Shop:
    """Write a project, and let dbt build it."""
    shop = Shop(folder)
    output = {"type": "duckdb", "path": str(shop.database), "threads": 4}
    model = {"name": "people", "config": {"meta": {"activation": _ACTIVATION}}}
    files = {
        "dbt_project.yml": yaml.safe_dump(_PROJECT),
        "profiles.yml": yaml.safe_dump({"bench": {"target": "dev", "outputs": {"dev": output}}}),
        "models/people.sql": _MODEL,
        "models/people.yml": yaml.safe_dump({"version": 2, "models": [model]}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shop.point_to("http://127.0.0.1:9")
    shop.build(rows)
    return shop


@contextmanager
def sandbox(latency_seconds: float = 0.0) -> Iterator[str]:
    """Run a sandbox without a rate limit in a process of its own, and give its address."""
    code = (
        "import sys; from dbt_activate.sandbox import Sandbox; "
        f"Sandbox(latency_seconds={latency_seconds}, rate_limits=False)"
        ".serve(lambda url: print(url, flush=True))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
