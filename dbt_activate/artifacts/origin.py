"""Where dbt's artifacts come from, if not from the project's own target folder."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Protocol

from dbt_activate.errors import ArtifactError, DestinationError, Problem

MANIFEST, RUN_RESULTS, SOURCES = "manifest.json", "run_results.json", "sources.json"


class Origin(Protocol):
    """A place from which artifacts are fetched.

    Attributes:
        name: What to call it in messages; names the folder that the files are put into.
    """

    name: str

    def fetch(self, folder: Path) -> None:
        """Put the manifest into a folder, and what there is of the other files.

        Raises:
            ConfigError: A setting is wrong, or the manifest is not there.
            DestinationError: The place does not answer, or not as it should.
        """


class Fetched:
    """A folder of artifacts that were fetched. It goes away when it is closed.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, origin: Origin) -> None:
        """Fetch.

        Raises:
            ConfigError: What is needed cannot be fetched.
        """
        root = Path(tempfile.mkdtemp(prefix="dbt-activate-"))
        self.close = weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        self.folder = root / origin.name
        self.folder.mkdir()
        try:
            origin.fetch(self.folder)
        except DestinationError as error:
            self.close()
            raise ArtifactError([Problem("", "", "", str(error))]) from None
        except BaseException:
            self.close()
            raise
