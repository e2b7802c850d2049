"""What a large project costs: two thousand models, of which two hundred feed an audience."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import compare, verdict
from benchmarks.shop import BIN, COMMAND

RUNS = 9
BAR_SECONDS = 1.5
MODELS, COPIES = 10, 200
"""dbt builds the first; its manifest then holds so many copies of them. One of them feeds an audience."""

_BARE = "import json; json.loads(open('target/manifest.json', 'rb').read())"
_PROJECT = {
    "name": "bench",
    "version": "1.0",
    "profile": "bench",
    "models": {
        "bench": {"+materialized": "table", "+meta": {"activation_defaults": {"mapping": {"email": "email"}}}}
    },
    "flags": {"send_anonymous_usage_stats": False},
}
_DESTINATION = {
    "type": "criteo",
    "targets": ["dev"],
    "client_id": "{{ env_var('BENCH_ID', 'sandbox') }}",
    "client_secret": "{{ env_var('BENCH_SECRET', 'sandbox-secret') }}",
    "advertiser_id": "73550",
}


def run() -> bool:
    """Time ``list`` and ``validate`` as whole processes, and take away what reading the manifest costs."""
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: the peak memory of a child begins with its parent's.
        maker = get_context("spawn").Process(target=make_project, args=(Path(folder),))
        maker.start()
        maker.join()
        size = (Path(folder) / "target" / "manifest.json").stat().st_size / 1e6
        print(
            f"  a manifest of {size:.0f} MB; the baseline is a bare Python that reads and parses it as JSON"
        )
        commands = {
            "list": ["list"],
            "list, selected": ["list", "-s", "tag:segments,destination:criteo", "--exclude", "copy1_*"],
            "validate": ["validate"],
        }
        results = [_compare(name, words, Path(folder)) for name, words in commands.items()]
        return all(results)


def make_project(folder: Path) -> None:
    """Let dbt build a few models, and multiply what it wrote of them."""
    output = {"type": "duckdb", "path": str(folder / "bench.duckdb")}
    files = {
        "dbt_project.yml": yaml.safe_dump(_PROJECT),
        "profiles.yml": yaml.safe_dump({"bench": {"target": "dev", "outputs": {"dev": output}}}),
        "destinations.yml": yaml.safe_dump({"criteo": _DESTINATION}),
        "models/models.yml": yaml.safe_dump({"version": 2, "models": [_model(n) for n in range(MODELS)]}),
        **{f"models/copy0_model{n}.sql": _sql(n) for n in range(MODELS)},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run([BIN / "dbt", "--quiet", "build"], cwd=folder, check=True)
    path = folder / "target" / "manifest.json"
    path.write_text(json.dumps(_multiplied(json.loads(path.read_text()))))


def _model(number: int) -> Mapping[str, Any]:
    columns = [{"name": f"column_{n}", "description": f"What stands in column {n}"} for n in range(12)]
    email = {"name": "email", "data_tests": ["not_null", "unique"], "config": {"meta": {"pii": True}}}
    config = {"tags": ["segments"], "meta": {"activation": "criteo"}} if number == 0 else {}
    return {
        "name": f"copy0_model{number}",
        "description": "Customers who did what the name says, in the last 90 days. " * 3,
        "config": config,
        "columns": [email, *columns],
    }


def _sql(number: int) -> str:
    columns = ", ".join(f"{n} as column_{n}" for n in range(12))
    source = f"{{{{ ref('copy0_model{number - 1}') }}}}" if number else "(select 'a@shop.example' as email)"
    return f"select email, {columns}\nfrom {source}\nwhere email is not null\n"


def _multiplied(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    sections = {name: json.dumps(manifest[name]) for name in ("nodes", "parent_map", "child_map")}
    return {
        **manifest,
        **{
            name: {
                key: value
                for copy in range(COPIES)
                for key, value in json.loads(text.replace("copy0_", f"copy{copy}_")).items()
            }
            for name, text in sections.items()
        },
    }


def _compare(name: str, words: list[str], folder: Path) -> bool:
    result = compare([*COMMAND, *words], [sys.executable, "-c", _BARE], runs=RUNS, cwd=folder)
    print("\n".join(result.lines()))
    return verdict(f"{name}: seconds on top of reading the manifest", result.difference, BAR_SECONDS)
