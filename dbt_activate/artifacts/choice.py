"""Where dbt's artifacts are to be read: in the target folder, in another one, or fetched from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbt_activate.artifacts.origin import Origin


def find_origin(
    artifacts: str | Path | None,
    dbt_cloud_run_id: int | None,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> Origin | Path | None:
    """Tell where the artifacts are: in a folder of this machine, elsewhere, or (None) in the target folder.

    Args:
        artifacts: A folder, or the URL of one.
        dbt_cloud_run_id: A run of dbt Cloud.
        environment: Has the settings of dbt Cloud.
        say: Is told what takes time.

    Raises:
        ConfigError: Both are given, the folder is not there, or a setting of dbt Cloud is missing.
    """
    if dbt_cloud_run_id is not None:
        if artifacts is not None:
            raise ConfigError("Artifacts come from one place: choose --artifacts or --dbt-cloud-run-id.")
        from dbt_activate.artifacts.cloud_account import read_account
        from dbt_activate.artifacts.cloud_run import CloudRunOrigin

        return CloudRunOrigin(read_account(environment), dbt_cloud_run_id, say)
    return None if artifacts is None else _named(artifacts)


def _named(artifacts: str | Path) -> Origin | Path:
    scheme = re.match(r"(\w{2,})://", str(artifacts))
    if scheme is None:
        return _folder(Path(artifacts))
    if scheme[1] in ("http", "https"):
        from dbt_activate.artifacts.web import WebOrigin

        return WebOrigin(str(artifacts))
    from dbt_activate.artifacts.object_store import ObjectStoreOrigin

    return ObjectStoreOrigin(str(artifacts))


def _folder(given: Path) -> Path:
    folder = given.expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}. Let --artifacts name the folder of manifest.json.")
    return folder
