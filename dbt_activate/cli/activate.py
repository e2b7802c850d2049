"""``plan`` and ``sync``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dbt_activate.cli.options import (
    Command,
    Session,
    artifact_options,
    output_options,
    project_options,
    selection_options,
    threads_option,
    with_session,
)

Function = TypeVar("Function", bound=Callable[..., Any])


def _planning_options(function: Function) -> Function:
    for option in reversed(
        [
            click.option(
                "--full-refresh",
                "-f",
                is_flag=True,
                envvar=["DBT_ENGINE_FULL_REFRESH", "DBT_FULL_REFRESH"],
                help="Send every member again; who left is removed as always, and nobody else is touched.",
            ),
            click.option(
                "--all",
                "everything",
                is_flag=True,
                help="Also read what dbt has not built since the last sync.",
            ),
            click.option(
                "--require-results",
                is_flag=True,
                help="Refuse to go on without dbt's run_results.json.",
            ),
            click.option(
                "--ignore-schedule/--due",
                default=False,
                help="Also take what is not due, or synced by hand; by default only what is due.",
            ),
            click.option(
                "--allow-empty", is_flag=True, help="Let a segment be empty, this once: everybody is removed."
            ),
            click.option(
                "--allow-mass-removal",
                is_flag=True,
                help="Let more be removed than guards.max_removed says, this once.",
            ),
        ]
    ):
        function = option(function)
    return function


@click.command(cls=Command)
@selection_options
@_planning_options
@click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="How the plan is written. Of json and markdown, only the document is on stdout.",
)
@threads_option
@artifact_options
@project_options
@output_options
@with_session
def plan(session: Session, output: str, **flags: Any) -> None:
    """Show what sync would do, and send nothing.

    Who would enter each audience, who would leave it, and whether a guard would stop it. No destination is
    asked, and the database stays as it is. With --state also which settings changed since that manifest.
    """
    plans = session.project.plan(*session.select, **session.narrowing, **flags)
    if output != "text":
        click.echo(plans.json() if output == "json" else plans.markdown())
    _exit(plans.success)


@click.command(cls=Command)
@selection_options
@_planning_options
@click.option("--dry-run", is_flag=True, help="Only plan: send nothing, write nothing to the warehouse.")
@click.option(
    "--fail-fast/--no-fail-fast",
    "-x",
    default=False,
    envvar=["DBT_ENGINE_FAIL_FAST", "DBT_FAIL_FAST"],
    help="Begin no further activation after one failed.",
)
@threads_option
@artifact_options
@project_options
@output_options
@with_session
def sync(session: Session, **flags: Any) -> None:
    """Bring audiences in step with their models.

    Sends who entered the model since the last sync, and takes out who left; nobody else is touched. From a
    target that a destination does not list under targets, it only plans.
    """
    result = session.project.sync(*session.select, **session.narrowing, **flags)
    _exit(result.success)


def _exit(success: bool) -> None:
    click.get_current_context().exit(0 if success else 1)
