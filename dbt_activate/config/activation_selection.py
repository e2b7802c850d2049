"""Which activations a run is about: dbt's selection of models, and methods of our own.

``destination:`` takes the name or the type of a destination, ``activation:`` the name or the key of an
activation, both with wildcards. They choose activations: of a model that feeds two tools, one. dbt's
methods choose models, and with a model all of its activations. Both kinds combine as dbt's do: a space
is union, a comma is intersection, and a ``+`` adds the activations of models before or behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dbt_activate.dbt.selection import OWN_METHODS, check_alone, select_models
from dbt_activate.dbt.selector import Criterion, read_criterion, relatives
from dbt_activate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.config.activation import Activation
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.project import DbtProject
    from dbt_activate.dbt.selection import Selection


@dataclass(frozen=True, slots=True)
class ActivationSelector:
    """Resolves selections of one project.

    Attributes:
        activations: All of them.
        types: The type of each destination, by its name.
        manifest: What dbt knows of the project.
        project: The project.
    """

    activations: tuple[Activation, ...]
    types: Mapping[str, str]
    manifest: Manifest
    project: DbtProject

    def select(self, selection: Selection) -> tuple[Activation, ...]:
        """Return the selected activations, ordered as all are. None is no error.

        Raises:
            ConfigError: dbt had to be asked, and is not there or refuses the selection; or a method of our
                own stands where it cannot.
        """
        check_alone(selection)
        if not any(map(_is_own, _parts((*selection.select, *selection.exclude)))):
            chosen = self._of_models(selection)
        else:
            without_words = replace(selection, select=(), exclude=())
            chosen = self._union(selection.select, without_words) if selection.select else self._all
            chosen -= self._union(selection.exclude, without_words)
        return tuple(one for one in self.activations if one.key in chosen)

    @property
    def _all(self) -> set[str]:
        return {one.key for one in self.activations}

    def _of_models(self, selection: Selection) -> set[str]:
        chosen = select_models(self.manifest, self.project, selection)
        return {one.key for one in self.activations if one.model.unique_id in chosen}

    def _union(self, selectors: Iterable[str], blank: Selection) -> set[str]:
        words = [word for selector in selectors for word in selector.split()]
        mixed = [word for word in words if any(map(_is_own, word.split(",")))]
        # One question to dbt for all words that are its own.
        theirs = tuple(word for word in words if word not in mixed)
        found = self._of_models(replace(blank, select=theirs)) if theirs else set()
        return found.union(*(self._intersection(word.split(","), blank) for word in mixed))

    def _intersection(self, parts: list[str], blank: Selection) -> set[str]:
        found = [self._own(part) for part in parts if _is_own(part)]
        theirs = ",".join(part for part in parts if not _is_own(part))
        if theirs:
            found.append(self._of_models(replace(blank, select=(theirs,))))
        return set.intersection(*found)

    def _own(self, part: str) -> set[str]:
        criterion = read_criterion(part)
        if criterion is None:
            raise ConfigError(
                f"{part!r} cannot be selected: destination: and activation: take names with wildcards, "
                "and of dbt's operators a +, the comma and the space."
            )
        found = {one.key: one.model.unique_id for one in self.activations if self._matches(one, criterion)}
        near = relatives(self.manifest, set(found.values()), criterion)
        return found.keys() | {one.key for one in self.activations if one.model.unique_id in near}

    def _matches(self, activation: Activation, criterion: Criterion) -> bool:
        names = (
            (activation.name, activation.key)
            if criterion.method == "activation"
            else (activation.destination, self.types[activation.destination])
        )
        return any(fnmatchcase(name, criterion.value) for name in names)


def _parts(selectors: Iterable[str]) -> Iterable[str]:
    return (part for selector in selectors for word in selector.split() for part in word.split(","))


def _is_own(part: str) -> bool:
    method, colon, _ = part.lstrip("@+0123456789").partition(":")
    return bool(colon) and method in OWN_METHODS
