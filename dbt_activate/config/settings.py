"""What a project may set about dbt-activate itself: dbt's variables in the scope ``dbt_activate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dbt_activate.dbt.project import PROJECT_FILE, VARS_FILE
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.problems import describe, dotted

if TYPE_CHECKING:
    from dbt_activate.dbt.project import DbtProject

SCOPE = "dbt_activate"


class ExposureOwner(BaseModel):
    """Whom dbt names as the owner of exposures; it asks for one of the two.

    Attributes:
        name: A person or a team.
        email: An address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str | None = Field(default=None, min_length=1)
    email: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.name is None and self.email is None:
            raise ValueError("needs a name or an email")
        return self


class ExposureSettings(BaseModel):
    """``exposures:``, for ``dbt-activate exposures``.

    Attributes:
        owner: Their owner; by default the project, by its name.
        urls: For entries of ``destinations.yml``, where people find the tool.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    owner: ExposureOwner | None = None
    urls: dict[str, str] = Field(default_factory=dict)


class Settings(BaseModel):
    """``vars: {dbt_activate: …}`` of ``dbt_project.yml``.

    Attributes:
        state_schema: The schema of the state tables; written ``schema``. By default the target's, with
            ``_activate`` behind it.
        history_days: For how many days the log of changes is kept.
        lock_timeout_seconds: How long to wait for a database file that another process holds.
        exposures: The ``owner`` of the exposures that are written, as ``name`` and ``email``, and ``urls``:
            for destinations, where people find the tool.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    state_schema: str | None = Field(default=None, alias="schema", min_length=1)
    history_days: int = Field(default=90, ge=1)
    lock_timeout_seconds: float = Field(default=60.0, ge=0)
    exposures: ExposureSettings | None = None


def read_settings(project: DbtProject) -> Settings:
    """Read the settings of a project.

    Raises:
        ConfigError: A key is misspelt, or a value is not what it should be; all of it is said.
    """
    given = project.vars.get(SCOPE)
    try:
        return Settings.model_validate({} if given is None else given)
    except ValidationError as error:
        raise ConfigError(
            [
                Problem(
                    _file(project), "", dotted(("vars", SCOPE, *found.location)), found.message, found.hint
                )
                for found in describe(error, Settings)
            ]
        ) from None


def _file(project: DbtProject) -> str:
    if isinstance(project.cli_vars.get(SCOPE), Mapping):
        return "--vars"
    return VARS_FILE if (project.root / VARS_FILE).is_file() else PROJECT_FILE
