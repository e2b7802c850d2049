"""A YAML file with the line of every key, so that a message can say where to look.

No message repeats a value of the file: it may be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from dbt_activate.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""The keys, and the positions in lists, that lead to a value; the file itself is the empty path."""

# libyaml's loader is about ten times faster, but not in every build of PyYAML.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNQUOTED = "Text that starts with {{ has to stand in quotes."


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a YAML file.

    Attributes:
        data: What `yaml.safe_load` gives.
        lines: The line of every key and list element, counted from 1.
        duplicates: The keys that stand twice in one mapping, with the line of the second. YAML forbids
            that; PyYAML takes the last.
    """

    data: Any
    lines: Mapping[KeyPath, int]
    duplicates: tuple[tuple[KeyPath, int], ...]

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a path, or of what it stands in where it is not in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(path: Path, label: str) -> YamlFile:
    """Read a file.

    Args:
        path: The file.
        label: What to call it in messages.

    Raises:
        ConfigError: It cannot be read, or is not YAML.
    """
    try:
        return parse_yaml(path.read_bytes(), label)
    except OSError as error:
        raise ConfigError([Problem(label, "", "", f"cannot be read: {error.strerror}.")]) from None


def parse_yaml(text: bytes | str, label: str) -> YamlFile:
    """Parse YAML.

    Raises:
        ConfigError: It is not YAML, or holds itself by an alias.
    """
    try:
        loader = _Loader(text)
        try:
            return _parse(loader, label)
        finally:
            loader.dispose()
    # A value such as 2024-13-45 makes PyYAML raise a ValueError that repeats it.
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([_syntax_problem(error, label)]) from None


def _parse(loader: Any, label: str) -> YamlFile:
    node = loader.get_single_node()
    if node is None:
        return YamlFile(None, {}, ())
    lines: dict[KeyPath, int] = {}
    duplicates: list[tuple[KeyPath, int]] = []
    for path, line, is_repeated in _walk(node, (), (), label):
        lines[path] = line
        if is_repeated:
            duplicates.append((path, line))
    return YamlFile(loader.construct_document(node), lines, tuple(duplicates))


def _walk(
    node: yaml.Node, path: KeyPath, outer: tuple[yaml.Node, ...], label: str
) -> Iterator[tuple[KeyPath, int, bool]]:
    if any(node is one for one in outer):
        line = node.start_mark.line + 1
        raise ConfigError([Problem(f"{label}:{line}", "", "", "an alias refers to what it stands in.")])
    seen: set[str | int] = set()
    for key, key_node, value_node in _children(node):
        yield (*path, key), key_node.start_mark.line + 1, key in seen
        seen.add(key)
        yield from _walk(value_node, (*path, key), (*outer, node), label)


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        yield from ((index, element, element) for index, element in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                yield key.value, key, value


def _syntax_problem(error: Exception, label: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    # PyYAML puts what it read into quotes at the end of its message.
    said = (getattr(error, "problem", None) or "a value cannot be read").split("'")[0].split('"')[0]
    where = f"{label}:{mark.line + 1}" if mark else label
    hint = _UNQUOTED if "unhashable" in said or "expected <block end>" in said else ""
    return Problem(where, "", "", f"is not valid YAML: {said.strip()}.", hint)
