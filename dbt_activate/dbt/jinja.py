"""Jinja in ``profiles.yml``, ``dbt_project.yml`` and ``destinations.yml``, rendered as dbt renders it.

A template that is one expression gives that expression's value as it is; anything else gives text. A
number is never made of digits unless a filter asks for it: the password ``00123`` stays text.

No message repeats a value: it may be a secret.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import TemplateError, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.nativetypes import NativeCodeGenerator, NativeTemplate
from jinja2.sandbox import SandboxedEnvironment

if TYPE_CHECKING:
    from dbt_activate.yaml_file import KeyPath


class RenderError(Exception):
    """A value cannot be rendered.

    Attributes:
        path: Where it stands.
        message: What is wrong, without the value.
        hint: What to do.
    """

    def __init__(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.path = path
        self.message = message
        self.hint = hint
        super().__init__(message)


class MissingEnvVarError(RenderError):
    """A value needs an environment variable that is not set, or the target where none is known."""


class Renderer:
    """Renders the values of one file.

    Args:
        variables: What ``var()`` finds.
        environment: What ``env_var()`` finds.
        names: Further names that templates may use, such as ``target``.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        environment: Mapping[str, str] = os.environ,
        **names: Any,
    ) -> None:
        self._variables = variables
        self._environment = environment
        self._names: dict[str, Any] = {
            "env_var": self._env_var,
            "var": self._var,
            "fromjson": _fromjson,
            "fromyaml": _fromyaml,
            **names,
        }

    def render(self, value: Any, path: KeyPath = ()) -> Any:
        """Render a value and, if it is a mapping or a list, everything inside it.

        Raises:
            MissingEnvVarError: It needs an environment variable that is not set.
            RenderError: It cannot be rendered for another reason.
        """
        if isinstance(value, Mapping):
            return {key: self.render(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.render(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, date):
            return value.isoformat()
        return self._render_text(value, path) if isinstance(value, str) else value

    def render_each(
        self, values: Mapping[str, Any], path: KeyPath = ()
    ) -> tuple[dict[str, Any], list[RenderError]]:
        """Render each value of a mapping; return those that can be, and the errors of the others."""
        rendered, errors = {}, []
        for key, value in values.items():
            try:
                rendered[key] = self.render(value, (*path, str(key)))
            except RenderError as error:
                errors.append(error)
        return rendered, errors

    def _render_text(self, text: str, path: KeyPath) -> Any:
        try:
            return _ENVIRONMENT.from_string(text).render(self._names)
        except _Missing as missing:
            raise _missing_error(missing, path) from None
        except TemplateSyntaxError:
            if "password" in path:  # dbt's own rule: a password may look like broken Jinja
                return text
            raise RenderError(
                path, "is not valid Jinja.", "Wrap text that is no Jinja in {% raw %}…{% endraw %}."
            ) from None
        except (UndefinedError, _UnknownNameError) as error:
            raise RenderError(path, f"uses a name that is not known here: {error}.") from None
        except _UnfitError as error:
            raise RenderError(path, f"has to be {error}, as its filter says.") from None
        # Filters raise anything, and their messages repeat the value.
        except Exception as error:
            raise RenderError(path, f"cannot be rendered ({type(error).__name__}).") from None

    def _env_var(self, name: str, default: Any = None) -> Any:
        value = self._environment.get(name, default)
        if value is None:
            raise _MissingEnvVar(name)
        return value

    def _var(self, name: str, *default: Any) -> Any:
        if name not in self._variables:
            if default:
                return default[0]
            raise _MissingVar(name)
        value = self._variables[name]
        return str(_ENVIRONMENT.from_string(value).render(self._names)) if isinstance(value, str) else value


class _Missing(Exception):  # noqa: N818  (never leaves this module)
    pass


class _MissingEnvVar(_Missing):
    pass


class _MissingVar(_Missing):
    pass


class _MissingTarget(_Missing):
    pass


class UnknownTarget:
    """Stands for ``target`` where there is no profile to name one."""

    @property
    def name(self) -> str:
        """Nothing: whoever asks is told that there is none."""
        raise _MissingTarget


class _UnknownNameError(TemplateError):
    pass


class _UnfitError(TemplateError):
    pass


class _Text(str):
    """Is to stay text."""

    __slots__ = ()


class _Native(str):
    """Is to be read as a Python literal, if it is one."""

    __slots__ = ()
    wanted = ""

    def accepts(self, value: Any) -> bool:
        del value
        return True


class _Bool(_Native):
    __slots__ = ()
    wanted = "True or False"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class _Number(_Native):
    __slots__ = ()
    wanted = "a number"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)


def _missing_error(missing: _Missing, path: KeyPath) -> RenderError:
    if isinstance(missing, _MissingTarget):
        hint = "Use --target, or set DBT_TARGET."
        return MissingEnvVarError(path, "needs the target, and no profile is there to name it.", hint)
    name = missing.args[0]
    if isinstance(missing, _MissingEnvVar):
        hint = f"Set it, or give a default: env_var('{name}', '…')."
        return MissingEnvVarError(path, f"the environment variable {name} is not set.", hint)
    hint = f"Pass it with --vars, or give a default: var('{name}', '…')."
    return RenderError(path, f"the variable {name} is not set.", hint)


def _concat(parts: Iterable[Any]) -> Any:
    values = iter(parts)
    head = list(zip(range(2), values, strict=False))
    nodes = [value for _, value in head]
    if not nodes:
        return ""
    if len(nodes) == 1:
        return _lone(nodes[0])
    return "".join(str(_known(value)) for value in chain(nodes, values))


def _lone(value: Any) -> Any:
    if isinstance(value, _Text):
        return str(value)
    return _literal(value) if isinstance(value, _Native) else _known(value)


def _known(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise _UnknownNameError(f"'{value._undefined_name}' is undefined")
    return value


def _literal(marked: _Native) -> Any:
    try:
        value = ast.literal_eval(marked)
    except (ValueError, SyntaxError, MemoryError):
        value = str(marked)
    if not marked.accepts(value):
        raise _UnfitError(marked.wanted)
    return value


def _fromjson(text: str, default: Any = None) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return default


def _fromyaml(text: str, default: Any = None) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return default


class _Environment(SandboxedEnvironment):
    code_generator_class = NativeCodeGenerator
    concat = staticmethod(_concat)


class _Template(NativeTemplate):
    environment_class = _Environment  # type: ignore[assignment]  # as dbt does: sandboxed, not stock native


_Environment.template_class = _Template
_ENVIRONMENT = _Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
_ENVIRONMENT.filters.update(
    as_text=_Text,
    as_native=_Native,
    as_bool=_Bool,
    as_number=_Number,
    is_list=lambda value: isinstance(value, list),
)
