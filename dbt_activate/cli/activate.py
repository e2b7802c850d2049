"""``plan`` and ``sync``."""

from __future__ import annotations

from typing import Any

import click

from dbt_activate.cli.command import Session, command
from dbt_activate.cli.options import artifact_options, selection_options, threads_option, together

_planning_options = together(
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
)


@command(
    selection_options,
    _planning_options,
    click.option(
        "--output",
        type=click.Choice(["text", "json", "markdown"]),
        default="text",
        help="How the plan is written. Of json and markdown, only the document is on stdout.",
    ),
    threads_option,
    artifact_options,
)
def plan(session: Session, output: str, **flags: Any) -> bool:
    """Show what sync would do, and send nothing.

    Who would enter each audience, who would leave it, and whether a guard would stop it. No destination is
    asked, and the database stays as it is. With --state also which settings changed since that manifest.
    """
    plans = session.project.plan(*session.select, **session.narrowing, **flags)
    if output != "text":
        click.echo(plans.json() if output == "json" else plans.markdown())
    return plans.success


@command(
    selection_options,
    _planning_options,
    click.option("--dry-run", is_flag=True, help="Only plan: send nothing, write nothing to the warehouse."),
    click.option(
        "--fail-fast/--no-fail-fast",
        "-x",
        default=False,
        envvar=["DBT_ENGINE_FAIL_FAST", "DBT_FAIL_FAST"],
        help="Begin no further activation after one failed.",
    ),
    threads_option,
    artifact_options,
)
def sync(session: Session, **flags: Any) -> bool:
    """Bring audiences in step with their models.

    Sends who entered the model since the last sync, and takes out who left; nobody else is touched. From a
    target that a destination does not list under targets, it only plans.
    """
    return session.project.sync(*session.select, **session.narrowing, **flags).success
