"""What a destination must be: a few facts, its settings, and a handful of calls.

A destination speaks HTTP and the plain types of `dbt_activate.delivery`. It never sees Polars, SQL or
dbt. It keeps no state between calls but tokens and connections: what is in an audience is known to the
snapshot in the warehouse, and what to send is decided before a destination hears of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from dbt_activate.errors import RefusedError
from dbt_activate.identifiers import Form, IdentifierType
from dbt_activate.throttle import Throttles

if TYPE_CHECKING:
    from dbt_activate.delivery import Audience, Confirmation, Delivery, Receipt

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
    if "@" in parts.netloc or parts.query or parts.fragment:
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
        TEMPLATES: The keys that hold templates of the destination's own: they are taken as they stand in
            the file, while all other keys are rendered as dbt does.
    """

    TEMPLATES: ClassVar[frozenset[str]] = frozenset()

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
    connection) is the destination's business, through `dbt_activate.http.client`. Once the run is
    stopped (`Throttles.stop`), calls raise `dbt_activate.errors.InterruptedRunError` and send no more.

    What a tool can do is declared in plain facts, which planning, validation and the docs go by. Where
    it depends on the settings, an object sets what differs from its class when it is made.

    Attributes:
        type_name: The registered name, as it stands in ``type:``.
        label: The tool's name, for people.
        identifier_types: What can be mapped, by name.
        other_identifiers: Which further names can be mapped, in words, where `identifier_type` takes some.
        default_form: The form in which hashable identifiers are sent, unless ``hash:`` says otherwise.
        one_identifier: Whether only one identifier type may be mapped, because two might name the same
            person there: one leaving would take the other out.
        delivery_size: The most members of one delivery.
        delivery_bytes: The most bytes of one delivery's identifiers, written as a JSON array in UTF-8;
            None for no limit.
        concurrency: How many deliveries of one activation may be under way at once, by default.
        one_at_a_time: Whether an audience takes one delivery at a time, so that `concurrency` stays 1.
        shares_requests: Whether removals and additions may go in one request; see `push_together`.
        names_rejections: Whether the tool says which members it did not take, or only how many.
        confirms_later: Whether what it accepts is applied later, and can be followed; see `confirm`.
        reads_members: Whether members can be read back; see `members`.
        counts_members: Whether it says how many members an audience has; see `size`.
        count_note: What to know about that count, such as that it is hours late; or an empty text.
        has_descriptions: Whether audiences have a description there.
        changes_descriptions: Whether it can be changed later.
        renames: Whether an audience can be renamed.
        clears: Whether everybody can be taken out at once.
        deletes: Whether an audience can be deleted.
        Settings: The keys of its entry in ``destinations.yml``.
        AudienceSettings: The keys of ``audience:``.
    """

    type_name: ClassVar[str]
    label: ClassVar[str]
    identifier_types: ClassVar[Mapping[str, IdentifierType]]
    other_identifiers: ClassVar[str] = ""
    default_form: ClassVar[Form] = Form.PLAIN
    one_identifier: ClassVar[bool] = False

    delivery_size: int
    delivery_bytes: int | None = None
    concurrency: int = 4
    one_at_a_time: bool = False
    shares_requests: bool = False
    names_rejections: bool = False
    confirms_later: ClassVar[bool] = False

    reads_members: bool = False
    counts_members: bool = False
    count_note: ClassVar[str] = ""
    has_descriptions: bool = True
    changes_descriptions: bool = True
    renames: bool = True
    clears: bool = False
    deletes: bool = False

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
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Return the identifier type of a name in ``mapping:``; None if the tool does not know it."""
        return cls.identifier_types.get(name)

    @classmethod
    def account(cls, settings: Any) -> tuple[str, ...]:
        """Name the account that the settings lead to; in two accounts audiences may have one name.

        By default the whole entry is one account.
        """
        return (settings.type,)

    @classmethod
    def identity(cls, settings: Any, wanted: Wanted) -> tuple[str, ...]:
        """Name what makes an audience one: two activations of one identity would feed the same audience."""
        return (*cls.account(settings), wanted.name)

    @classmethod
    def lane(cls, settings: Any, wanted: Wanted) -> Hashable | None:
        """Name what must not be worked on twice at a time; None if there is no such thing.

        Activations of one lane run one after the other, whatever ``--threads`` says.
        """
        del settings, wanted
        return None

    @classmethod
    def check_mapping(cls, settings: Any, mapping: Mapping[str, str]) -> Sequence[str]:
        """Say in words what is wrong with an activation's mapping, beyond unknown identifier types."""
        del settings, mapping
        return ()

    @classmethod
    def audience_defaults(cls, mapping: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what ``audience:`` is where it says nothing, as far as it follows from the mapping."""
        del mapping
        return {}

    @classmethod
    def check_audience(cls, settings: Any, wanted: Wanted, mapping: Mapping[str, str]) -> Sequence[str]:
        """Say in words what is wrong with an activation's ``audience:``, beyond wrong keys and values.

        Args:
            settings: An instance of this class's `Settings`.
            wanted: The audience.
            mapping: For each identifier type its first column.
        """
        del settings, wanted, mapping
        return ()

    def get_ready(self) -> None:  # noqa: B027  (there need not be anything to do)
        """Begin in the background what the first request will need; sends nothing.

        Called right before the warehouse is read, which leaves the interpreter idle for a while.
        """

    def prepare(self, wanted: Wanted, identifier_types: Sequence[str]) -> None:  # noqa: B027  (see above)
        """Make sure that an activation's members can be sent, before anything is made or changed there.

        Args:
            wanted: The audience.
            identifier_types: What is mapped, such as the names of the tool's fields.

        Raises:
            RefusedError: The tool does not know one of them.
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

    def can_be(self, wanted: Wanted, remote_id: str) -> bool:
        """Tell whether the audience of this id can be the wanted one.

        It cannot where the settings name another id, or a place other than where that audience lies.
        """
        return wanted.remote_id in (None, remote_id)

    @abstractmethod
    def create(self, wanted: Wanted) -> Audience:
        """Make an empty audience of the wanted name and description.

        Called only after `find` returned None. If the answer is lost, or the name turns out to be
        taken, the audience of that name is returned: the caller has logged that it is making one.

        Raises:
            RefusedError: Certainly nothing was made; likewise AccessError, AuthenticationError and
                AudienceTakenError. What may have been made is an UnavailableError: one found later
                counts as ours. `dbt_activate.http.making` tells the two apart.
        """

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Give an audience the wanted name and description, as far as `renames` and `changes_descriptions`.

        Called only where one of them differs and can be changed.
        """
        raise RefusedError(f"{self.label} cannot rename {audience.name!r} to {wanted.name!r}.")

    @abstractmethod
    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Carry out a delivery, in as few requests as the tool allows.

        Idempotent: adding who is there, or removing who is not, is fine.

        Raises:
            AudienceGoneError: The audience is not there any more.
            UnavailableError: Not taken, or the answer was lost, after retries.
        """

    def push_together(
        self, audience: Audience, removal: Delivery, addition: Delivery
    ) -> tuple[Receipt, Receipt]:
        """Carry out a removal and an addition of one identifier type in one request.

        Called instead of `push` where `shares_requests`, and both fit into one delivery. No member is in
        both. Where the tool counts for both together, the addition's receipt has the counts.
        """
        del removal, addition
        raise RefusedError(f"{self.label} takes additions and removals apart, for {audience.name!r} too.")

    def confirm(self, audience: Audience, references: Sequence[str]) -> Confirmation:
        """Follow accepted deliveries until the tool has applied them, or until it takes too long.

        Called once a run where `confirms_later`, with the `Receipt.reference` of every delivery.
        """
        del references
        raise RefusedError(f"{self.label} does not tell when changes of {audience.name!r} are applied.")

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the members of an audience page by page, as the tool holds them; where `reads_members`.

        Raises:
            AudienceGoneError: The audience is not there any more.
        """
        del identifier_type
        raise RefusedError(f"{self.label} does not tell the members of {audience.name!r}.")

    def size(self, audience: Audience) -> int | None:
        """Return how many members the tool says the audience has; None where it does not say.

        Raises:
            AudienceGoneError: The audience is not there any more.
        """
        del audience
        return None

    def match_rate(self, audience: Audience) -> float | None:
        """Return the share of an audience that the tool recognises, 0 to 1; None where it does not say.

        Asked only where an activation warns of a low one.
        """
        del audience
        return None

    def clear(self, audience: Audience) -> None:
        """Take everybody out, also those whom we did not put in; where `clears`.

        Raises:
            AudienceGoneError: The audience is not there any more.
        """
        raise RefusedError(f"{self.label} cannot clear {audience.name!r}: its API has no call for it.")

    def delete(self, audience: Audience) -> None:
        """Delete the audience, never the people in it; where `deletes`. One that is gone is fine."""
        raise RefusedError(f"{self.label} cannot delete {audience.name!r}: its API has no call for it.")

    def close(self) -> None:  # noqa: B027  (most have connections to close, none must)
        """Close connections."""
