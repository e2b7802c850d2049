"""What a destination must be: a few facts, its settings, and a handful of calls.

A destination speaks HTTP and the plain types of `dbt_activate.delivery`. It never sees Polars, SQL or
dbt. It keeps no state between calls but tokens and connections: what is in an audience is known to the
snapshot in the warehouse, and what to send is decided before a destination hears of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from dbt_activate.errors import RefusedError
from dbt_activate.identifiers import Form, IdentifierType
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from dbt_activate.delivery import Audience, Delivery, Receipt

__all__ = [
    "AudienceSettings",
    "BaseUrl",
    "CheckResult",
    "Destination",
    "DestinationSettings",
    "SecretStr",
    "Wanted",
]


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no URL; it begins with https:// and a host")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("may hold a host and a path, but no user, query or fragment")
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""Where a tool's API begins: a proxy, a regional host, the sandbox. Kept without a slash at its end."""


class DestinationSettings(BaseModel):
    """One entry of ``destinations.yml``. A destination subclasses it with its own keys.

    Attributes:
        type: The destination's registered name.
        targets: The dbt targets that may push. Every other target only plans.
        defaults: Default activation settings of this destination, checked with each activation.
        concurrency: How many requests may be under way at once, in one activation.
        delivery_size: How many members one delivery has at most, where the tool (or a proxy before it)
            takes fewer than it documents. Never more than the destination's own limit.
        timeout_seconds: How long one request may take before it counts as lost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: str
    targets: tuple[str, ...]
    defaults: dict[str, Any] = Field(default_factory=dict)
    concurrency: int | None = Field(default=None, ge=1, le=64)
    delivery_size: int | None = Field(default=None, ge=1)
    timeout_seconds: float = Field(default=60.0, gt=0)


class AudienceSettings(BaseModel):
    """The ``audience:`` of an activation. A destination subclasses it where it takes more.

    Attributes:
        name: Defaults to the model's name.
        description: Defaults to the model's description.
        remote_id: The destination's own id of an audience that exists already.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1)
    description: str = ""
    remote_id: str | None = None


Wanted = AudienceSettings
"""The same, under a name that `Destination.AudienceSettings` does not hide within that class."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What ``dbt-activate debug`` found out about a destination.

    Attributes:
        passed: Whether the credentials are good and reach what the settings name.
        lines: What was found, in words, one finding a line; the last say what to do if not passed.
    """

    passed: bool
    lines: tuple[str, ...]


class Destination(ABC):
    """A tool that holds audiences, reached with one set of credentials.

    One object serves all activations of one entry of ``destinations.yml`` for the length of one run,
    and is called from several threads at once. Every call either returns, or raises a
    `dbt_activate.errors.DestinationError`; retrying within one request (a rate limit, a lost
    connection) is the destination's business, through `dbt_activate.destinations.http`. Once the run is
    stopped (`Throttles.stop`), calls raise `dbt_activate.errors.InterruptedRunError` and send no more.

    Attributes:
        type_name: The registered name, as it stands in ``type:``.
        label: The tool's name, for people.
        identifier_types: What can be mapped, by name.
        delivery_size: The most members of one delivery.
        concurrency: How many deliveries of one activation may be under way at once, by default.
        has_descriptions: Whether audiences have a description there.
        default_form: The form in which hashable identifiers are sent, unless ``hash:`` says otherwise.
        Settings: The keys of its entry in ``destinations.yml``.
        AudienceSettings: The keys of ``audience:``.
    """

    type_name: ClassVar[str]
    label: ClassVar[str]
    identifier_types: ClassVar[Mapping[str, IdentifierType]]
    delivery_size: int
    concurrency: int = 4
    has_descriptions: ClassVar[bool] = True
    default_form: ClassVar[Form] = Form.PLAIN

    Settings: ClassVar[type[DestinationSettings]] = DestinationSettings
    AudienceSettings: ClassVar[type[AudienceSettings]] = AudienceSettings

    @abstractmethod
    def __init__(self, settings: Any, throttles: Throttles) -> None:
        """Make ready to talk; sends nothing yet.

        Args:
            settings: An instance of this class's `Settings`.
            throttles: The run's rate limits, shared by all destinations with the same credentials.
        """

    @classmethod
    def account(cls, settings: Any) -> tuple[str, ...]:
        """What, with an audience's name, makes it unique: two activations there feed one audience.

        By default the whole entry is one account.
        """
        return (settings.type,)

    @classmethod
    def check_mapping(cls, settings: Any, mapping: Mapping[str, str]) -> Sequence[str]:
        """Say in words what is wrong with an activation's mapping, beyond unknown identifier types."""
        del settings, mapping
        return ()

    def get_ready(self) -> None:  # noqa: B027  (there need not be anything to do)
        """Begin in the background what the first request will need; sends nothing.

        Called right before the warehouse is read, which leaves the interpreter idle for a while.
        """

    @abstractmethod
    def check(self) -> CheckResult:
        """Find out whether the credentials are good and reach the account. Changes nothing there."""

    @abstractmethod
    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find the audience: by `remote_id` if given, else by exact name. None if it is not there.

        Raises:
            RefusedError: One of that name is there, but cannot hold members that we send.
            AccessError: It may be there, but cannot be seen with these credentials.
        """

    @abstractmethod
    def create(self, wanted: Wanted) -> Audience:
        """Make an empty audience of the wanted name and description.

        Called only after `find` returned None. If the answer is lost, or the name turns out to be
        taken, the audience of that name is returned: the caller has logged that it is making one.
        """

    @abstractmethod
    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Give an audience the wanted name and description; called only where one differs."""

    @abstractmethod
    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Carry out a delivery, in as few requests as the tool allows.

        Idempotent: adding who is there, or removing who is not, is fine.

        Raises:
            AudienceGoneError: The audience is not there any more.
            UnavailableError: Not taken, or the answer was lost, after retries.
        """

    def clear(self, audience: Audience) -> None:
        """Take everybody out, also those whom we did not put in."""
        raise RefusedError(f"{self.label} cannot clear {audience.name!r}: its API has no call for it.")

    def size(self, audience: Audience) -> int | None:
        """How many members the tool says the audience has; None where it does not say."""
        del audience
        return None

    def close(self) -> None:  # noqa: B027  (most have connections to close, none must)
        """Close connections."""
