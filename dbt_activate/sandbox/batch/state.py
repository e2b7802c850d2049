"""What the Batch sandbox remembers: audiences, names that linger, and how many requests each project made."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_activate.sandbox.batch.audiences import BatchAudience
from dbt_activate.sandbox.batch.settings import BatchSettings
from dbt_activate.sandbox.vendor import Vendor


@dataclass(slots=True)
class Ghost:
    """An audience that was deleted, and that Batch still shows.

    Attributes:
        audience: As it was.
        views_left: How often it is shown.
    """

    audience: BatchAudience
    views_left: int


class BatchState(Vendor[BatchAudience, BatchSettings]):
    """The state, and what can be done with it behind the API's back.

    The id of an audience is its API name; outside of the first project, with the project's key before it.
    """

    settings_class = BatchSettings

    def reset(self) -> None:
        """Forget audiences and counts, and take back the settings of the start."""
        with self.lock:
            super().reset()
            self._pages: dict[str, int] = {}
            self._ghosts: dict[str, Ghost] = {}

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
        api_name: str | None = None,
        type: str = "CUSTOM_ID",  # noqa: A002 - Batch's own word for it
    ) -> str:
        """Make an audience behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its display name.
            account: The project's key; by default the first of the settings.
            description: Batch has none, and forgets it.
            members: The identifiers by type; not checked for form.
            read_only: Batch knows no such audiences.
            api_name: Its API name; by default the display name, with ``_`` for what may not be in one.
            type: As Batch reads it back.
        """
        del description, read_only
        with self.lock:
            project = account or self.settings.projects[0]
            known_by = api_name or re.sub(r"[^A-Za-z0-9_-]", "_", name)
            held = BatchAudience(
                id=self.id_of(project, known_by),
                account=project,
                name=name or known_by,
                has_display_name=bool(name),
                api_name=known_by,
                type=type,
            )
            return self.keep(held, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        return {
            "type": "batch",
            "base_url": url,
            "rest_api_key": self.settings.rest_api_key.get_secret_value(),
            "project_key": self.settings.projects[0],
        }

    def id_of(self, project: str, api_name: str) -> str:
        """Return the id under which the sandbox holds an audience."""
        return api_name if project == self.settings.projects[0] else f"{project}:{api_name}"

    def known(self, project: str, api_name: str) -> BatchAudience | None:
        """Return an audience as the API knows it: one that was just made may be hidden for a while."""
        held = self._held.get(self.id_of(project, api_name))
        if held and held.hidden_views:
            held.hidden_views -= 1
            return None
        return held

    def ghost(self, project: str, api_name: str) -> BatchAudience | None:
        """Return an audience that was deleted, if it is still shown."""
        ghost = self._ghosts.get(self.id_of(project, api_name))
        if ghost is None or not ghost.views_left:
            return None
        ghost.views_left -= 1
        return ghost.audience

    def is_taken(self, project: str, api_name: str) -> bool:
        """Tell whether an API name is in use, be it by an audience that is not shown yet or still is."""
        audience_id = self.id_of(project, api_name)
        ghost = self._ghosts.get(audience_id)
        return audience_id in self._held or bool(ghost and ghost.views_left)

    def let_go(self, audience: BatchAudience) -> None:
        """Delete an audience as the API does."""
        self._ghosts[audience.id] = Ghost(audience, self.settings.lingering_views)
        self.delete_audience(audience.id)

    def of_project(self, project: str) -> list[BatchAudience]:
        """Return the audiences of a project, in the order in which they were made."""
        return [audience for audience in self._held.values() if audience.account == project]

    def bookmark(self, position: int) -> str:
        """Return a text that leads to a position in a list, and does not show it."""
        mark = secrets.token_hex(5).upper()
        self._pages[mark] = position
        return mark

    def position_of(self, bookmark: str) -> int | None:
        """Return where a bookmark leads; None where it is none of ours."""
        return self._pages.get(bookmark)
