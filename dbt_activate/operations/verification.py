"""Compare what is really in an audience with what we know of it, and mend the difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from dbt_activate.config.activation import OnExisting
from dbt_activate.delivery import Audience
from dbt_activate.errors import ActivateError, AudienceGoneError, GuardError
from dbt_activate.identifiers import Form, hashed, mask
from dbt_activate.lazy_polars import pl
from dbt_activate.operations.invocation import Invocation, Request
from dbt_activate.operations.opening import open_permitted
from dbt_activate.reporting.listing import Columns, Listing
from dbt_activate.state.audiences import AudienceRecord, read_audiences
from dbt_activate.state.changes import ChangeLog
from dbt_activate.state.runs import NOTED, write_run
from dbt_activate.state.snapshot import Snapshot
from dbt_activate.sync.diff import IDENTIFIER, identifiers, normalise
from dbt_activate.sync.ledger import Ledger
from dbt_activate.sync.plan import TYPE, Allowed, DeliveryLimits, check_guards, nobody, number_changes
from dbt_activate.sync.planning import make_plan
from dbt_activate.sync.run import Context

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.destination import Destination
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.reporting.events import Emit

SENT = "sent"
SAMPLE_SIZE = 3


class Verdict(StrEnum):
    """What a comparison came to."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"
    """The tool does not say who is in the audience, or how many; or there is no audience yet."""
    GONE = "gone"
    """The audience is not there any more; the next sync makes it anew."""
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One audience, as it is and as we know it.

    Attributes:
        key: The activation's key.
        verdict: What it came to.
        expected: How many members we know of. Those in open changes are not compared.
        actual: How many there are; None where the tool does not say.
        missing: Who should be in it and is not: ``identifier_type``, ``identifier``. None where the tool
            only counts.
        strangers: Who is in it and was not put there by us; None where the tool only counts.
        unsure: How many members are in open changes: the next sync sends them again.
        note: What else there is to say.
    """

    key: str
    verdict: Verdict
    expected: int = 0
    actual: int | None = None
    missing: pl.DataFrame | None = field(default=None, repr=False)
    strangers: pl.DataFrame | None = field(default=None, repr=False)
    unsure: int = 0
    note: str = ""

    @property
    def missing_count(self) -> int | None:
        """How many are missing; None where the tool only counts."""
        return None if self.missing is None else self.missing.height

    @property
    def stranger_count(self) -> int | None:
        """How many we did not put in; None where the tool only counts."""
        return None if self.strangers is None else self.strangers.height

    @property
    def sample(self) -> tuple[str, ...]:
        """A few of those who are missing, masked."""
        return () if self.missing is None else tuple(map(mask, self.missing[IDENTIFIER].head(SAMPLE_SIZE)))


@dataclass(frozen=True, slots=True)
class Verification(Listing[Comparison]):
    """The comparisons of several audiences."""

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key,
        "verdict": lambda one: one.verdict.value,
        "expected": lambda one: one.expected,
        "actual": lambda one: one.actual,
        "missing": lambda one: one.missing_count,
        "strangers": lambda one: one.stranger_count,
        "unsure": lambda one: one.unsure,
        "note": lambda one: one.note,
    }

    @property
    def success(self) -> bool:
        """Whether no audience was found different, gone or out of reach."""
        return not any(one.verdict in (Verdict.DIFFERENT, Verdict.GONE, Verdict.ERROR) for one in self.items)


def verify_audiences(
    workspace: Workspace, activations: Sequence[Activation], *, repair: bool, emit: Emit
) -> Verification:
    """Compare audiences with what we know of them.

    Args:
        workspace: The project.
        activations: Whose audiences.
        repair: Whether to sync those that differ so that the difference is mended, and to compare again.
            Who was not put there by us is taken out only where ``on_existing: replace`` says that the
            audience is ours alone.
        emit: Is told of the syncs.

    Raises:
        ConfigError: The target may not push to a destination, or a credential is missing.
    """
    workspace.check_target(activations)
    with open_permitted(workspace, {one.destination for one in activations}) as destinations:
        verifiers = [_Verifier(workspace, one, destinations[one.destination]) for one in activations]
        found = [one.compare() for one in verifiers]
        if repair and (broken := [one for one, what in zip(verifiers, found, strict=True) if _differs(what)]):
            guarded = {one: guard for one in broken if (guard := one.guard())}
            mended = [one for one in broken if one not in guarded]
            for one in mended:
                one.note_for_repair(found[verifiers.index(one)])
            if mended:
                _sync(workspace, [one.activation for one in mended], emit)
            found = [
                one.compare() if one in mended else _guarded(what, guarded.get(one))
                for one, what in zip(verifiers, found, strict=True)
            ]
    return Verification(tuple(found))


def _differs(comparison: Comparison) -> bool:
    return comparison.verdict in (Verdict.DIFFERENT, Verdict.GONE)


def _guarded(comparison: Comparison, guard: GuardError | None) -> Comparison:
    return replace(comparison, note=f"not repaired: {guard}") if guard else comparison


def _sync(workspace: Workspace, activations: Sequence[Activation], emit: Emit) -> None:
    # The guards were asked before strangers were noted: these may leave in any number.
    request = Request(allowed=Allowed(mass_removal=True), everything=True, ignore_schedule=True)
    Invocation(workspace, request, emit).run(activations, None)


@dataclass(frozen=True, eq=False)
class _Verifier:
    workspace: Workspace
    activation: Activation
    destination: Destination

    def compare(self) -> Comparison:
        """Compare one audience; what goes wrong stands in the result."""
        try:
            return self._compare()
        except AudienceGoneError:
            note = "the audience is not there any more; the next sync makes it anew"
            return Comparison(self.activation.key, Verdict.GONE, actual=0, note=note)
        except ActivateError as error:
            return Comparison(self.activation.key, Verdict.ERROR, note=str(error))

    def guard(self) -> GuardError | None:
        """Return the guard that a repair would trip by what the model says; None if it trips none.

        What else stands in the way of a plan is told by the sync.
        """
        with self.workspace.warehouse.session(read_only=True) as session:
            try:
                plan = make_plan(session, self.workspace.tables, self.activation, type(self.destination))
                check_guards(plan, Allowed())
            except GuardError as guard:
                return guard
            except ActivateError:
                return None
        return None

    def note_for_repair(self, comparison: Comparison) -> None:
        """Note who differs as unsure, so that the next sync sends them whichever way the segment says."""
        context = Context(
            self.workspace.warehouse,
            self.workspace.tables,
            self.workspace.target.name,
            self.workspace.manifest.metadata.invocation_id,
        )
        run = context.new_run(self.activation)
        ledger = Ledger(context.tables, run.audience_key, run.run_id)
        changes = number_changes(
            removed=_by_type(comparison.strangers) if self._may_remove_strangers else {},
            added=_by_type(comparison.missing),
            limits=DeliveryLimits.of(self.destination),
        )
        message = f"verify: {changes.height:,} members noted, to be sent again"
        run = replace(run, finished_at=run.started_at, status=NOTED, message=message)
        with context.warehouse.session() as session:
            ledger.open(session)
            write_run(session, context.tables, run)
            ledger.write(session, changes)
            ledger.lease.release(session)

    @property
    def _may_remove_strangers(self) -> bool:
        return self.activation.on_existing is OnExisting.REPLACE

    def _compare(self) -> Comparison:
        known = self._known()
        if known is None:
            return Comparison(self.activation.key, Verdict.NOT_COMPARED, note="never synced from this target")
        record, snapshot, unsure = known
        remote_id = record.remote_id
        audience = remote_id and self.destination.find(self.activation.audience, remote_id)
        if not audience:
            raise AudienceGoneError("It is not there.")
        expected = sum(members.height for members in snapshot.values())
        result = Comparison(self.activation.key, Verdict.EQUAL, expected, unsure=unsure.height)
        if self.destination.reads_members:
            return self._compared_by_name(result, audience, snapshot, unsure)
        return self._compared_by_count(result, audience, record)

    def _known(self) -> tuple[AudienceRecord, dict[str, pl.DataFrame], pl.DataFrame] | None:
        tables, key = self.workspace.tables, self.activation.key
        with self.workspace.warehouse.session(read_only=True) as session:
            if "audiences" not in tables.existing(session):
                return None
            record = read_audiences(session, tables).get(key)
            if record is None or record.remote_id is None:
                return None
            snapshot = Snapshot(tables, key)
            held = {name: snapshot.members(session, name) for name in snapshot.member_types(session)}
            return record, held, ChangeLog(tables, key).unsure(session)

    def _compared_by_name(
        self,
        result: Comparison,
        audience: Audience,
        snapshot: dict[str, pl.DataFrame],
        unsure: pl.DataFrame,
    ) -> Comparison:
        missing, strangers, actual = [], [], 0
        mapped = (one.member_type for one in self.activation.fields)
        for member_type in dict.fromkeys((*mapped, *snapshot)):
            there = self._members(audience, member_type)
            ours = _as_sent(snapshot.get(member_type, identifiers()), member_type)
            open_ones = _as_sent(unsure.filter(pl.col(TYPE) == member_type).select(IDENTIFIER), member_type)
            absent = ours.join(there, on=SENT, how="anti").join(open_ones, on=SENT, how="anti")
            foreign = there.join(ours, on=SENT, how="anti").join(open_ones, on=SENT, how="anti")
            missing.append(_typed(absent.select(IDENTIFIER), member_type))
            strangers.append(_typed(foreign.select(pl.col(SENT).alias(IDENTIFIER)), member_type))
            actual += there.height
        found = replace(result, actual=actual, missing=pl.concat(missing), strangers=pl.concat(strangers))
        return replace(found, verdict=self._verdict(found), note=self._note(found))

    def _members(self, audience: Audience, member_type: str) -> pl.DataFrame:
        name, _, _ = member_type.partition(":")
        kind = self.destination.identifier_type(name)
        if kind is None:
            return pl.DataFrame(schema={SENT: pl.String})
        pages = [identifiers(page) for page in self.destination.members(audience, name)]
        frame = pl.concat(pages) if pages else identifiers()
        return normalise(frame, kind).unique().rename({IDENTIFIER: SENT})

    def _verdict(self, found: Comparison) -> Verdict:
        strangers_matter = found.stranger_count and self._may_remove_strangers
        return Verdict.DIFFERENT if found.missing_count or strangers_matter else Verdict.EQUAL

    def _note(self, found: Comparison) -> str:
        notes = []
        if found.missing_count:
            notes.append(f"missing, such as {'; '.join(found.sample)}")
            if not self.destination.names_rejections:
                notes.append(
                    f"{self.destination.label} may not know them: it only counts whom it does not take"
                )
        if found.stranger_count and not self._may_remove_strangers:
            notes.append("strangers stay, as they were not put there by this activation")
        return "; ".join(notes)

    def _compared_by_count(
        self, result: Comparison, audience: Audience, record: AudienceRecord
    ) -> Comparison:
        label, actual = self.destination.label, self.destination.size(audience)
        if actual is None:
            note = f"{label} says neither who is in an audience nor how many"
            return replace(result, verdict=Verdict.NOT_COMPARED, note=note)
        found = replace(result, actual=actual)
        if self.destination.count_note:
            note = f"{label} counts {self.destination.count_note}, so its number proves nothing"
            return replace(found, verdict=Verdict.NOT_COMPARED, note=note)
        low, high = result.expected - result.unsure, result.expected + result.unsure
        is_equal = low <= actual and (actual <= high or not record.is_ours)
        if is_equal:
            return found
        flags = "--full-refresh --ignore-schedule" if self.activation.schedule else "--full-refresh"
        note = f"{label} says only how many; run sync with {flags} to send all again"
        return replace(found, verdict=Verdict.DIFFERENT, note=note)


def _as_sent(members: pl.DataFrame, member_type: str) -> pl.DataFrame:
    """Put beside each identifier what the tool holds of it."""
    if member_type.endswith(f":{Form.SHA256}"):
        sent = pl.Series(SENT, [hashed(value) for value in members[IDENTIFIER]], dtype=pl.String)
        return members.with_columns(sent)
    return members.with_columns(pl.col(IDENTIFIER).alias(SENT))


def _typed(members: pl.DataFrame, member_type: str) -> pl.DataFrame:
    return members.select(pl.lit(member_type).alias(TYPE), IDENTIFIER)


def _by_type(members: pl.DataFrame | None) -> dict[str, pl.DataFrame]:
    parts: Iterable[tuple[tuple[object, ...], pl.DataFrame]] = (
        (nobody() if members is None else members).partition_by(TYPE, as_dict=True).items()
    )
    return {str(name): part.select(IDENTIFIER) for (name,), part in parts}
