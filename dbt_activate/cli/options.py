"""The flags that commands share: dbt's, with dbt's names, meaning and environment variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dbt_activate.cli.console import Console

if TYPE_CHECKING:
    from dbt_activate.project import Project

Function = TypeVar("Function", bound=Callable[..., Any])

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
        """Repeat a flag before each of its values, since click's flags take one each."""
        spread: list[str] = []
        flag: str | None = None
        for position, word in enumerate(args):
            if word.startswith("-"):
                flag = word if word in _MANY else None
            elif flag and args[position - 1] != flag:
                spread.append(flag)
            spread.append(word)
        return super().parse_args(ctx, spread)


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


def project_options(function: Function) -> Function:
    """Give a command the flags that say which project, profile and target is meant."""
    for option in reversed(
        [
            _dbt("--project-dir", "PROJECT_DIR", "Folder of dbt_project.yml.", metavar="DIRECTORY"),
            _dbt("--profiles-dir", "PROFILES_DIR", "Folder of profiles.yml.", metavar="DIRECTORY"),
            _dbt("--profile", "PROFILE", "Profile to use.", metavar="NAME"),
            _dbt("--target", "TARGET", "Target to use.", "-t", metavar="NAME"),
            _dbt("--target-path", "TARGET_PATH", "Folder of dbt's artifacts.", metavar="DIRECTORY"),
            click.option(
                "--vars", callback=_checked_vars, metavar="YAML", help="Variables, as YAML or JSON."
            ),
        ]
    ):
        function = option(function)
    return function


def artifact_options(function: Function) -> Function:
    """Give a command the flags that say where dbt's artifacts come from."""
    for option in reversed(
        [
            click.option(
                "--artifacts", metavar="URL|DIRECTORY", help="Where dbt's artifacts are read, if not here."
            ),
            click.option(
                "--dbt-cloud-run-id",
                type=click.IntRange(min=1),
                metavar="ID",
                help="Run of dbt Cloud whose artifacts are read; see DBT_CLOUD_API_TOKEN.",
            ),
        ]
    ):
        function = option(function)
    return function


def selection_options(function: Function) -> Function:
    """Give a command dbt's selection."""
    for option in reversed(
        [
            click.option(
                "--select",
                "-s",
                multiple=True,
                metavar="MODELS...",
                help="Models whose activations are meant, in dbt's syntax, destination:… or activation:….",
            ),
            click.option("--exclude", multiple=True, metavar="MODELS...", help="Models to leave out."),
            click.option("--selector", metavar="NAME", help="A selector of selectors.yml."),
            _dbt(
                "--state",
                "STATE",
                "Folder of another manifest, for state: in a selection.",
                metavar="DIRECTORY",
            ),
        ]
    ):
        function = option(function)
    return function


threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Activations under way at once; by default the target's threads.",
)


def output_options(function: Function) -> Function:
    """Give a command the flags that say what is written, and how."""
    for option in reversed(
        [
            click.option(
                "--log-format",
                type=click.Choice(["text", "json", "debug", "default"]),
                envvar=_environment("LOG_FORMAT"),
                metavar="[text|json]",
                help="How what happens is written: lines for people, or one JSON object each.",
            ),
            _flag("QUIET", "Write only errors, and what was asked for.", "-q", "--quiet/--no-quiet"),
            _flag("DEBUG", "Write more, also tracebacks.", "-d", "--debug/--no-debug"),
            _flag("USE_COLORS", "Colors; by default on a terminal.", "--use-colors/--no-use-colors"),
        ]
    ):
        function = option(function)
    return function


def list_output(*formats: str) -> Callable[[Function], Function]:
    """Give a command ``--output``, for what it prints on request."""
    return click.option(
        "--output",
        type=click.Choice(formats or ("text", "json")),
        default="text",
        help="How the list is written. Of json, only the JSON is on stdout.",
    )


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command with a `Session` in place of the flags that commands share."""

    @wraps(function)
    @click.pass_context
    def wrapped(ctx: click.Context, /, **flags: Any) -> Any:
        from dbt_activate.project import Project

        console = open_console(ctx, flags, logs_to_stderr=flags.get("output", "text") != "text")
        place = {name: flags.pop(name) for name in _PLACE if name in flags}
        path = place.pop("project_dir", None)
        select = flags.pop("select", ())
        narrowing = {name: flags.pop(name) for name in _SELECTION if name in flags}
        with console:
            project = Project(path, emit=console.emit, invocation_id=console.invocation_id, **place)
            return function(Session(project, console, select, narrowing), **flags)

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


def _environment(name: str) -> list[str]:
    return [f"DBT_ENGINE_{name}", f"DBT_{name}"]


def _dbt(flag: str, variable: str, text: str, *short: str, metavar: str) -> Callable[[Function], Function]:
    return click.option(flag, *short, envvar=_environment(variable), metavar=metavar, help=text)


def _flag(variable: str, text: str, *declarations: str) -> Callable[[Function], Function]:
    return click.option(*declarations, default=None, envvar=_environment(variable), help=text)


def _checked_vars(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from dbt_activate.dbt.project import parse_cli_vars
    from dbt_activate.errors import ConfigError

    try:
        parse_cli_vars(value)
    except ConfigError as error:
        problem = error.problems[0]
        raise click.BadParameter(f"{problem.message} {problem.hint}".strip(), ctx, parameter) from None
    return value
