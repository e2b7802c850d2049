"""Ask a person before something that cannot be undone."""

from __future__ import annotations

import click


def is_confirmed(consequences: str) -> bool:
    """Say what will happen, and return whether that is wanted.

    Raises:
        click.UsageError: Nobody is there to answer.
    """
    try:
        return click.confirm(f"{consequences}Go on?", err=True)
    except click.Abort:
        click.echo(err=True)  # the question ended without a line break
        raise click.UsageError("Nobody answered. Use --yes where nobody can be asked.") from None
