"""The file of exposures: written where it is not up to date, and never over a file that is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_activate.config.exposures import HEADER, META_KEY, make_exposures, written
from dbt_activate.config.settings import ExposureSettings
from dbt_activate.dbt.model import node_meta
from dbt_activate.dbt.project import PROJECT_FILE
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.yaml_file import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbt_activate.config.activation import Activation
    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.operations.workspace import Workspace

FILE = Path("exposures", "dbt_activate.yml")
"""Where it lies, under the first of the project's model paths."""


@dataclass(frozen=True, slots=True)
class Exposures:
    """One exposure for each activation of a project.

    Attributes:
        items: The exposures as dbt reads them, sorted by name.
        path: Where the project keeps them.
        notes: What deserves a look: models on which dbt lets no exposure depend.
    """

    items: tuple[Mapping[str, Any], ...]
    path: Path
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The content of the file."""
        return written(self.items)

    def is_written(self, path: Path | None = None) -> bool:
        """Tell whether a file, by default the project's, holds exactly these exposures."""
        return _read(path or self.path) == self.text

    def write(self, path: Path | None = None) -> bool:
        """Write the file; one that is up to date is left alone.

        Args:
            path: The file; by default the project's.

        Returns:
            Whether it was written.

        Raises:
            ConfigError: There is a file already that is not ours, or it cannot be written.
        """
        path = path or self.path
        before = _read(path)
        if before == self.text:
            return False
        if before is not None and not before.startswith(HEADER):
            hint = "Name another file with --output-file, or move this one away."
            raise ConfigError([Problem(str(path), "", "", "was not written by dbt-activate.", hint)])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ConfigError([Problem(str(path), "", "", f"cannot be written: {error.strerror}.")]) from None
        return True


def find_exposures(workspace: Workspace) -> Exposures:
    """Make the exposures of a project's activations. Needs neither warehouse nor credentials.

    Raises:
        ConfigError: The project's files are wrong.
    """
    made = make_exposures(
        workspace.activations.items,
        workspace.destinations,
        workspace.project,
        workspace.settings.exposures or ExposureSettings(),
        set(_other_exposures(workspace)),
    )
    notes = tuple(_notes(workspace.activations.items))
    return Exposures(tuple(made), _usual_path(workspace.project), notes)


def _notes(activations: Iterable[Activation]) -> Iterator[str]:
    for one in activations:
        if group := one.model.private_to:
            yield (
                f"{one.key}: its model is private to the group {group}, and dbt lets no exposure depend on "
                "it. The exposure names the model in its meta."
            )


def _other_exposures(workspace: Workspace) -> Iterator[str]:
    for node in workspace.manifest.resources.values():
        is_own = node.get("package_name") == workspace.project.name
        if is_own and node.get("resource_type") == "exposure" and META_KEY not in node_meta(node):
            yield node["name"]


def _usual_path(project: DbtProject) -> Path:
    content = read_yaml(project.root / PROJECT_FILE, PROJECT_FILE).data
    folders = content.get("model-paths") if isinstance(content, Mapping) else None
    first = folders[0] if isinstance(folders, list) and folders else "models"
    return project.root / str(first) / FILE


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError([Problem(str(path), "", "", f"cannot be read: {reason}.")]) from None
