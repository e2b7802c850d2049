"""Parse a dbt project with dbt's schema checks on, and print every warning: one JSON object a line.

dbt checks the shape of YAML files against its JSON Schemas for a few warehouses only, and DuckDB is
none of them: what is silent there can be a deprecation on Snowflake. So we count DuckDB among them.
Run as ``python deprecations.py PROJECT_DIR TARGET_PATH``. Before dbt-core 1.10, which has no such checks,
it prints what dbt says anyhow. Exits with 1 where dbt failed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["DBT_ENV_PRIVATE_RUN_JSONSCHEMA_VALIDATIONS"] = "1"  # dbt-core 1.10 asks for it

from dbt.cli.main import dbtRunner


def count_duckdb_in() -> bool:
    """Let dbt check projects on DuckDB as it does those on Snowflake; return whether it has such checks."""
    try:
        from dbt.jsonschemas import jsonschemas
    except ImportError:
        return False
    jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("duckdb")
    return True


def warnings_of(project_dir: str, target_path: str, *, has_checks: bool) -> list[dict[str, str]]:
    """Return the name and the message of every warning and error that parsing gives."""
    found: list[dict[str, str]] = []

    def listen(event: Any) -> None:
        if event.info.level in ("warn", "error"):
            found.append({"name": event.info.name, "message": event.info.msg})

    parse = ["parse", "--no-partial-parse", "--quiet", *(["--show-all-deprecations"] if has_checks else [])]
    places = ["--project-dir", project_dir, "--profiles-dir", project_dir, "--target-path", target_path]
    result = dbtRunner(callbacks=[listen]).invoke([*parse, *places, "--log-path", target_path])
    if not result.success:
        sys.exit(f"dbt could not parse {project_dir}: {result.exception}")
    return found


if __name__ == "__main__":
    for warning in warnings_of(*sys.argv[1:], has_checks=count_duckdb_in()):
        sys.stdout.write(f"{json.dumps(warning)}\n")
