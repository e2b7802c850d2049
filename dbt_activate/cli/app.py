"""``dbt-activate``: its commands in the order in which one needs them, and its exit codes.

0: all went well, or there was nothing to do. 1: an activation failed, a guard tripped, or the project's files
are wrong. 2: the command line is wrong, a person interrupted, or something happened that nobody foresaw.
"""

from __future__ import annotations

import traceback
from dataclasses import asdict
from importlib import import_module
from typing import Any

import click

from dbt_activate.cli.command import remember_output
from dbt_activate.cli.console import Console
from dbt_activate.cli.options import output_options

_COMMANDS = {
    "init": "setup:init",
    "list": "inspect:list_",
    "validate": "inspect:validate",
    "debug": "inspect:debug",
    "plan": "activate:plan",
    "sync": "activate:sync",
    "status": "state:status",
    "history": "state:history",
    "rejections": "state:rejections",
    "verify": "upkeep:verify",
    "reset": "state:reset",
    "prune": "upkeep:prune",
    "exposures": "lineage:exposures",
    "webhook": "webhook:webhook",
    "sandbox": "sandbox:sandbox",
}
"""The commands in the order of the work, and where each is; imported when it is asked for."""


class App(click.Group):
    """The group of all commands. No error that we know of leaves it as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the work."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command; ``ls`` is dbt's other name for ``list``."""
        del ctx
        place = _COMMANDS.get("list" if cmd_name == "ls" else cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(f"dbt_activate.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or guess which was meant."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            from difflib import get_close_matches

            if near := get_close_matches(args[0], _COMMANDS, n=1):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn what goes wrong into a line and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            Console.current(ctx).error("Interrupted", "Interrupted. Run the command again to go on.")
            ctx.exit(2)
        except Exception as error:
            ctx.exit(_explain(error, Console.current(ctx)))


def _explain(error: Exception, console: Console) -> int:
    """Say what went wrong; return the exit code."""
    from dbt_activate.errors import ActivateError, ConfigError

    if isinstance(error, ActivateError):
        problems = error.problems if isinstance(error, ConfigError) else ()
        data = {"problems": [asdict(one) for one in problems]} if problems else {}
        console.error(type(error).__name__, str(error), data)
        return 1
    if console.debug:
        console.error("UnexpectedError", "".join(traceback.format_exception(error)).rstrip())
    else:
        console.error(
            "UnexpectedError", f"Unexpected {type(error).__name__}. Run with --debug for the traceback."
        )
    return 2


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"dbt-activate {version('dbt-activate')}")
        ctx.exit()


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version.",
)
@output_options
@click.pass_context
def app(ctx: click.Context, /, **flags: Any) -> None:
    """Turn dbt models into living audiences in marketing tools.

    A model says in its own YAML which audience it feeds. After `dbt build`, `dbt-activate sync` sends who
    entered the model since the last sync, and takes out who left.
    """
    remember_output(ctx, flags)
