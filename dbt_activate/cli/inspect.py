"""``list``, ``validate`` and ``debug``: look at the project, change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dbt_activate.cli.command import Session, command
from dbt_activate.cli.options import list_output, selection_options

if TYPE_CHECKING:
    from dbt_activate.reporting.listing import Listing


@command(
    selection_options,
    list_output("text", "json", "name"),
    click.option("--explain", is_flag=True, help="Show every setting, its value and where it comes from."),
    click.option(
        "--destinations", is_flag=True, help="List the installed types of destination; needs no project."
    ),
    name="list",
)
def list_(session: Session, output: str, explain: bool, destinations: bool) -> None:
    """List the activations. Needs neither warehouse nor credentials.

    dbt's short name, ls, works, too.
    """
    if destinations:
        _list_destinations(session, output)
        return
    if explain and output == "name":
        raise click.UsageError("--explain shows settings, so --output is text or json.")
    look = session.project.explain if explain else session.project.activations
    listing: Listing[Any] = look(*session.select, **session.narrowing)
    if output == "name":
        for activation in listing:
            session.console.say(activation.key)
    elif listing or output == "json":
        session.console.show(listing, output, "")


def _list_destinations(session: Session, output: str) -> None:
    from dbt_activate.reporting.destination_listing import list_destinations

    listing = list_destinations()
    if output == "name":
        for one in listing:
            session.console.say(one.type_name)
    else:
        session.console.show(listing, output, "No destination is installed.")


@command()
def validate(session: Session) -> None:
    """Report all that is wrong with the project's files, at once.

    Needs neither warehouse, profile nor credentials, so that it can run in CI.
    """
    from dbt_activate.errors import ConfigError
    from dbt_activate.reporting.events import note

    validation = session.project.validate()
    for problem in validation.notes:
        session.console.emit(note(problem))
    if not validation.success:
        raise ConfigError(validation.problems)
    plural = "" if validation.activations == 1 else "s"
    session.console.say(f"All is well: {validation.activations} activation{plural}.")


@command(
    click.option(
        "--notifications",
        is_flag=True,
        help="Instead, send a test message to every channel of notifications.yml.",
    ),
)
def debug(session: Session, notifications: bool) -> bool:
    """Check versions, project, connection and credentials.

    Every destination in use is asked whether it takes them. Changes nothing.
    """
    words = {True: ("OK", "green"), False: ("ERROR", "red"), None: ("", None)}
    checks = session.project.check(notifications=notifications)
    for check in checks:
        word, color = words[check.passed]
        status = f" [{click.style(word, fg=color)}]" if word else ""
        session.console.say(f"{check.name}{status}")
        for line in check.lines:
            session.console.say(f"  {line}")
    session.console.say("All checks passed." if checks.success else "Some checks failed; see above.")
    return checks.success
