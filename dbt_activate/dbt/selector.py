"""The part of dbt's selection that needs only the manifest: names, tags, paths, config and a simple ``+``.

It gives what ``dbt ls`` gives; what it does not know, it says so (`is_simple`).
See https://docs.getdbt.com/reference/node-selection/syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Node

_CRITERION = re.compile(
    r"(?:(?P<parents>\d*)\+)?(?:(?P<method>[\w.]+):)?(?P<value>[^@]*?)(?:\+(?P<children>\d*))?"
)
_WILDCARDS = frozenset("*?[]")
_SIMPLE_CONFIG = frozenset({"meta", "materialized", "tags"})

Matcher = Callable[[str, "Node"], bool]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One part of a selector, such as ``2+tag:nightly+``.

    Attributes:
        method: What is compared; where it is not said, what dbt takes it for.
        value: With what.
        parents: How many steps up relatives are picked, too: 0 for all, None for none.
        children: The same, down.
    """

    method: str
    value: str
    parents: int | None
    children: int | None


def is_simple(selectors: Iterable[str]) -> bool:
    """Tell whether all selectors can be read from the manifest alone."""
    criteria = [
        read_criterion(part)
        for selector in selectors
        for word in selector.split()
        for part in word.split(",")
    ]
    return all(criterion is not None and _is_known(criterion) for criterion in criteria)


def select_union(manifest: Manifest, root: Path, selectors: Iterable[str]) -> set[str]:
    """Return the ids of all resources that any of the selectors picks.

    Args:
        manifest: The manifest.
        root: The project's folder, in which paths are looked up.
        selectors: What `is_simple` says yes to.
    """
    words = [word for selector in selectors for word in selector.split()]
    return set().union(*(_intersection(manifest, root, word.split(",")) for word in words))


def read_criterion(text: str) -> Criterion | None:
    """Take one part of a selector apart; None where it has a shape that only dbt knows, such as ``@``."""
    found = _CRITERION.fullmatch(text)
    if not found:
        return None
    value = found["value"]
    method = found["method"] or _implied_method(value)
    return Criterion(method, value, _depth(found["parents"]), _depth(found["children"]))


def relatives(manifest: Manifest, ids: set[str], criterion: Criterion) -> set[str]:
    """Return what the ``+`` of a criterion picks beside what itself picks."""
    above = _walk(manifest.parents, ids, criterion.parents) if criterion.parents is not None else set()
    below = _walk(manifest.children, ids, criterion.children) if criterion.children is not None else set()
    return above | below


def _intersection(manifest: Manifest, root: Path, parts: list[str]) -> set[str]:
    criteria = [criterion for part in parts if (criterion := read_criterion(part))]
    return set.intersection(*(_select(manifest, root, criterion) for criterion in criteria))


def _select(manifest: Manifest, root: Path, criterion: Criterion) -> set[str]:
    matches = _matcher(manifest, root, criterion)
    found = {id_ for id_, node in manifest.resources.items() if matches(id_, node)}
    return found | relatives(manifest, found, criterion)


def _depth(digits: str | None) -> int | None:
    if digits is None or (digits and int(digits) == 0):  # dbt takes 0+ for no step at all
        return None
    return int(digits or 0)


def _implied_method(value: str) -> str:
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith((".sql", ".py", ".csv")) else "fqn"


def _is_known(criterion: Criterion) -> bool:
    method, *arguments = criterion.method.split(".")
    if method == "config":
        return bool(arguments) and arguments[0] in _SIMPLE_CONFIG
    if method == "path":
        path = PurePosixPath(criterion.value)
        return bool(criterion.value) and not path.is_absolute() and ".." not in path.parts
    return method in {"fqn", "tag", "file", "package"} and not arguments


def _matcher(manifest: Manifest, root: Path, criterion: Criterion) -> Matcher:
    value = criterion.value
    match criterion.method:
        case "fqn":
            in_names = _has_wildcards_in_names(manifest)
            return lambda id_, node: not id_.startswith("source.") and _matches_fqn(node, value, in_names)
        case "tag":
            return lambda _, node: any(fnmatchcase(tag, value) for tag in node.get("tags") or ())
        case "file":
            return lambda _, node: _matches_file(node, value)
        case "package":
            name = manifest.metadata.project_name if value == "this" else value
            return lambda _, node: fnmatchcase(node.get("package_name") or "", name)
        case "path":
            paths = {path.relative_to(root) for path in root.glob(value)}
            return lambda _, node: _matches_path(node, paths)
        case _:
            keys = criterion.method.split(".")[1:]
            return lambda _, node: _matches_config(node.get("config") or {}, keys, value)


def _has_wildcards_in_names(manifest: Manifest) -> bool:
    """Tell whether ``vip_*`` finds a model in a folder: dbt before 1.11 compares the whole path alone."""
    found = re.match(r"(\d+)\.(\d+)", manifest.metadata.dbt_version)
    return found is None or (int(found[1]), int(found[2])) >= (1, 11)


def _matches_fqn(node: Node, pattern: str, in_names: bool) -> bool:
    fqn = list(node.get("fqn") or ())
    if not fqn:
        return False
    versioned = node.get("resource_type") == "model" and node.get("version") is not None
    return any(_matches_name(path, pattern, versioned, in_names) for path in (fqn, fqn[1:]))


def _matches_name(fqn: list[str], pattern: str, versioned: bool, in_names: bool) -> bool:
    if not fqn:
        return False
    parts = pattern.split(".")
    leaf = fqn[-2] if versioned and len(fqn) > 1 else fqn[-1]
    if leaf == pattern or (versioned and "_".join(fqn[-2:]) == "_".join(parts[-2:])):
        return True
    # A dot in a name separates as a folder does.
    names = [name for segment in fqn for name in segment.split(".")]
    if len(names) < len(parts):
        return False
    return _matches_parts(names, parts, leaf if in_names else "")


def _matches_parts(names: list[str], parts: list[str], leaf: str) -> bool:
    for position, part in enumerate(parts):
        if _WILDCARDS & set(part):
            rest = fnmatchcase(".".join(names[position:]), ".".join(parts[position:]))
            return rest or bool(leaf and len(parts) == 1 and fnmatchcase(leaf, part))
        if names[position] != part:
            return False
    return True


def _matches_file(node: Node, pattern: str) -> bool:
    path = PurePosixPath(node.get("original_file_path") or "")
    return fnmatchcase(path.name, pattern) or fnmatchcase(path.stem, pattern)


def _matches_path(node: Node, paths: set[Path]) -> bool:
    own = Path(node.get("original_file_path") or "")
    patch = (node.get("patch_path") or "").partition("://")[2]
    return own in paths or bool(patch and Path(patch) in paths) or not paths.isdisjoint(own.parents)


def _matches_config(config: Any, keys: list[str], wanted: str) -> bool:
    value = config
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    held = value if isinstance(value, list) else [value]
    truth = {"true": True, "false": False}.get(wanted.lower())
    return wanted in held or (truth is not None and any(one is truth for one in held))


def _walk(edges: Mapping[str, tuple[str, ...]], start: set[str], depth: int) -> set[str]:
    found: set[str] = set()
    layer, steps = start, 0
    while layer and not (depth and steps == depth):
        layer = {near for id_ in layer for near in edges.get(id_, ())} - found
        found |= layer
        steps += 1
    return found
