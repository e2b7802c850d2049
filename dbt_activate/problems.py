"""Problems in the words of the person who reads them: near matches, places, and what pydantic found."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydantic import ValidationError

_MESSAGES = {
    "missing": ("is required.", ""),
    "string_type": ("must be text.", "Put it in quotes."),
    "tuple_type": ("must be a list.", "Write [a, b]."),
    "list_type": ("must be a list.", "Write [a, b]."),
    "dict_type": ("must be a mapping of keys to values.", ""),
    "model_type": ("must be a mapping of keys to values.", ""),
}


def near_match(word: str, choices: Iterable[str]) -> str:
    """Say which choice was meant, if one is near; else which there are."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(known)}." if known else ""


def place(path: Path, root: Path, line: int | None = None) -> str:
    """Name a file for people: relative to the project where it lies inside, with its line if known."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown}:{line}" if line else str(shown)


class Finding(NamedTuple):
    """One thing that pydantic found, without the value.

    Attributes:
        location: The path of the setting.
        kind: pydantic's type of error.
        message: What is wrong, in words.
        hint: What to do, or an empty text.
    """

    location: tuple[str | int, ...]
    kind: str
    message: str
    hint: str


def describe(error: ValidationError, model: type[BaseModel]) -> list[Finding]:
    """Put what pydantic found into words.

    Args:
        error: What a validation of `model` raised.
        model: Where a misspelt key is looked up.
    """
    return [
        Finding(found["loc"], found["type"], *_in_words(found["type"], found["msg"], found["loc"], model))
        for found in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def dotted(path: Sequence[str | int]) -> str:
    """Write a path of keys and list positions as ``mapping.email.0``."""
    return ".".join(str(part) for part in path)


def _in_words(
    kind: str, message: str, location: Sequence[str | int], model: type[BaseModel]
) -> tuple[str, str]:
    if kind == "extra_forbidden":
        return "is not a key that is known here.", near_match(
            str(location[-1]), _keys_at(model, location[:-1])
        )
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    # A validator may say in a second line what to do.
    text, _, hint = message.removeprefix("Value error, ").removeprefix("Input should be ").partition("\n")
    return (f"must be {text}." if message.startswith("Input should be ") else f"{text.rstrip('.')}."), hint


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        nested = _nested_model(field.annotation) if field else None
        if nested is None:
            return []
        model = nested
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
