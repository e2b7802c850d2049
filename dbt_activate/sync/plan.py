"""What a sync will do: who enters and who leaves, in which deliveries, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from dbt_activate.delivery import Delivery, Operation
from dbt_activate.errors import GuardError
from dbt_activate.identifiers import Form, hashed
from dbt_activate.lazy_polars import pl
from dbt_activate.sync.diff import IDENTIFIER, Diff, identifiers

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.destination import Destination

TYPE = "identifier_type"

_HASH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much one delivery may hold.

    Attributes:
        members: The most members.
        bytes: The most bytes of the identifiers, written as a JSON array in UTF-8; None for no limit.
    """

    members: int
    bytes: int | None = None

    @classmethod
    def of(cls, destination: Destination | type[Destination]) -> Self:
        """Return what a destination takes at once."""
        return cls(destination.delivery_size, destination.delivery_bytes)

    def hold(self, *deliveries: PlannedDelivery) -> bool:
        """Tell whether several deliveries fit into one."""
        if sum(len(one.members) for one in deliveries) > self.members:
            return False
        return self.bytes is None or sum(one.bytes for one in deliveries) <= self.bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between a segment and its audience, ready to be carried out.

    Attributes:
        activation: What is planned.
        diffs: One per member type, such as ``email:sha256``; also types that are mapped no more.
        unsure: Members of whom it is not known whether they are in the audience: those in open changes and,
            where everybody is sent again, those in the snapshot. ``identifier_type``, ``identifier``.
        held_back: Rejected members that are not tried again (``retry_rejected: false``).
    """

    activation: Activation
    diffs: Mapping[str, Diff]
    unsure: pl.DataFrame = field(default_factory=lambda: nobody())
    held_back: int = 0

    @property
    def added(self) -> pl.DataFrame:
        """Who enters: ``identifier_type``, ``identifier``."""
        return stacked({name: diff.added for name, diff in self.diffs.items()})

    @property
    def removed(self) -> pl.DataFrame:
        """Who leaves: ``identifier_type``, ``identifier``."""
        return stacked({name: diff.removed for name, diff in self.diffs.items()})

    @property
    def added_count(self) -> int:
        """How many enter."""
        return sum(diff.added.height for diff in self.diffs.values())

    @property
    def removed_count(self) -> int:
        """How many leave."""
        return sum(diff.removed.height for diff in self.diffs.values())

    @property
    def members(self) -> int:
        """How many members the segment has: distinct and valid."""
        return sum(diff.size for diff in self.diffs.values())

    @property
    def held(self) -> int:
        """How many members the audience may hold now."""
        return sum(diff.held for diff in self.diffs.values())

    @property
    def invalid(self) -> Mapping[str, int]:
        """How many distinct values cannot be sent, by member type."""
        return {name: diff.invalid for name, diff in self.diffs.items() if diff.invalid}

    @property
    def samples(self) -> Mapping[str, tuple[str, ...]]:
        """A few of the invalid values, masked, by member type."""
        return {name: diff.sample for name, diff in self.diffs.items() if diff.sample}

    @property
    def is_folded(self) -> bool:
        """Whether the snapshot has to be put into one form."""
        return any(diff.folded is not None for diff in self.diffs.values())

    def delivery_count(self, limits: DeliveryLimits) -> int:
        """Return how many deliveries the changes make."""
        if limits.bytes is not None:
            return self.changes(limits)["delivery"].n_unique()
        parts = (part.height for diff in self.diffs.values() for part in (diff.removed, diff.added))
        return sum(-(-height // limits.members) for height in parts)

    def changes(self, limits: DeliveryLimits) -> pl.DataFrame:
        """Return all changes as they are logged, removals first, numbered by delivery.

        Sorted, so that the same difference always makes the same deliveries: joins keep no order.
        Columns: ``delivery`` (from 1), ``operation``, ``identifier_type``, ``identifier``.
        """
        return number_changes(
            removed={name: diff.removed for name, diff in self.diffs.items()},
            added={name: diff.added for name, diff in self.diffs.items()},
            limits=limits,
        )


@dataclass(frozen=True, slots=True)
class Allowed:
    """Guards that a person has waived for this one run.

    Attributes:
        mass_removal: More may be removed than ``guards.max_removed`` says.
        empty: The segment may be empty.
    """

    mass_removal: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One delivery of a plan, not yet in the form in which it is sent.

    Attributes:
        number: Counts from 1.
        operation: Add or remove.
        member_type: Such as ``email:sha256``.
        members: The normalised identifiers: a column of strings.
    """

    number: int
    operation: Operation
    member_type: str
    members: pl.Series = field(repr=False)

    @property
    def bytes(self) -> int:
        """How long the identifiers are, as `DeliveryLimits.bytes` counts."""
        return int(self.members.to_frame(IDENTIFIER).select(_written(self.member_type).sum()).item())

    def build(self) -> Delivery:
        """Make what the destination sees. Only here identifiers are hashed."""
        name, _, form = self.member_type.partition(":")
        values = self.members.to_list()
        sent = [hashed(value) for value in values] if form == Form.SHA256 else values
        return Delivery(self.number, self.operation, name, sent)


def number_changes(
    *, removed: Mapping[str, pl.DataFrame], added: Mapping[str, pl.DataFrame], limits: DeliveryLimits
) -> pl.DataFrame:
    """Cut members, by member type, into numbered deliveries; see `Plan.changes`."""
    parts, number = [_numbered(identifiers(), Operation.ADD, "", 1, limits)], 1
    for operation, crowds in ((Operation.REMOVE, removed), (Operation.ADD, added)):
        for member_type, members in crowds.items():
            if members.height:
                parts.append(_numbered(members, operation, member_type, number, limits))
                number = parts[-1]["delivery"][-1] + 1
    return pl.concat(parts)


def split_changes(changes: pl.DataFrame) -> Iterator[PlannedDelivery]:
    """Cut logged changes into their deliveries, in order."""
    start = 0
    for number, length in changes["delivery"].rle().struct.unnest().select("value", "len").iter_rows():
        part = changes.slice(start, length)
        yield PlannedDelivery(number, Operation(part["operation"][0]), part[TYPE][0], part[IDENTIFIER])
        start += length


def paired(
    deliveries: Iterable[PlannedDelivery], limits: DeliveryLimits
) -> Iterator[tuple[PlannedDelivery, ...]]:
    """Put the last removal of a member type together with its first addition, where one request holds both.

    Yields every other delivery alone, in order; so removals that go alone come before all else.
    """
    planned = list(deliveries)
    removals = {one.member_type: one for one in planned if one.operation is Operation.REMOVE}
    additions = {one.member_type: one for one in reversed(planned) if one.operation is Operation.ADD}
    partners = {
        addition.number: removals[name]
        for name, addition in additions.items()
        if name in removals and limits.hold(removals[name], addition)
    }
    together = {removal.number for removal in partners.values()}
    for delivery in planned:
        if delivery.number in partners:
            yield partners[delivery.number], delivery
        elif delivery.number not in together:
            yield (delivery,)


def doubtful_changes(plan: Plan, changes: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """Return the changes of members that were rejected, and yet may be in the audience.

    An earlier run set out to add or remove them, and nobody knows with what success: that the tool
    refuses to add them (or remove them) now does not tell that they are not there. They stay in the
    books as open changes of the same run, in further deliveries that are never sent.

    Args:
        plan: The plan.
        changes: The plan's changes.
        rejected: ``operation``, ``identifier_type``, ``identifier`` of the members rejected by name.
    """
    doubtful = changes.join(rejected, on=["operation", TYPE, IDENTIFIER], how="semi").join(
        plan.unsure, on=[TYPE, IDENTIFIER], how="semi"
    )
    last = changes["delivery"].max() or 0
    return doubtful.with_columns(pl.col("delivery") + last)


def undelivered_members(changes: pl.DataFrame, accepted: Sequence[int]) -> pl.DataFrame:
    """Return the members of logged changes whose delivery was not accepted."""
    return changes.filter(~pl.col("delivery").is_in(accepted)).select("operation", TYPE, IDENTIFIER)


def check_guards(plan: Plan, allowed: Allowed) -> None:
    """Stop a run that would empty an audience, or remove too much of it.

    Raises:
        GuardError: A guard trips, and was not waived.
    """
    guards, where = plan.activation.guards, f"activation {plan.activation.key}"
    if plan.held and not plan.members and not (guards.allow_empty or allowed.empty):
        raise GuardError(
            "allow_empty",
            f"{where}: the segment has no valid member, and the audience has {plan.held:,}. Nothing was "
            f"sent. Look at {plan.activation.model.relation_name}; if it is meant to be empty, run once with "
            "--allow-empty, or set guards.allow_empty: true.",
        )
    share = plan.removed_count / plan.held if plan.held else 0.0
    if plan.members and share > guards.max_removed and not allowed.mass_removal:
        raise GuardError(
            "max_removed",
            f"{where}: {plan.removed_count:,} of {plan.held:,} members would be removed ({share:.1%}), "
            f"more than guards.max_removed allows ({guards.max_removed:.1%}). Nothing was sent. Look at "
            f"{plan.activation.model.relation_name}; if it is right, run once with --allow-mass-removal, "
            "or raise guards.max_removed.",
        )


def _numbered(
    members: pl.DataFrame, operation: Operation, member_type: str, first: int, limits: DeliveryLimits
) -> pl.DataFrame:
    number = pl.int_range(pl.len()) // limits.members
    if limits.bytes is not None:
        by_bytes = _share_of_bytes(_written(member_type), limits.bytes)
        number = pl.struct(number.alias("by_members"), by_bytes.alias("by_bytes")).rle_id()
    return members.sort(IDENTIFIER).select(
        (number + first).cast(pl.Int32).alias("delivery"),
        pl.lit(operation.value).alias("operation"),
        pl.lit(member_type).alias(TYPE),
        pl.col(IDENTIFIER),
    )


def _share_of_bytes(sizes: pl.Expr, limit: int) -> pl.Expr:
    """Number the rows so that the sizes of those with one number are at most `limit` together.

    Rows are told apart by where they begin, so the last one of a number may stick out by its own size.
    """
    longest = sizes.max()
    return (sizes.cum_sum() - sizes) // pl.max_horizontal(limit - longest, 1)


def _written(member_type: str) -> pl.Expr:
    """Count an identifier's bytes in a JSON array: its own, quotes, a comma, backslashes where needed."""
    if member_type.endswith(f":{Form.SHA256}"):
        return pl.repeat(_HASH_LENGTH + 3, pl.len(), dtype=pl.Int64)
    value = pl.col(IDENTIFIER)
    return (value.str.len_bytes() + value.str.count_matches(r'["\\]') + 3).cast(pl.Int64)


def nobody() -> pl.DataFrame:
    """Return no member: a frame of ``identifier_type`` and ``identifier`` without rows."""
    return pl.DataFrame(schema={TYPE: pl.String, IDENTIFIER: pl.String})


def stacked(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Put identifiers by member type into one frame: ``identifier_type``, ``identifier``."""
    parts = [frame.select(pl.lit(name).alias(TYPE), pl.col(IDENTIFIER)) for name, frame in frames.items()]
    return pl.concat(parts) if parts else nobody()
