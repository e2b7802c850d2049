"""How the answers of an endpoint are read: which were a success, and who was not taken.

Places in an answer are JMESPath expressions (https://jmespath.org), such as ``errors[*].id``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from dbt_activate.http.answer import Answer

INSTALL_JMESPATH = "needs the package jmespath. Install it with: pip install 'dbt-activate[http]'"


def _expression(text: str) -> str:
    try:
        from jmespath import compile as parse
        from jmespath.exceptions import JMESPathError
    except ModuleNotFoundError:
        raise ValueError(INSTALL_JMESPATH) from None
    try:
        parse(text)
    except JMESPathError as error:
        character = getattr(error, "lex_position", None)
        where = f" (at character {character + 1})" if isinstance(character, int) and character >= 0 else ""
        raise ValueError(f"is no JMESPath expression{where}; see https://jmespath.org") from None
    return text


Path = Annotated[str, AfterValidator(_expression)]
Status = Annotated[int, Field(ge=200, le=599)]


def look_up(path: str | None, body: Any) -> Any:
    """Return what is at a place in an answer; None where there is nothing, or another kind of thing."""
    if path is None:
        return None
    from jmespath import search

    try:
        return search(path, body)
    except Exception:  # such as the length of what is not there, or a slice in steps of 0
        return None


def counted(found: Any) -> int | None:
    """Return what was found as a number of people; None if it is none."""
    digits = str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)
    return int(digits) if re.fullmatch("[0-9]{1,18}", digits) else None


def listed(found: Any) -> list[Any]:
    """Return what was found as a list: nothing is an empty one."""
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


class Written(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Condition(Written):
    """Which answers are meant. A list is short for `statuses`, and a text for `when`.

    Attributes:
        statuses: HTTP statuses; none for any.
        when: A JMESPath expression that is true for the answer's body: not null, false or empty.
    """

    statuses: tuple[Status, ...] = ()
    when: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"statuses": value}
        return {"when": value} if isinstance(value, str) else value

    def holds(self, answer: Answer, *, by_default: bool = True) -> bool:
        """Tell whether an answer is meant.

        Args:
            answer: The answer.
            by_default: Whether its status is, where none are listed.
        """
        is_status = answer.status in self.statuses if self.statuses else by_default
        return is_status and (self.when is None or _is_true(look_up(self.when, answer.body)))


class Rejected(Condition):
    """How an answer says who was not taken.

    Attributes:
        path: Where the list of those who were not taken is; sent per delivery only.
        identifier: Where, in one of them, the identifier is; without it, each of them is one.
        code: Where, in one of them, the reason's code is. Per member: in the answer.
        reason: Where, in one of them, the reason is in words. Per member: in the answer.
        count: Where the number of those who were not taken is, where the answer only counts them.
    """

    path: Path | None = None
    identifier: Path | None = None
    code: Path | None = None
    reason: Path | None = None
    count: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"statuses": value}
        return {"path": value} if isinstance(value, str) else value

    @property
    def marks_answers(self) -> bool:
        """Whether some answers as a whole say that members were not taken."""
        return bool(self.statuses or self.when)


def _is_true(found: Any) -> bool:
    # JMESPath's own idea of truth: 0 is a value like any other.
    return found is not None and found is not False and found not in ("", [], {})
