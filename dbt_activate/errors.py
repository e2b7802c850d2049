"""Every error, grouped by what its reader should do.

    ActivateError
    ├── ConfigError              fix the project's files; nothing was sent
    │   ├── ArtifactError        let dbt write its artifacts again
    │   └── ProfileMissingError  say where profiles.yml is, or set its environment variables
    ├── WarehouseError           fix the grant, the profile or the model; nothing was sent
    │   ├── RelationMissingError build the model
    │   └── WarehouseBusyError   somebody else holds the database; run again later
    ├── GuardError               look at the model; nothing was sent
    ├── HeldError                another run is at work on this audience; run again later
    ├── OvertakenError           another run took this audience over in the middle; run again
    ├── InterruptedRunError      a person stopped the run; run again
    └── DestinationError         the push stopped; what was acknowledged is kept
        ├── AuthenticationError  fix the credentials
        ├── AccessError          ask for the permission
        ├── RefusedError         the request is wrong; sending it again cannot help
        ├── AudienceGoneError    the audience is no longer there
        ├── AudienceTakenError   the audience exists and is not ours
        └── UnavailableError     tried again already; run again later

A member that a destination does not take is no error: it is a `Rejection` in a receipt.
No message ever holds an identifier or a credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ActivateError(Exception):
    """Something that a person can act on. The message says what, where and what to do next."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one place of the project.

    Attributes:
        file: The file to open, relative to the project where it lies inside it.
        where: What in the file, in the user's words: ``model vip_customers, activation 1``.
        key: The dotted path of the setting, or an empty text where no single setting is to blame.
        message: What is wrong.
        hint: What to do about it, or an empty text.
    """

    file: str
    where: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.where, self.key) if part)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} {self.hint}".rstrip()


class ConfigError(ActivateError):
    """The project's files are wrong. All problems found are reported at once.

    Attributes:
        problems: What is wrong, in the order of the files.
    """

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = (
            (Problem("", "", "", problems),) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ArtifactError(ConfigError):
    """A file that dbt writes is missing, cannot be read, or is of a kind that we do not know."""


class ProfileMissingError(ConfigError):
    """There is no ``profiles.yml`` on this machine, or an environment variable that it needs is not set."""


class WarehouseError(ActivateError):
    """The warehouse refused a statement or a connection."""


class RelationMissingError(WarehouseError):
    """The model's table or view is not in the warehouse, or cannot be seen by this role."""


class WarehouseBusyError(WarehouseError):
    """The database is held by another process, and waiting for it took too long."""


class GuardError(ActivateError):
    """A guard stopped the run before the first request.

    Attributes:
        guard: The name of the guard, as it stands in ``guards:``.
    """

    def __init__(self, guard: str, message: str) -> None:
        self.guard = guard
        super().__init__(message)


class HeldError(ActivateError):
    """Another run holds the audience's lease."""


class OvertakenError(ActivateError):
    """Our lease ran out and another run took the audience over; we stopped sending."""


class InterruptedRunError(ActivateError):
    """A person stopped the run. What was acknowledged is kept, the rest stands as open in the log."""


class DestinationError(ActivateError):
    """The destination did not do what it was asked to.

    Attributes:
        reference: The destination's own id of the failed request, for its support, or None.
    """

    def __init__(self, message: str, *, reference: str | None = None) -> None:
        self.reference = reference
        super().__init__(f"{message} (reference {reference})" if reference else message)


class AuthenticationError(DestinationError):
    """The destination does not accept the credentials. Never retried: it may lock an account."""


class AccessError(DestinationError):
    """The credentials are good but may not do this: a permission or a consent is missing."""


class RefusedError(DestinationError):
    """The destination refused the request as wrong; sending it again cannot help."""


class AudienceGoneError(DestinationError):
    """The audience was deleted in the destination while we were at work on it."""


class AudienceTakenError(DestinationError):
    """An audience of that name exists, and was not made by this activation."""


class UnavailableError(DestinationError):
    """The destination may take the same request later.

    Attributes:
        retry_after: Seconds that the destination asked us to wait, or None.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, reference: str | None = None
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, reference=reference)
