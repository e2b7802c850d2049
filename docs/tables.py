"""What cog writes into the pages: tables of settings, commands and state, read from the program itself.

Every function returns Markdown. What the code does not say of itself stands here, beside the name that it is
about; a name that is missing or too many is an error when the pages are made.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import click
from click.testing import CliRunner
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dbt_activate import errors
from dbt_activate.artifacts import cloud_account
from dbt_activate.cli import app
from dbt_activate.cli.command import command
from dbt_activate.config.activation import Activation, ActivationSettings, Guards, OnExisting
from dbt_activate.config.channels import CHANNEL_TYPES, ChannelSettings
from dbt_activate.config.schedule import ScheduleSettings
from dbt_activate.config.settings import Settings as ProjectSettings
from dbt_activate.config.watches import USUAL_WATCHES, WarningSettings
from dbt_activate.dbt.gates import GateOptions, Scope
from dbt_activate.destination import Destination, DestinationSettings
from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.identifiers import Form
from dbt_activate.operations.standing import StandingRejection
from dbt_activate.sandbox.contents import Contents
from dbt_activate.state import alerts, audiences, changes, lease, runs, tables, webhook_runs
from dbt_activate.testing import DestinationConformance
from dbt_activate.webhook import receiver

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "example-destination"

_ACTIVATION_DEFAULTS = {
    "destination": "required",
    "name": "the model's name",
    "audience": "the model's name and description",
    "mapping": "required",
    "hash": "the destination's",
    "allow_plain": "none",
    "guards": "see below",
    "gates": "see below",
    "schedule": "due at every sync",
    "warnings": "[what went wrong](warnings.md)",
    "on_existing": None,
    "retry_rejected": None,
    "enabled": "`true`",
}
"""What holds where nothing is said; None where `Activation` itself has the default."""

_FIGURES = {
    "failed": "",
    "guard": "",
    "held": "",
    "unconfirmed": "",
    "empty": "",
    "rejected_share": "a share, 0 to 1",
    "rejected_count": "a number",
    "size_change": "a share, 0 to 10",
    "unchanged_days": "days",
    "overdue": "hours",
    "match_rate": "a share, 0 to 1",
}
"""What the figure of each warning is."""

_FACTS = (
    "delivery_size",
    "delivery_bytes",
    "concurrency",
    "one_at_a_time",
    "one_identifier",
    "shares_requests",
    "names_rejections",
    "confirms_later",
    "reads_members",
    "counts_members",
    "count_note",
    "has_descriptions",
    "changes_descriptions",
    "renames",
    "clears",
    "deletes",
)
"""What a destination declares of itself, in the order of its docstring."""

_ENTRY_DEFAULTS = {"concurrency": "the destination's", "delivery_size": "the destination's"}

_AUDIENCE_DEFAULTS = {"name": "the activation's name", "description": "the model's description"}

_PROJECT_DEFAULTS = {"schema": "the target's schema and `_activate`"}

_ON_EXISTING = {
    OnExisting.ERROR: "The run stops before anything is sent, and says what the choices are.",
    OnExisting.ADOPT: "Ours are added. Whoever else is in it stays, and is never touched.",
    OnExisting.REPLACE: "It is emptied once, before the first members are sent.",
}

_SCOPES = {
    Scope.MODEL: "those of the model",
    Scope.ANCESTORS: "also those of everything that it is made of",
    Scope.NONE: "no test holds it",
}

_FORMS = {
    Form.PLAIN: "As it stands, normalised.",
    Form.SHA256: "SHA-256 of the normalised value, as 64 small hexadecimal digits. "
    "A value that has this form already is sent as it is.",
}

_DBT_CLOUD = {
    "DBT_CLOUD_ACCOUNT_ID": "The number of the account. Required.",
    "DBT_CLOUD_API_TOKEN": "A service token or a personal access token. Required.",
    "DBT_CLOUD_HOST": f"The host of the account, which differs by region: `ab123.us1.dbt.com`. By default "
    f"`{cloud_account.USUAL_HOST}`.",
    "DBT_CLOUD_WAIT_SECONDS": "How long to wait for a run that has not ended; 0 refuses it. By default "
    f"{cloud_account.USUAL_WAIT_SECONDS:g}.",
    "DBT_CLOUD_WEBHOOK_SECRET": "The secret of the webhook. Required by `dbt-activate webhook`.",
}
"""The environment variables of dbt Cloud, in the order in which one needs them."""

_TABLES = {
    "audiences": "One row per activation: which remote audience is its own.",
    "runs": "One row per run of one activation.",
    "changes": "One row per member that a run set out to add or to remove. Written before the first request.",
    "deliveries": "One row per delivery of a run: what is known of its changes.",
    "receipts": "One row per answer to a delivery.",
    "rejections": "One row per member that the destination named as not taken.",
    "alerts": "One row per change of a warning: one when it begins to stand, one when it is over.",
    "leases": "One row per run that is at work.",
    "webhook_runs": "One row per run of dbt Cloud that `dbt-activate webhook` was told of. Rows stay: by "
    "them a run that is told of again is known.",
}
"""What a row of each state table is, in the order in which one needs them."""

_COLUMNS = {
    "audience_key": "The activation's key, such as `criteo.vip_customers`.",
    "run_id": "The run.",
    "delivery": "The delivery's number within the run, from 1.",
    "operation": "`add` or `remove`.",
    "identifier_type": "Such as `email:sha256`: the type, and the form in which it is sent.",
    "identifier": "The normalised value, before it is hashed.",
    "updated_at": "When this was written; UTC.",
    "deliveries.members": "How many members it has.",
    "deliveries.state": "`open` until its outcome is known and in the snapshot; then `settled`, or "
    "`superseded` where a later run took its members over.",
    "deliveries.opening": "Counts how often it was opened, so that nobody closes it unseen.",
    "receipts.opening": "The opening that the answer belongs to.",
    "leases.holder": "The machine and the process, for people.",
    "leases.process": "The same, so exactly that a process which is gone can be told from one that sleeps.",
    "leases.claimed_at": "When the run began; UTC.",
    "leases.heartbeat_at": "When it was last heard of; UTC.",
    "rejections.recorded_by": "Who wrote the row; used to fold new rows into old ones.",
}
"""Columns that no class describes."""


def destinations() -> str:
    """List the registered destinations."""
    kinds = [load_destination(name) for name in destination_types()]
    rows = (
        (
            f"[{kind.label}]({_page(kind)})",
            f"`{kind.type_name}`",
            _types_of(kind),
            "by name" if kind.names_rejections else "counted",
            "yes" if kind.reads_members else "counted" if kind.counts_members else "no",
        )
        for kind in kinds
    )
    return _table(("Destination", "`type:`", "Identifiers", "Not taken", "Read back"), rows)


def facts() -> str:
    """Say of each destination what it can do."""
    kinds = [load_destination(name) for name in destination_types()]
    about = described(Destination)
    rows = ((_markdown(about[name]), *(_fact(getattr(kind, name)) for kind in kinds)) for name in _FACTS)
    hashed = ("Which identifiers are sent as SHA-256.", *map(_hashed_of, kinds))
    return _table(("Fact", *(f"`{kind.type_name}`" for kind in kinds)), [*rows, hashed])


def entry_settings(type_name: str = "") -> str:
    """List the keys of an entry of ``destinations.yml``: those of all, or those of one type alone."""
    if not type_name:
        return _fields(DestinationSettings, _ENTRY_DEFAULTS)
    own = load_destination(type_name).Settings
    return _fields(own, left_out=DestinationSettings.model_fields)


def audience_settings(type_name: str) -> str:
    """List what ``audience:`` takes in one type of destination."""
    return _fields(load_destination(type_name).AudienceSettings, _AUDIENCE_DEFAULTS)


def activation_settings() -> str:
    """List the keys of an activation."""
    own = {field.name: field.default for field in dataclasses.fields(Activation)}
    given = {
        name: default if default is not None else _value(own[name])
        for name, default in _ACTIVATION_DEFAULTS.items()
    }
    _require_same(given, ActivationSettings.model_fields)
    return _fields(ActivationSettings, given)


def guards() -> str:
    """List the guards."""
    about = described(Guards)
    rows = (
        (f"`{field.name}`", _value(field.default), _markdown(about[field.name]))
        for field in dataclasses.fields(Guards)
    )
    return _table(("Key", "Default", "Meaning"), rows)


def gates() -> str:
    """List what can hold a segment."""
    about = described(GateOptions)
    scopes = "; ".join(f"`{scope}`: {_SCOPES[scope]}" for scope in Scope)
    rows = (
        (
            f"`{field.name}`",
            _value(field.default),
            f"{_markdown(about[field.name])} {scopes if field.name == 'tests' else ''}".rstrip(),
        )
        for field in dataclasses.fields(GateOptions)
    )
    return _table(("Key", "Default", "Meaning"), rows)


def on_existing() -> str:
    """List what can be done with an audience that is not ours."""
    return _table(("Value", "Meaning"), ((f"`{one}`", _ON_EXISTING[one]) for one in OnExisting))


def forms() -> str:
    """List the forms in which identifiers are sent."""
    return _table(("Value", "Sent"), ((f"`{one}`", _FORMS[one]) for one in Form))


def schedule_settings() -> str:
    """List what `schedule` takes as a mapping."""
    return _fields(ScheduleSettings, {"timezone": "`UTC`"})


def warnings() -> str:
    """List what can be warned of, by which figure, and what holds where nothing is said."""
    about, usual = described(WarningSettings), {watch.kind.value: watch for watch in USUAL_WATCHES}
    rows = (
        (
            f"`{name}`",
            _FIGURES[name],
            f"`{usual[name].level}`" if name in usual else "off",
            _markdown(about[name]),
        )
        for name in WarningSettings.model_fields
    )
    return _table(("Key", "Figure", "Where nothing is said", "What is warned of"), rows)


def channels() -> str:
    """List the kinds of channel."""
    rows = (
        (f"`{name}`", _sentence(_markdown((inspect.getdoc(kind) or "").partition("\n\n")[0])))
        for name, kind in CHANNEL_TYPES.items()
    )
    return _table(("`type:`", "What it is"), rows)


def channel_settings(type_name: str = "") -> str:
    """List the keys of an entry of ``notifications.yml``: those of all, or those of one type alone."""
    if not type_name:
        return _fields(ChannelSettings, {"destinations": "all", "targets": "all"})
    defaults = {"port": "by `security`"}
    return _fields(CHANNEL_TYPES[type_name], defaults, left_out=ChannelSettings.model_fields)


def project_settings() -> str:
    """List what stands under ``vars: dbt_activate:``."""
    return _fields(ProjectSettings, _PROJECT_DEFAULTS)


def identifiers() -> str:
    """List the types of identifier of all destinations, and what is done to a value."""
    kinds = [load_destination(name) for name in destination_types()]
    by_name = {name: kind for one in kinds for name, kind in one.identifier_types.items()}
    rows = (
        (
            f"`{name}`",
            _sentence(kind.description),
            "stripped, ASCII letters made small" if kind.folds_case else "stripped",
            "yes" if kind.hashable else "no",
            ", ".join(f"`{one.type_name}`" for one in kinds if name in one.identifier_types),
        )
        for name, kind in by_name.items()
    )
    return _table(("Type", "What it is", "Normalised", "May be hashed", "Taken by"), rows)


def vendors() -> str:
    """List the sandbox's vendors, where each answers, and what stands in an entry that leads there."""
    url = "http://127.0.0.1:8737"
    rows = (
        (vendor.label, f"`{url}/{name}`", _entry_keys(vendor.entry(f"{url}/{name}")))
        for name, vendor in Contents().vendors.items()
    )
    return _table(("Vendor", "Answers at", "In `destinations.yml`"), rows)


def knobs() -> str:
    """List what can be turned about each vendor."""
    return "\n\n".join(
        f"### {vendor.label}\n\n{_knobs(vendor.settings)}" for vendor in Contents().vendors.values()
    )


def commands() -> str:
    """List the commands, each with its first line of help."""
    return _table(
        ("Command", "What it does"),
        (
            (f"[`dbt-activate {name}`](#dbt-activate-{name})", _sentence(one.get_short_help_str(200)))
            for name, one in _commands()
        ),
    )


def shared_flags() -> str:
    """Show the flags that all commands share but the sandbox's."""
    return f"```text\n{_flags_of_all().rstrip()}\n```"


def help_pages() -> str:
    """Show ``--help`` of every command, without the flags that are shown once for all of them."""
    return "\n\n".join(f"### dbt-activate {name}\n\n{_help(name)}" for name, _ in _commands())


def environment() -> str:
    """List the flags that can be set by an environment variable."""
    flags: dict[str, list[str]] = {}
    for _, one in _commands():
        for option in one.params:
            if isinstance(option, click.Option) and option.envvar:
                names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar)
                flags.setdefault(_longest(option), names)
    rows = ((f"`{flag}`", " or ".join(f"`{name}`" for name in names)) for flag, names in flags.items())
    return _table(("Flag", "Environment variable"), rows)


def dbt_cloud_settings() -> str:
    """List the environment variables that lead to dbt Cloud."""
    read = (cloud_account.ACCOUNT_ID, cloud_account.API_TOKEN, cloud_account.HOST, cloud_account.WAIT_SECONDS)
    _require_same(_DBT_CLOUD, (*read, receiver.SECRET))
    rows = ((f"`{name}`", meaning) for name, meaning in _DBT_CLOUD.items())
    return _table(("Environment variable", "Meaning"), rows)


def error_tree() -> str:
    """Show the tree of errors."""
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    return f"```text\n{inspect.cleandoc(tree)}\n```"


def state_tables() -> str:
    """List the state tables with their columns."""
    _require_same(_TABLES, tables._COLUMNS)
    return "\n\n".join(f"#### {name}\n\n{_TABLES[name]}\n\n{_columns(name)}" for name in _TABLES)


def declared_facts() -> str:
    """List the facts that a destination declares, and what holds where it says nothing."""
    about = described(Destination)
    rows = (
        (
            f"`{name}`",
            _value(getattr(Destination, name)) if hasattr(Destination, name) else "required",
            _markdown(meaning),
        )
        for name, meaning in about.items()
        if name not in ("Settings", "AudienceSettings")
    )
    return _table(("Fact", "Default", "Meaning"), rows)


def promises() -> str:
    """List what the conformance suite holds a destination to."""
    groups = [one for one in DestinationConformance.__mro__ if one.__name__.endswith("Promises")]
    return "\n\n".join(f"**{inspect.getdoc(group)}**\n\n{_promises(group)}" for group in groups)


def example(file: str, *names: str) -> str:
    """Show a file of the example destination, or some of its classes, methods and assignments in order."""
    text = (EXAMPLE / file).read_text(encoding="utf-8")
    language = {".py": "python", ".toml": "toml"}[Path(file).suffix]
    shown = "\n\n".join(_part(text, name) for name in names) if names else text.rstrip()
    return f"```{language}\n{shown}\n```"


def tree() -> str:
    """List every module of the program with the first sentence of its docstring."""
    package = ROOT / "dbt_activate"
    folders = [package, *sorted(path for path in package.rglob("*") if (path / "__init__.py").is_file())]
    return "\n\n".join(_modules(folder) for folder in folders)


def described(cls: type) -> Mapping[str, str]:
    """Read what the docstrings of a class and its ancestors say under ``Attributes:``."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        text = inspect.cleandoc(one.__dict__.get("__doc__") or "")
        section = re.search(r"^Attributes:\n((?:(?: {4}.*)?\n?)*)", text, re.MULTILINE)
        for name, meaning in re.findall(
            r"^ {4}(\w+): ((?:.*\n?)(?: {8}.*\n?)*)", section[1] if section else "", re.M
        ):
            found[name] = " ".join(meaning.split())
    return found


def _promises(group: type) -> str:
    tests = (inspect.getdoc(test) for name, test in vars(group).items() if name.startswith("test_"))
    return "\n".join(f"- {' '.join((text or '').split())}" for text in tests)


def _part(text: str, name: str) -> str:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return inspect.cleandoc("\n" + "\n".join(lines[first - 1 : node.end_lineno]))
    raise ValueError(f"The example has no {name}.")


def _fields(
    model: type[BaseModel], defaults: Mapping[str, str] | None = None, left_out: Iterable[str] = ()
) -> str:
    about, left_out = described(model), set(left_out)
    rows = []
    for name, field in model.model_fields.items():
        if name not in left_out:
            key = field.alias or name
            default = (defaults or {}).get(key) or _default(field)
            rows.append((f"`{key}`", _type(field), default, _markdown(about[name])))
    return _table(("Key", "Type", "Default", "Meaning"), rows)


def _entry_keys(entry: Mapping[str, Any]) -> str:
    return ", ".join(f"`{key}: {value}`" for key, value in entry.items() if isinstance(value, str))


def _knobs(settings: BaseModel) -> str:
    about = described(type(settings))
    rows = ((f"`{name}`", _markdown(about[name])) for name in type(settings).model_fields)
    return _table(("Knob", "Meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _value(field.get_default(call_default_factory=True))


def _value(value: Any) -> str:
    if value is None or value == {} or value == "":
        return "none"
    if isinstance(value, Enum):
        value = value.value
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(field: FieldInfo) -> str:
    limits = {
        name: getattr(limit, name)
        for limit in field.metadata
        for name in ("ge", "gt", "le")
        if hasattr(limit, name)
    }
    words = {"ge": "at least", "gt": "above", "le": "at most"}
    bounds = " and ".join(f"{words[name]} {limit}" for name, limit in limits.items())
    return f"{_kind(field.annotation)}{', ' if bounds else ''}{bounds}"


_KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    SecretStr: "text, a secret",
    dict: "mapping",
    tuple: "list",
    type(None): "",
}


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return next(filter(None, map(_kind, get_args(annotation))))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{one.value}`" for one in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _KINDS[origin or annotation]


def _columns(table: str) -> str:
    known = {
        "audiences": described(audiences.AudienceRecord),
        "runs": described(runs.RunRecord),
        "receipts": described(changes.Outcome),
        "rejections": described(StandingRejection),
        "alerts": described(alerts.AlertRecord),
        "leases": described(lease.Claim),
        "webhook_runs": described(webhook_runs.WebhookRun),
    }.get(table, {})
    rows = []
    for column in tables._COLUMNS[table].split(","):
        name, kind = column.split()
        meaning = _COLUMNS.get(f"{table}.{name}") or known.get(name) or _COLUMNS[name]
        rows.append((f"`{name}`", kind, _markdown(meaning).replace("None", "null")))
    return _table(("Column", "Type", "Meaning"), rows)


def _modules(folder: Path) -> str:
    place = folder.relative_to(ROOT).as_posix()
    rows = [
        (f"`{file.name}`", _first_sentence(file))
        for file in sorted(folder.glob("*.py"))
        if file.name != "__init__.py"
    ]
    heading = f"### {place}/\n\n{_first_sentence(folder / '__init__.py')}"
    return f"{heading}\n\n{_table(('Module', 'What it holds'), rows)}" if rows else heading


def _first_sentence(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return _markdown(" ".join(docstring.partition("\n\n")[0].split()))


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(app)
    for name in app.list_commands(context):
        if one := app.get_command(context, name):
            yield name, one


def _require_same(said: Iterable[str], there: Iterable[str]) -> None:
    if missing := {*said} ^ {*there}:
        raise ValueError(f"docs/tables.py speaks of what is not there, or leaves it out: {sorted(missing)}")


def _flags_of_all() -> str:
    return _help_text(command()(lambda: None)).partition("Options:\n")[2]


def _help(name: str) -> str:
    shown = _help_text(app, name).removesuffix(_flags_of_all()).rstrip().removesuffix("Options:")
    return f"```text\n{shown.rstrip()}\n```"


def _help_text(called: click.Command, *arguments: str) -> str:
    settings = {**app.context_settings, "terminal_width": 80}
    return CliRunner().invoke(called, [*arguments, "--help"], prog_name="dbt-activate", **settings).output


def _longest(option: click.Option) -> str:
    return max(option.opts, key=len)


def _types_of(kind: type[Destination]) -> str:
    named = (f"`{name}`" for name in kind.identifier_types)
    return ", ".join(filter(None, (*named, kind.other_identifiers)))


def _page(kind: type[Destination]) -> str:
    page = f"docs/destinations/{kind.type_name}.md"
    if not (ROOT / page).is_file():
        raise ValueError(f"{page} is not there: every destination has a page.")
    return page


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _hashed_of(kind: type[Destination]) -> str:
    hashable = ", ".join(f"`{name}`" for name, one in kind.identifier_types.items() if one.hashable)
    when = "by default" if kind.default_form is Form.SHA256 else "if asked for"
    return f"{hashable} ({when})" if hashable else "none"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _markdown(text: str) -> str:
    """Turn the markup of docstrings into Markdown."""
    return text.replace("``", "`")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (heads, ("---",) * len(heads), *rows)
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
