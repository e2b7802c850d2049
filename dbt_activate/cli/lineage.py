"""``exposures``: show dbt what its models are used for."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dbt_activate.cli.command import Session, command

_STDOUT = "-"


@command(
    click.option(
        "--output-file",
        metavar="FILE",
        help="Where to write them; - is stdout. "
        "By default exposures/dbt_activate.yml in the folder of models.",
    ),
    click.option(
        "--check", is_flag=True, help="Write nothing, and exit with 1 if the file is not up to date."
    ),
)
def exposures(session: Session, output_file: str | None, check: bool) -> bool:
    """Write dbt exposures, one for each activation.

    With them, dbt's lineage and docs show where models go. Keep the file under version control. One that is
    up to date is not written again. Needs neither warehouse nor credentials.
    """
    if check and output_file == _STDOUT:
        raise click.UsageError("--check compares with a file, and - is none.")
    found = session.project.exposures()
    if output_file == _STDOUT:
        click.echo(found.text, nl=False)
        return True
    for note in found.notes:
        session.console.say(note)
    path = Path(output_file) if output_file else found.path
    shown = os.path.relpath(path)
    if check and not found.is_written(path):
        session.console.error("NotUpToDate", f"{shown} is not up to date. Run `dbt-activate exposures`.")
        return False
    is_new = not check and found.write(path)
    plural = "" if len(found.items) == 1 else "s"
    what = f"written, with {len(found.items)} exposure{plural}" if is_new else "up to date"
    session.console.say(f"{shown} is {what}.")
    return True
