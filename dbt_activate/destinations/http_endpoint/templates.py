"""What a person wrote to be sent: values, or structures of values, whose texts are Jinja.

A text that is one expression gives that expression's value as it is, so that ``{{ identifiers }}`` is a list
in JSON; any other text gives text. In a path each value is percent-encoded. Templates are sandboxed.

No message repeats a value that a template is filled with: it may be an identifier or a secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateAssertionError,
    TemplateSyntaxError,
    Undefined,
    meta,
    nodes,
)
from jinja2.nativetypes import NativeCodeGenerator, NativeTemplate
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dbt_activate.errors import RefusedError

if TYPE_CHECKING:
    from dbt_activate.yaml_file import KeyPath

Rendered = TypeVar("Rendered")


@dataclass(frozen=True, slots=True)
class Uses:
    """What one text needs to be filled in.

    Attributes:
        names: The names that have to be there.
        fields: What of ``audience`` is used.
    """

    names: frozenset[str]
    fields: frozenset[str]


class LeadsElsewhereError(RefusedError):
    """A value would turn a path into another one, such as ``/lists/7/members/..`` into ``/lists/7``."""


class WrittenWrongError(ValueError):
    """A text is no template. The message says why, without what it is filled with."""


def texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text in a value, keys of mappings too, and where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, str(key)), str(key)
            yield from texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))


@lru_cache
def uses(text: str) -> Uses:
    """Read what a text needs.

    Raises:
        WrittenWrongError: It is no template.
    """
    try:
        tree = _VALUES.parse(text)
        _VALUES.compile(tree)  # looks filters and tests up
    except TemplateAssertionError as error:
        raise WrittenWrongError(f"is not valid Jinja: {error.message}") from None
    except TemplateSyntaxError:
        raise WrittenWrongError(
            "is not valid Jinja. Wrap text that is no Jinja in {% raw %}…{% endraw %}."
        ) from None
    tree = _VALUES.parse(text)  # compiling has changed it
    return Uses(frozenset(meta.find_undeclared_variables(tree)), frozenset(_fields(tree)))


def render(value: Any, names: Mapping[str, Any], place: str) -> Any:
    """Fill in every text of a value.

    Args:
        value: A text, or mappings and lists that hold texts.
        names: What the names in it stand for.
        place: Where the value stands, for messages.

    Raises:
        RefusedError: It cannot be filled in.
    """
    if isinstance(value, str):
        return _attempt(lambda: _compiled(value).render(names), place)
    if isinstance(value, Mapping):
        return {
            str(render(key, names, place)): render(inner, names, f"{place}.{key}")
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [render(inner, names, f"{place}.{index}") for index, inner in enumerate(value)]
    return value


def render_path(text: str, names: Mapping[str, Any], place: str) -> str:
    """Fill in a path; every value is percent-encoded, so that no value is ever two segments.

    Raises:
        LeadsElsewhereError: A segment is ``.`` or ``..``.
        RefusedError: It cannot be filled in.
    """
    path = str(_attempt(lambda: _compiled_path(text).render(names), place))
    if not {".", ".."}.isdisjoint(path.partition("?")[0].split("/")):
        raise LeadsElsewhereError(
            f"{place} in destinations.yml is filled in with a value that leads to another path. "
            "Nothing is sent."
        )
    return path


def as_bytes(value: Any, place: str) -> bytes:
    """Write a body that is filled in: text as it is, everything else as JSON.

    Raises:
        RefusedError: It holds what has no form in JSON, such as what a filter gives until it is made a list.
    """
    if isinstance(value, str):
        return _attempt(value.encode, place)
    return _attempt(lambda: _json(value).encode(), place)


def as_text(value: Any, place: str) -> str:
    """Write a value of a query that is filled in.

    Raises:
        RefusedError: It is more than one value.
    """
    if not isinstance(value, str | int | float):
        raise RefusedError(
            f"{place} in destinations.yml is filled in with more than one value. Make it text, as with "
            "{{ … | join(',') }}."
        )
    return str(value).lower() if isinstance(value, bool) else str(value)


def _attempt(work: Callable[[], Rendered], place: str) -> Rendered:
    try:
        return work()
    # Filters raise anything, and their messages repeat the value.
    except Exception as error:
        kind = type(error).__name__
    # Outside of the except clause: the failure behind it leads to the values.
    raise RefusedError(f"{place} in destinations.yml cannot be filled in ({kind}). Correct the template.")


def _json(value: Any) -> str:
    # In UTF-8 rather than escaped: the size of a delivery is reckoned so.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _fields(tree: nodes.Template) -> Iterator[str]:
    accesses = [(access.node, access.attr) for access in tree.find_all(nodes.Getattr)]
    accesses += [
        (access.node, str(access.arg.value))
        for access in tree.find_all(nodes.Getitem)
        if isinstance(access.arg, nodes.Const)
    ]
    for node, key in accesses:
        if isinstance(node, nodes.Name) and node.name == "audience":
            yield key


def _concat(parts: Iterable[Any]) -> Any:
    values = [_known(value) for value in parts]
    if len(values) != 1:
        return "".join(str(value) for value in values if value is not None)
    return list(values[0]) if isinstance(values[0], Iterator) else values[0]


def _known(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises: it is strict
    return value


class _CodeGenerator(NativeCodeGenerator):
    def _output_const_repr(self, group: Iterable[Any]) -> str:
        """Keep what kind of value a lone constant is, as of any other expression."""
        values = list(group)
        return repr(values[0] if len(values) == 1 else "".join(map(str, values)))


class _Native(ImmutableSandboxedEnvironment):
    code_generator_class = _CodeGenerator
    concat = staticmethod(_concat)


class _NativeTemplate(NativeTemplate):
    environment_class = _Native  # type: ignore[assignment]  # sandboxed, not stock native


def _as_objects(values: Iterable[Any], key: str, **more: Any) -> list[dict[str, Any]]:
    return [{key: value, **more} for value in values]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _segment(value: Any) -> str:
    return quote(str(value), safe="")


_Native.template_class = _NativeTemplate
_VALUES = _Native(undefined=StrictUndefined)
_PATHS = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_segment)
for _environment in (_VALUES, _PATHS):
    _environment.filters.update(as_objects=_as_objects, md5=_md5)


@lru_cache
def _compiled(text: str) -> Template:
    return _VALUES.from_string(text)


@lru_cache
def _compiled_path(text: str) -> Template:
    return _PATHS.from_string(text)
