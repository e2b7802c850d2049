"""Find, make or adopt the remote audience of an activation, and give it its name.

What we are about to do is written down first (`Pending`), so that a run which is cut off between the
destination's answer and our note of it knows its own audience again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_activate.delivery import Audience
from dbt_activate.errors import (
    AccessError,
    AudienceTakenError,
    AuthenticationError,
    ConfigError,
    Problem,
    RefusedError,
)
from dbt_activate.state.audiences import AudienceRecord, Pending

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.destination import AudienceSettings, Destination

Save = Callable[[AudienceRecord], AudienceRecord]


@dataclass(slots=True)
class Binding:
    """The tie between an activation and its remote audience.

    Attributes:
        activation: The activation.
        destination: Where the audience is.
        record: What we know of the audience; kept up to date.
        save: Writes a record to the state tables, and returns it as written.
        notes: What a person should know of, such as that the tool cannot rename.
    """

    activation: Activation
    destination: Destination
    record: AudienceRecord
    save: Save
    notes: list[str] = field(default_factory=list)

    def bind(self) -> Audience:
        """Return the remote audience, made if need be. If `needs_refill`, nobody in the snapshot is sure.

        Raises:
            AudienceTakenError: One of that name exists and is not ours.
            RefusedError: The configured ``remote_id`` is not there.
        """
        return self._named(self._known() or self._adopted() or self._made())

    @property
    def needs_refill(self) -> bool:
        """Whether the audience vanished and was made anew, so that whoever is held may not be in it."""
        return self.record.pending is Pending.REFILL

    def _known(self) -> Audience | None:
        """Find the audience that is ours by its id. None if there is none, or it vanished."""
        if self.record.remote_id is None:
            return None
        if not self.destination.can_be(self.activation.audience, self.record.remote_id):
            raise ConfigError([self._moved(self.record.remote_id)])
        audience = self.destination.find(self.activation.audience, self.record.remote_id)
        if audience is None and self._wanted_id:
            raise self._no_such_audience()
        if audience and self.record.pending is Pending.CREATE:
            # A tool in which the maker chooses ids: this is the one that we were making when we were cut off.
            self._take_over(audience, is_ours=True)
        return audience

    def _adopted(self) -> Audience | None:
        """Find the audience by the configured id or name, and make it ours if that is allowed."""
        audience = self.destination.find(self.activation.audience, self._wanted_id)
        if audience is None:
            if self._wanted_id:
                raise self._no_such_audience()
            return None
        is_ours = self._was_making
        if not is_ours:
            self._ask_leave(audience)
        self._take_over(audience, is_ours=is_ours)
        return audience

    @property
    def _was_making(self) -> bool:
        """Whether an earlier run was cut off while it made just this audience, and no other."""
        return self.record.pending is Pending.CREATE and self.record.making in ("", self._wanted_place)

    @property
    def _wanted_place(self) -> str:
        """What tells the wanted audience from others: its settings, but for what only describes it."""
        settings = self.activation.audience.model_dump(mode="json", exclude={"description"})
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def _ask_leave(self, audience: Audience) -> None:
        if self.activation.on_existing == "error":
            raise self._taken(audience)
        if self.activation.on_existing == "replace":
            # Before it is noted as ours: cut off in between, it is simply emptied once more.
            self.destination.clear(audience)

    def _made(self) -> Audience:
        self._note(pending=Pending.CREATE, making=self._wanted_place)
        try:
            audience = self.destination.create(self.activation.audience)
        except (RefusedError, AccessError, AuthenticationError, AudienceTakenError):
            # certainly not made: one found later is not ours
            self._note(pending=Pending.NOTHING, making="")
            raise
        self._take_over(audience, is_ours=True)
        return audience

    def _take_over(self, audience: Audience, *, is_ours: bool) -> None:
        # Whoever comes here has not found the audience that was known, also where the new one has its id.
        vanished = self.record.remote_id is not None
        self._note(
            remote_id=audience.remote_id,
            # A name that cannot be changed is at odds with the project only once that changes.
            name=audience.name if self.destination.renames else self.activation.audience.name,
            description=audience.description or "",
            is_ours=is_ours,
            pending=Pending.REFILL if vanished else Pending.NOTHING,
            making="",
        )

    def _named(self, audience: Audience) -> Audience:
        """Rename or describe the audience where the project says so since we last did."""
        wanted, there = self._wanted_names(), self.destination
        if wanted.name != self.record.name and not there.renames:
            self.notes.append(
                f"{there.label} cannot rename an audience: it stays {self.record.name!r} there, and is not "
                f"{wanted.name!r}. Set audience.name back; or reset the activation to have a new one made."
            )
        name = wanted.name if there.renames else self.record.name
        description = wanted.description if _can_describe(there) else self.record.description
        if (self.record.name, self.record.description) == (name, description):
            return audience
        changed = there.update(audience, wanted.model_copy(update={"name": name}))
        self._note(name=name, description=description)
        return changed

    def _wanted_names(self) -> AudienceSettings:
        """Return the wanted settings; one that is tied by its id keeps its name unless it is given one."""
        wanted = self.activation.audience
        if wanted.remote_id and wanted.name == self.activation.name:
            return wanted.model_copy(update={"name": self.record.name})
        return wanted

    def _note(self, **changes: object) -> None:
        self.record = self.save(replace(self.record, **changes))  # type: ignore[arg-type]  # its own fields

    @property
    def _wanted_id(self) -> str | None:
        return self.activation.audience.remote_id

    def _taken(self, audience: Audience) -> AudienceTakenError:
        return AudienceTakenError(
            f"activation {self.activation.key}: {self.destination.label} has an audience "
            f"{audience.name!r} already (id {audience.remote_id}), which this activation did not make. "
            "Nothing was sent. Give yours another audience.name; or set on_existing: adopt (ours are added, "
            "who else is in it stays) or on_existing: replace (it is emptied first, in a step of its own)."
        )

    def _no_such_audience(self) -> RefusedError:
        return RefusedError(
            f"activation {self.activation.key}: {self.destination.label} has no audience with the id "
            f"{self._wanted_id} that these credentials can see. Check audience.remote_id, or leave it out "
            "to have one made."
        )

    def _moved(self, remote_id: str) -> Problem:
        return Problem(
            file=self.activation.model.path,
            where=f"activation {self.activation.key}",
            key="audience",
            message=f"now names another audience than {remote_id}, which this activation has filled.",
            hint=f"Run `dbt-activate reset --select {self.activation.model.name}` to let go of the old one "
            "first; its members then stay as they are there.",
        )


def _can_describe(destination: Destination) -> bool:
    return destination.has_descriptions and destination.changes_descriptions
