"""``verify`` and ``prune``: look into the tools, and tidy up there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dbt_activate.cli.command import Session, command
from dbt_activate.cli.confirmation import is_confirmed
from dbt_activate.cli.options import list_output, selection_options

if TYPE_CHECKING:
    from dbt_activate.operations.prune import Orphans


@command(
    selection_options,
    click.option("--repair", is_flag=True, help="Mend what differs, and compare again."),
    list_output(),
)
def verify(session: Session, repair: bool, output: str) -> bool:
    """Compare audiences in their tools with what is known of them.

    Where a tool tells its members, they are compared one by one; else their number, where it tells that.
    --repair sends who is missing again. Members that dbt-activate did not put in are taken out only where
    on_existing: replace says that the audience is its own.
    """
    verification = session.project.verify(*session.select, **session.narrowing, repair=repair)
    session.console.show(verification, output, "No activations.")
    return verification.success


@command(
    click.option("--delete", is_flag=True, help="Delete audiences that dbt-activate made, in the tool."),
    click.option("--forget", is_flag=True, help="Change nothing in the tool; only forget them."),
    click.option("--dry-run", is_flag=True, help="Only list them."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)
def prune(session: Session, delete: bool, forget: bool, dry_run: bool, yes: bool) -> bool:
    """Let go of audiences whose activation is gone.

    Lists those of activations that are no longer in the project, asks, takes out the members that
    dbt-activate put in, and forgets them; who else is in them stays. An activation that is only switched off
    (enabled: false) keeps its audience.
    """
    if delete and forget:
        raise click.UsageError("--delete and --forget exclude each other.")
    orphans = session.project.orphans()
    session.console.show(orphans, "text", "Every audience has its activation.")
    if not orphans or dry_run:
        return True
    if not (yes or _agrees(orphans, delete=delete, forget=forget)):
        session.console.say("Nothing was done.")
        return True
    done = session.project.prune(*(one.key for one in orphans), delete=delete, forget=forget)
    for one in done:
        session.console.say(f"{one.key}: {one.outcome or one.error}")
    return done.success


def _agrees(orphans: Orphans, *, delete: bool, forget: bool) -> bool:
    if delete:
        what = "These audiences will be deleted in their tools, if dbt-activate made them"
    elif forget:
        what = "These will be forgotten. Their members stay in the tool, where no later sync removes them"
    else:
        members = sum(one.members for one in orphans)
        what = (
            f"{members:,} members that dbt-activate put in will be taken out of these, one delivery at a time"
        )
    return is_confirmed(f"{what}. ")
