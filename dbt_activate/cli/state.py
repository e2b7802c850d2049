"""``status``, ``history``, ``rejections`` and ``reset``: what the state tables know, and letting go of it."""

from __future__ import annotations

import click

from dbt_activate.cli.command import Session, command
from dbt_activate.cli.confirmation import is_confirmed
from dbt_activate.cli.options import list_output, selection_options


@command(selection_options, list_output())
def status(session: Session, output: str) -> None:
    """Show how the audiences stand, and who is at work on them.

    Open changes are those whose outcome is not known, say after a crash: the next sync sends them again.
    """
    listing = session.project.status(*session.select, **session.narrowing)
    session.console.show(listing, output, "No activations.")


@command(
    selection_options,
    click.option(
        "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most runs to list."
    ),
    list_output(),
)
def history(session: Session, limit: int, output: str) -> None:
    """List past runs, newest first."""
    listing = session.project.history(*session.select, **session.narrowing, limit=limit)
    session.console.show(listing, output, "No runs yet.")


@command(
    selection_options,
    click.option("--reveal", is_flag=True, help="Print identifiers as they are, to stdout only."),
    list_output(),
)
def rejections(session: Session, reveal: bool, output: str) -> None:
    """List the members that a destination does not take, and why."""
    listing = session.project.rejections(*session.select, **session.narrowing, reveal=reveal)
    session.console.show(listing, output, "Nobody stands rejected by name.")
    if output == "text":
        for key, count in listing.unnamed.items():
            session.console.say(
                f"{key}: {count:,} more were not taken in the last run; the destination does not say who."
            )


@command(
    selection_options,
    click.option("--clear", is_flag=True, help="First take everybody out of the remote audience."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)
def reset(session: Session, clear: bool, yes: bool) -> None:
    """Forget what is known of the selected audiences.

    Their members stay in the tool, and no later sync removes them, unless --clear empties the audiences
    first. --clear takes everybody out, also whom dbt-activate did not put in. Past runs stay in the history.
    """
    if not (session.select or any(session.narrowing.values())):
        raise click.UsageError("Say whose audience is to be forgotten, with --select.")
    names = [one.key for one in session.project.activations(*session.select, **session.narrowing)]
    if not names or not (yes or _agrees(names, clear=clear)):
        session.console.say("Nothing was forgotten.")
        return
    forgotten = session.project.reset(*session.select, **session.narrowing, clear=clear)
    for key in forgotten:
        session.console.say(f"{key} is forgotten. {_NEXT[clear]}")
    for key in sorted({*names} - {*forgotten}):
        session.console.say(f"{key} was not known: it has never been synced from this target.")


_NEXT = {
    False: "Its members stay in the tool. To the next sync that audience is a stranger's: see on_existing.",
    True: "Its audience is empty, and still there. To fill it again, set on_existing: adopt.",
}


def _agrees(names: list[str], *, clear: bool) -> bool:
    what = (
        "Everybody will be taken out of these audiences, also whom dbt-activate did not put in, and what is "
        "known of them will be forgotten"
        if clear
        else "What is known of these audiences will be forgotten. Their members stay in the tool, where no "
        "later sync removes them"
    )
    return is_confirmed(f"{what}:\n  {', '.join(names)}\n")
