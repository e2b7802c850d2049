"""Run as a process of its own: parse a dbt project once, then list many selections of it.

Standard input: JSON of [project folder, [[select, exclude], …]]. The folder then holds listed.json.
A process of its own, since dbt leaves its log files open.
"""

import json
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner

TYPES = [word for kind in ("model", "seed", "snapshot") for word in ("--resource-type", kind)]
OUTPUT = ["--no-write-json", "--output", "json", "--output-keys", "unique_id"]


def main() -> None:
    """Parse and list."""
    root, selections = json.load(sys.stdin)
    folders = ["--project-dir", root, "--profiles-dir", root]
    parsed = dbtRunner().invoke(["--quiet", "--log-level-file", "none", "parse", *folders])
    if not parsed.success:
        raise SystemExit(str(parsed.exception))
    runner = dbtRunner(manifest=parsed.result)
    listed = []
    for select, exclude in selections:
        chosen = (["--select", select] if select else []) + (["--exclude", exclude] if exclude else [])
        answer = runner.invoke(
            ["--quiet", "--log-level-file", "none", "ls", *folders, *TYPES, *chosen, *OUTPUT]
        )
        listed.append(sorted(json.loads(line)["unique_id"] for line in answer.result))
    Path(root, "listed.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    main()
