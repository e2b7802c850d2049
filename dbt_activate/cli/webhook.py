"""``webhook``: a receiver of dbt Cloud's webhooks."""

from __future__ import annotations

from typing import Any

import click

from dbt_activate.cli.command import Session, command
from dbt_activate.cli.options import selection_options, threads_option


@command(
    click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen."),
    click.option(
        "--port", type=click.IntRange(0, 65535), default=8738, show_default=True, help="0 for any free one."
    ),
    click.option(
        "--job",
        "jobs",
        type=click.IntRange(min=1),
        multiple=True,
        required=True,
        metavar="ID",
        help="Job of dbt Cloud whose runs are synced; may be repeated.",
    ),
    click.option(
        "--also-failed",
        is_flag=True,
        help="Also sync after a run that failed; gates hold what did not go well.",
    ),
    selection_options,
    click.option("--require-results", is_flag=True, help="Refuse to sync without dbt's run_results.json."),
    threads_option,
)
def webhook(session: Session, **flags: Any) -> None:
    """Sync after each run of a job, as dbt Cloud's webhook says.

    Takes deliveries at /, and tells at /health that it is there. Each run is synced once, however often it is
    delivered; the warehouse knows which, so that a restart loses none. The webhook's secret is read from
    DBT_CLOUD_WEBHOOK_SECRET.
    """
    session.project.webhook(*session.select, **session.narrowing, **flags).serve()
