"""``init``: a first ``destinations.yml``."""

from __future__ import annotations

import click

from dbt_activate.cli.command import Session, command


@command(
    click.option(
        "--destination", default="criteo", show_default=True, help="The type of the first destination."
    ),
)
def init(session: Session, destination: str) -> None:
    """Write a first destinations.yml, and say what comes next.

    It lies beside dbt_project.yml. One that is there already stays as it is.
    """
    starter = session.project.init(destination)
    done = (
        f"Wrote {starter.path}."
        if starter.is_new
        else f"{starter.path} is there already, and stays as it is."
    )
    session.console.say(f"{done}\n\nNext:")
    for number, step in enumerate(starter.steps, start=1):
        session.console.say(f"{number}. {step}")
