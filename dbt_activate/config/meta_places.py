"""Where in the project's files a key of a model's ``meta`` stands.

dbt writes a model's ``meta`` into the manifest merged: the folders of ``dbt_project.yml``, the outer ones
first, then the model's own file. It merges one level deep, so that a key such as ``activation_defaults`` has
all of its value from one of these places. It does not say from which, so we look where it can stand, in dbt's
order of precedence. A place is told only if exactly the manifest's value stands there; it is not where dbt
rendered the value, or took it from a ``config()`` call in the model's code or from another package's files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_activate.dbt.project import PROJECT_FILE
from dbt_activate.errors import ConfigError
from dbt_activate.yaml_file import YamlFile, read_yaml

if TYPE_CHECKING:
    from dbt_activate.dbt.model import Model
    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.yaml_file import KeyPath

_EMPTY = YamlFile(None, {}, ())
_META_IN_FILE = (("config", "meta"), ("meta",))
_META_IN_PROJECT = ("+meta", "meta")


@dataclass(frozen=True, slots=True)
class MetaPlace:
    """The place of one key of ``meta``.

    Attributes:
        label: The file, as people are told.
        file: Its content.
        path: Where the key stands in it.
    """

    label: str
    file: YamlFile
    path: KeyPath

    def line(self, *below: str | int) -> str:
        """Name the file and the line of a path below the key, or of what it stands in."""
        line = self.file.line((*self.path, *below))
        return f"{self.label}:{line}" if line else self.label


@dataclass(frozen=True, slots=True)
class MetaPlaces:
    """Finds places in the files of a project, each of which is read once.

    Attributes:
        project: The project.
    """

    project: DbtProject
    _files: dict[str, YamlFile] = field(default_factory=dict, init=False)

    def find(self, model: Model, key: str) -> MetaPlace | None:
        """Find where a key of a model's ``meta`` stands; None where that cannot be told."""
        wanted = model.meta.get(key)
        for label, path in self._candidates(model, key):
            found = _at(self.file(label).data, path)
            # What stands first overrides all that stands later, so there is no use in looking on.
            if found is not None:
                return MetaPlace(label, self.file(label), path) if found == wanted else None
        return None

    def of_model(self, model: Model, key: str) -> str:
        """Name the place of one of a model's own keys, such as ``description``."""
        for path in self._entries(model):
            if key in _at(self.file(model.path).data, path):
                return MetaPlace(model.path, self.file(model.path), path).line(key)
        return model.path

    def file(self, label: str) -> YamlFile:
        """Read a file of the project; one that cannot be read is as good as empty."""
        if label not in self._files:
            try:
                self._files[label] = read_yaml(self.project.root / label, label)
            except ConfigError:
                self._files[label] = _EMPTY
        return self._files[label]

    def _candidates(self, model: Model, key: str) -> Iterator[tuple[str, KeyPath]]:
        for entry in self._entries(model):
            yield from ((model.path, (*entry, *meta, key)) for meta in _META_IN_FILE)
        section = f"{model.resource_type}s"
        for depth in range(len(model.fqn), -1, -1):
            yield from ((PROJECT_FILE, (section, *model.fqn[:depth], meta, key)) for meta in _META_IN_PROJECT)

    def _entries(self, model: Model) -> Iterator[KeyPath]:
        """Yield where the properties of a model stand in its file: of its version, then of all versions."""
        if model.package != self.project.name or not model.path.endswith((".yml", ".yaml")):
            return
        section = f"{model.resource_type}s"
        for path, entry in _elements(self.file(model.path).data, (section,)):
            if entry.get("name") == model.name:
                versions = _elements(self.file(model.path).data, (*path, "versions"))
                yield from (place for place, one in versions if str(one.get("v")) == model.version)
                yield path


def _elements(data: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    found = _at(data, path)
    for index, element in enumerate(found if isinstance(found, list) else ()):
        if isinstance(element, Mapping):
            yield (*path, index), element


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        else:
            return None
    return data
