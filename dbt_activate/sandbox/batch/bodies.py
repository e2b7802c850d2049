"""The bodies of Batch's requests, as its reference describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dbt_activate.sandbox.batch.errors import BatchError
from dbt_activate.sandbox.call import Call

TYPES = {"custom_ids": "CUSTOM_ID", "emails": "EMAIL", "install_ids": "INSTALL_ID"}
"""How types are read back, by how they are written. Only ``custom_ids`` is documented."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class Body(BaseModel):
    """A body, or a part of one. Keys that are not known are passed over."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Creation(Body):
    """The body of a ``create``."""

    name: Name
    type: Literal["custom_ids", "emails", "install_ids"]
    display_name: str | None = None


class Naming(Body):
    """The body of a ``remove``."""

    name: str


class Id(Body):
    """One id of a ``replace``. 512 characters are what others have seen to be the most."""

    id: str = Field(min_length=1, max_length=512)
    attributes: dict[str, Any] | None = None


class Action(Id):
    """One id of an ``update``."""

    action: Literal["add", "remove"]

    @model_validator(mode="after")
    def _attributes_are_for_adding(self) -> Action:
        if self.action == "remove" and self.attributes is not None:
            raise ValueError("attributes go with add only")
        return self


class Update(Naming):
    """The body of an ``update``."""

    ids: list[Action] = Field(min_length=1)


class Replacement(Naming):
    """The body of a ``replace``."""

    ids: list[Id]


Described = TypeVar("Described", bound=Body)


def read_body(call: Call, kind: type[Described]) -> Described:
    """Read a request's body.

    Raises:
        BatchError: It is not JSON, or not what the reference describes.
    """
    if call.media_type != "application/json":
        raise BatchError(400, "The Content-Type must be application/json.")
    try:
        return kind.model_validate(call.json)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BatchError(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise BatchError(400, str(error)) from None
