"""Parse a dbt project with dbt's schema checks on, and print every warning: one JSON object a line.

dbt checks the shape of YAML files against its JSON Schemas for a few warehouses only, and DuckDB is
none of them: what is silent there can be a deprecation on Snowflake. So we count DuckDB among them.
Runs beside any dbt-core 1.10 or later: ``python deprecations.py PROJECT_DIR TARGET_PATH``. Exits with 1
where dbt failed, and with 2 where this dbt has no such checks.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["DBT_ENV_PRIVATE_RUN_JSONSCHEMA_VALIDATIONS"] = "1"  # dbt-core 1.10 asks for it

from dbt.cli.main import dbtRunner


def count_duckdb_in() -> None:
    """Let dbt check projects on DuckDB as it does those on Snowflake."""
    try:
        from dbt.jsonschemas import jsonschemas
    except ImportError:
        sys.exit(2)
    jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("duckdb")


def warnings_of(project_dir: str, target_path: str) -> list[dict[str, str]]:
    """Return the name and the message of every warning and error that parsing gives."""
    found: list[dict[str, str]] = []

    def listen(event: Any) -> None:
        if event.info.level in ("warn", "error"):
            found.append({"name": event.info.name, "message": event.info.msg})

    parse = ["parse", "--no-partial-parse", "--show-all-deprecations", "--quiet"]
    places = ["--project-dir", project_dir, "--profiles-dir", project_dir, "--target-path", target_path]
    result = dbtRunner(callbacks=[listen]).invoke([*parse, *places, "--log-path", target_path])
    if not result.success:
        sys.exit(f"dbt could not parse {project_dir}: {result.exception}")
    return found


if __name__ == "__main__":
    count_duckdb_in()
    for warning in warnings_of(*sys.argv[1:]):
        sys.stdout.write(f"{json.dumps(warning)}\n")
