"""A first ``destinations.yml``, made of what a destination says of its own settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import SecretStr

from dbt_activate.config.destinations_file import DESTINATIONS_FILE
from dbt_activate.dbt.project import PROJECT_FILE
from dbt_activate.destinations import load_destination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.destination import Destination

_COMMON = frozenset({"type", "targets", "defaults"})


@dataclass(frozen=True, slots=True)
class Starter:
    """What a project begins with.

    Attributes:
        path: The file.
        is_new: Whether it was written now; one that is there already is never touched.
        steps: What to do next, in order.
    """

    path: Path
    is_new: bool
    steps: tuple[str, ...]


def write_starter(project: DbtProject, type_name: str) -> Starter:
    """Write ``destinations.yml`` with one entry, unless there is such a file.

    Raises:
        ConfigError: There is no such type of destination.
    """
    destination = load_destination(type_name)
    path = project.root / DESTINATIONS_FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(_lines(destination)) + "\n")
        is_new = True
    except FileExistsError:
        is_new = False
    return Starter(path, is_new, tuple(_steps(destination, is_new=is_new)))


def _required(destination: type[Destination]) -> dict[str, FieldInfo]:
    fields = destination.Settings.model_fields.items()
    return {name: about for name, about in fields if about.is_required() and name not in _COMMON}


def _variable(destination: type[Destination], key: str) -> str:
    return f"{destination.type_name}_{key}".upper()


def _lines(destination: type[Destination]) -> Iterator[str]:
    name = destination.type_name
    takes = ", ".join(filter(None, (*destination.identifier_types, destination.other_identifiers)))
    yield f"# The tools that this project activates into. env_var() and var() work as in {PROJECT_FILE}."
    yield f"{name}: # a name of your choice; activations refer to it"
    yield f"  type: {name}"
    yield "  targets: [prod] # the dbt targets that may push; every other target only plans"
    for key, about in _required(destination).items():
        is_secret = SecretStr in (about.annotation, *get_args(about.annotation))
        comment = " # a secret: never in clear" if is_secret else ""
        yield f"  {key}: \"{{{{ env_var('{_variable(destination, key)}') }}}}\"{comment}"
    if "base_url" in destination.Settings.model_fields:
        yield "  # base_url: http://127.0.0.1:8737 # to try it out with `dbt-activate sandbox`"
    yield "  # defaults: # default settings of all activations into it"
    yield f"  #   mapping: {{{_first_kind(destination)}: your_column}} # it takes: {takes}"


def _steps(destination: type[Destination], *, is_new: bool) -> Iterator[str]:
    if is_new:
        variables = ", ".join(_variable(destination, key) for key in _required(destination))
        yield f"Set the environment variables {variables} (a .env file will do; keep it out of git)."
    kind = _first_kind(destination)
    yield (
        "Say in a model's YAML which audience it feeds:\n"
        "     config:\n"
        "       meta:\n"
        "         activation:\n"
        f"           destination: {destination.type_name}\n"
        f"           mapping: {{{kind}: your_column}}"
    )
    yield "Build it: dbt build"
    yield "Check the connection and the credentials: dbt-activate debug"
    yield "See who would be sent: dbt-activate plan"
    yield "Send them: dbt-activate sync --target prod"


def _first_kind(destination: type[Destination]) -> str:
    return next(iter(destination.identifier_types), "your_field")
