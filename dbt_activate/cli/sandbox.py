"""``sandbox``: a local server that behaves as the marketing tools do."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8737, show_default=True, help="0 for any free one."
)
@click.option(
    "--rate-limit",
    type=click.IntRange(min=0),
    default=250,
    show_default=True,
    help="Requests a minute for each client; 0 for no limit.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds that each answer takes.",
)
def sandbox(host: str, port: int, rate_limit: int, latency: float) -> None:
    """Run a local server that behaves as the marketing tools do.

    To try things out without an account, and to test a project in CI. It keeps what it is sent in memory,
    and shows it at its address.
    """
    from dbt_activate.sandbox import CriteoSettings, Sandbox

    settings = CriteoSettings(rate_limit=rate_limit or None)
    (client_id, client), *_ = settings.clients.items()
    server = Sandbox(host, port, latency_seconds=latency, criteo=settings)

    def announce(url: str) -> None:
        click.echo(f"The sandbox listens on {url} (Ctrl-C ends it). In destinations.yml:\n")
        click.echo(f"  base_url: {url}")
        click.echo(f"  client_id: {client_id}")
        click.echo(f"  client_secret: {client.secret.get_secret_value()}")
        click.echo(f'  advertiser_id: "{client.advertisers[0]}"\n')
        click.echo(f"What it holds: {url}/ and {url}/_sandbox/audiences")

    server.serve(announce)
