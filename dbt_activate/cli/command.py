"""How a command is made: of its flags, and a function that takes a `Session`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from dbt_activate.cli.console import Console
from dbt_activate.cli.options import Decorator, Function, output_options, project_options, together

if TYPE_CHECKING:
    from dbt_activate.project import Project

_MANY = frozenset({"-s", "--select", "--exclude"})
"""Flags that take several values at once, as dbt's do: ``--select a b c``."""

_PLACE = (
    *("project_dir", "profiles_dir", "profile", "target", "vars", "target_path", "state", "threads"),
    *("artifacts", "dbt_cloud_run_id"),
)
_SELECTION = ("exclude", "selector")
_OUTPUT = ("debug", "quiet", "log_format", "use_colors")


class Command(click.Command):
    """A command whose selection flags take several values, separated by spaces."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the flags, and say where models or ``--select`` are missing."""
        for flag, value in pairwise(args):
            if flag in _MANY and value.startswith("-"):  # click would take the next flag for a model
                raise click.BadOptionUsage(flag, f"Option {flag!r} requires an argument.", ctx)
        ctx.allow_extra_args = any(parameter.name == "select" for parameter in self.params)
        extra = super().parse_args(ctx, _repeated(args))
        if extra and not ctx.resilient_parsing:
            words = " ".join(extra)
            ctx.fail(f"Got unexpected {words!r}. Did you mean --select {words}?")
        return extra


def _repeated(args: list[str]) -> list[str]:
    """Repeat a flag before each of its values, since click's flags take one each."""
    spread: list[str] = []
    flag: str | None = None
    for position, word in enumerate(args):
        if word.startswith("-"):
            flag = word if word in _MANY else None
        elif flag and args[position - 1] != flag:
            spread.append(flag)
        spread.append(word)
    return spread


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        project: The project that is meant.
        console: Where to write.
        select: The values of ``--select``.
        narrowing: ``exclude`` and ``selector``, as the methods of the project take them.
    """

    project: Project
    console: Console
    select: tuple[str, ...] = ()
    narrowing: Mapping[str, Any] = field(default_factory=dict)


def command(*options: Decorator, name: str | None = None) -> Callable[[Function], click.Command]:
    """Make a command of a function that takes a `Session`, and the values of its own flags.

    Where the function returns False, the exit code is 1.

    Args:
        options: Its own flags; those that say which project is meant, and what is written, come after them.
        name: What it is called; by default as the function is.
    """

    def decorate(function: Function) -> click.Command:
        options_of_all = together(*options, project_options, output_options)
        return click.command(name, cls=Command)(options_of_all(_with_session(function)))

    return decorate


def _with_session(function: Function) -> Function:
    """Call a command with a `Session` in place of the flags that commands share."""

    @wraps(function)
    @click.pass_context
    def wrapped(ctx: click.Context, /, **flags: Any) -> None:
        from dbt_activate.project import Project

        console = open_console(ctx, flags, logs_to_stderr=flags.get("output", "text") != "text")
        place = {name: flags.pop(name) for name in _PLACE if name in flags}
        path = place.pop("project_dir", None)
        select = flags.pop("select", ())
        narrowing = {name: flags.pop(name) for name in _SELECTION if name in flags}
        with console:
            project = Project(path, emit=console.emit, invocation_id=console.invocation_id, **place)
            is_well = function(Session(project, console, select, narrowing), **flags)
        if is_well is False:
            ctx.exit(1)

    return wrapped


def remember_output(ctx: click.Context, flags: Mapping[str, Any]) -> None:
    """Keep output flags that stand before the command: ``dbt-activate --debug sync``."""
    ctx.obj = {name: value for name, value in flags.items() if value is not None}


def open_console(ctx: click.Context, flags: dict[str, Any], *, logs_to_stderr: bool = False) -> Console:
    """Make the console of a command, taking its flags out of `flags`."""
    given = {name: value for name in _OUTPUT if (value := flags.pop(name, None)) is not None}
    console = Console(logs_to_stderr=logs_to_stderr, **{**(ctx.obj or {}), **given})
    ctx.find_root().meta[Console.KEY] = console
    return console
