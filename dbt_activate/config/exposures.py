"""The activations of a project as dbt exposures, so that dbt's lineage and docs show them.

Written so that git sees a change only where an activation changed: sorted, and without times. See
https://docs.getdbt.com/reference/exposure-properties
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from dbt_activate.dbt.project import PROJECT_FILE
from dbt_activate.errors import ConfigError, Problem
from dbt_activate.problems import near_match

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbt_activate.config.activation import Activation
    from dbt_activate.config.destinations_file import Destinations
    from dbt_activate.config.settings import ExposureSettings
    from dbt_activate.dbt.model import Model
    from dbt_activate.dbt.project import DbtProject

HEADER = "# Written by `dbt-activate exposures`: what is changed here is lost.\n"
"""The first line, by which a file of ours is known."""

META_KEY = "dbt_activate"
"""Under which key of ``meta`` an exposure says that it is ours."""

_TEMPLATE = re.compile(r"\{[{%#]")
_ENDLESS = 2**20


def make_exposures(
    activations: Sequence[Activation],
    destinations: Destinations,
    project: DbtProject,
    settings: ExposureSettings,
    taken: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Make one exposure for each activation, sorted by name.

    Args:
        activations: The activations.
        destinations: Their destinations.
        project: The project that the exposures become part of.
        settings: Who owns them, and where the tools are found.
        taken: The names of the project's other exposures.

    Raises:
        ConfigError: A URL is set for a destination that is not there.
    """
    _check_urls(settings.urls, destinations.names)
    names = _names([one.key for one in activations], taken)
    made = (_exposure(one, names[one.key], destinations, project, settings) for one in activations)
    return sorted(made, key=lambda exposure: str(exposure["name"]))


def written(exposures: Sequence[Mapping[str, Any]]) -> str:
    """Write exposures as a file of dbt's."""
    content = {"version": 2, "exposures": [_escaped(exposure) for exposure in exposures]}
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=_ENDLESS)


def _exposure(
    activation: Activation,
    name: str,
    destinations: Destinations,
    project: DbtProject,
    settings: ExposureSettings,
) -> dict[str, Any]:
    kind = destinations.entries[activation.destination].destination
    url = settings.urls.get(activation.destination)
    owner = settings.owner.model_dump(exclude_none=True) if settings.owner else {"name": project.name}
    # An exposure is of no group, and one that depends on a private model stops dbt from parsing the project.
    is_hidden = bool(activation.model.private_to)
    return {
        "name": name,
        "label": f"{activation.audience.name} ({kind.label})",
        "type": "application",
        "owner": owner,
        **({"url": url} if url else {}),
        "description": activation.audience.description or activation.model.description.strip(),
        **({} if is_hidden else {"depends_on": [_ref(activation.model, project)]}),
        "config": {
            "tags": sorted(set(activation.model.tags)),
            "meta": {
                META_KEY: {
                    "activation": activation.key,
                    **({"model": activation.model.versioned_name} if is_hidden else {}),
                    "destination": activation.destination,
                    "type": kind.type_name,
                    "audience": activation.audience.name,
                    "identifiers": _identifiers(activation),
                }
            },
        },
    }


def _identifiers(activation: Activation) -> dict[str, list[str]]:
    types = sorted({field.member_type for field in activation.fields})
    return {name: [one.column for one in activation.fields if one.member_type == name] for name in types}


def _ref(model: Model, project: DbtProject) -> str:
    names = [model.name] if model.package == project.name else [model.package, model.name]
    words = [f"'{name}'" for name in names]
    if model.version is not None:
        words.append(f"v={model.version}" if model.version.isdecimal() else f"v='{model.version}'")
    return f"ref({', '.join(words)})"


def _names(keys: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """Name each exposure after its activation; where that is no name of its own, with a hash of the key."""
    plain = {key: re.sub(r"\W", "_", key, flags=re.ASCII) for key in keys}
    uses = Counter([*plain.values(), *taken])
    return {key: name if uses[name] == 1 else f"{name}_{_digest(key)}" for key, name in plain.items()}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _escaped(value: Any) -> Any:
    """Write text so that dbt, which renders the whole file, leaves it as it is."""
    if isinstance(value, Mapping):
        return {key: _escaped(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_escaped(below) for below in value]
    if isinstance(value, str) and _TEMPLATE.search(value):
        return value.replace("{", "{{ '{' }}")
    return value


def _check_urls(urls: Mapping[str, str], known: Sequence[str]) -> None:
    problems = [
        Problem(
            PROJECT_FILE,
            "",
            f"vars.dbt_activate.exposures.urls.{name}",
            "there is no such destination in destinations.yml.",
            near_match(name, known),
        )
        for name in urls
        if name not in known
    ]
    if problems:
        raise ConfigError(problems)
