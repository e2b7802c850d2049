"""``sandbox``: a local server that behaves as the marketing tools do."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8737, show_default=True, help="0 for any free one."
)
@click.option(
    "--rate-limit/--no-rate-limit",
    default=True,
    show_default=True,
    help="Whether to refuse more requests a minute than each vendor documents.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds that each answer takes.",
)
def sandbox(host: str, port: int, rate_limit: bool, latency: float) -> None:
    """Run a local server that behaves as the marketing tools do.

    To try things out without an account, and to test a project in CI. It keeps what it is sent in memory,
    and shows it at its address.
    """
    from dbt_activate.sandbox import Sandbox

    server = Sandbox(host=host, port=port, latency_seconds=latency, rate_limits=rate_limit)

    def announce(url: str) -> None:
        click.echo(f"The sandbox listens on {url} (Ctrl-C ends it). Entries for destinations.yml:\n")
        for name in server.vendors:
            click.echo(f"{name}:")
            click.echo("  targets: [dev]")
            for key, value in server.entry(name).items():
                click.echo(f"  {key}: {json.dumps(value)}")
            click.echo()
        click.echo(f"What it holds: {url}/ and {url}/_sandbox/audiences")

    server.serve(announce)
