"""The flags that commands share: dbt's, with dbt's names, meaning and environment variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


def together(*options: Decorator) -> Decorator:
    """Make one of several decorators; the first stands first in the help."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _environment(name: str) -> list[str]:
    return [f"DBT_ENGINE_{name}", f"DBT_{name}"]


def _dbt(flag: str, variable: str, text: str, *short: str, metavar: str) -> Decorator:
    return click.option(flag, *short, envvar=_environment(variable), metavar=metavar, help=text)


def _flag(variable: str, text: str, *declarations: str) -> Decorator:
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


project_options = together(
    _dbt("--project-dir", "PROJECT_DIR", "Folder of dbt_project.yml.", metavar="DIRECTORY"),
    _dbt("--profiles-dir", "PROFILES_DIR", "Folder of profiles.yml.", metavar="DIRECTORY"),
    _dbt("--profile", "PROFILE", "Profile to use.", metavar="NAME"),
    _dbt("--target", "TARGET", "Target to use.", "-t", metavar="NAME"),
    _dbt("--target-path", "TARGET_PATH", "Folder of dbt's artifacts.", metavar="DIRECTORY"),
    click.option("--vars", callback=_checked_vars, metavar="YAML", help="Variables, as YAML or JSON."),
)
"""Which project, profile and target is meant."""

artifact_options = together(
    click.option("--artifacts", metavar="URL|DIRECTORY", help="Where dbt's artifacts are read, if not here."),
    click.option(
        "--dbt-cloud-run-id",
        type=click.IntRange(min=1),
        metavar="ID",
        help="Run of dbt Cloud whose artifacts are read; see DBT_CLOUD_API_TOKEN.",
    ),
)
"""Where dbt's artifacts come from."""

selection_options = together(
    click.option(
        "--select",
        "-s",
        multiple=True,
        metavar="MODELS...",
        help="Models whose activations are meant, in dbt's syntax, destination:… or activation:….",
    ),
    click.option("--exclude", multiple=True, metavar="MODELS...", help="Models to leave out."),
    click.option("--selector", metavar="NAME", help="A selector of selectors.yml."),
    _dbt("--state", "STATE", "Folder of another manifest, for state: in a selection.", metavar="DIRECTORY"),
)
"""dbt's selection."""

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Activations under way at once; by default the target's threads.",
)

output_options = together(
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
)
"""What is written, and how."""


def list_output(*formats: str) -> Decorator:
    """Give a command ``--output``, for what it prints on request."""
    return click.option(
        "--output",
        type=click.Choice(formats or ("text", "json")),
        default="text",
        help="How the list is written. Of json, only the JSON is on stdout.",
    )
