"""Destinations that are broken in one way each, and the promise that each of them breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from dbt_acme.destination import Acme
from pydantic import ConfigDict

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import CheckResult, DestinationSettings, Wanted
from dbt_activate.errors import AudienceGoneError, AuthenticationError, DestinationError, UnavailableError
from dbt_activate.throttle import Throttles


class Broken(Acme):
    """Sound in itself.

    Attributes:
        promise: The test that its subclass fails.
    """

    promise: ClassVar[str]


class AddReplaces(Broken):
    """Who is added takes the place of all others."""

    promise = "test_strangers_stay"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        if delivery.operation is Operation.ADD:
            self.clear(audience)
        return super().push(audience, delivery)


class RemoveIgnores(Broken):
    """Nobody ever leaves."""

    promise = "test_members_enter_and_leave"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        return Receipt() if delivery.operation is Operation.REMOVE else super().push(audience, delivery)


class DropsTheLast(Broken):
    """The last of a full delivery is lost."""

    promise = "test_a_full_delivery"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        return super().push(audience, replace(delivery, identifiers=delivery.identifiers[:999]))


class SendsTooMany(Broken):
    """It declares more members than the tool takes at once."""

    promise = "test_a_full_delivery"
    delivery_size = 1_001


class SpellsAnew(Broken):
    """Identifiers are sent otherwise than they were given."""

    promise = "test_members_enter_and_leave"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        return super().push(
            audience, replace(delivery, identifiers=[one.upper() for one in delivery.identifiers])
        )


class KnowsOneType(Broken):
    """Whatever the type of identifier, it is sent as an e-mail."""

    promise = "test_every_type_of_identifier"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        return super().push(audience, replace(delivery, identifier_type="email"))


class SharesWhatItSends(Broken):
    """Two threads send what one of them was given."""

    promise = "test_deliveries_side_by_side"
    given: Delivery

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        self.given = delivery
        time.sleep(0.01)
        return super().push(audience, self.given)


class FindsByPrefix(Broken):
    """A longer name is taken for the wanted one."""

    promise = "test_an_audience_is_found_by_id_and_by_exact_name"

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        if remote_id:
            return super().find(wanted, remote_id)
        for page in self._pages("/groups", "groups", name=wanted.name):
            for group in page:
                return Audience(group["id"], group["name"], group["note"])
        return None


class FindsOnTheFirstPage(Broken):
    """An audience that is listed late is not found."""

    promise = "test_many_audiences"

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        groups = next(self._pages("/groups", "groups"))
        named = (one for one in groups if one["id"] == remote_id or one["name"] == wanted.name)
        return next((Audience(one["id"], one["name"], one["note"]) for one in named), None)


class RemembersTheMaking(Broken):
    """Only who made an audience finds it."""

    promise = "test_the_next_run_finds_it"
    made: dict[str, Audience]

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        known = super().find(wanted, remote_id)
        return known if known and known.remote_id in getattr(self, "made", {}) else None

    def create(self, wanted: Wanted) -> Audience:
        audience = super().create(wanted)
        self.made = {**getattr(self, "made", {}), audience.remote_id: audience}
        return audience


class MakesASecond(Broken):
    """A request to make an audience is sent again when its answer is lost."""

    promise = "test_trouble_that_passes_is_made_good[create-CUT_APPLIED]"

    def create(self, wanted: Wanted) -> Audience:
        found = self.find(wanted, None)
        if found:
            return found
        group = self._call("POST", "/groups", {"name": wanted.name, "note": wanted.description})
        return Audience(group["id"], group["name"], group["note"] or None)


class MakesBlindly(Broken):
    """An audience that is there is made once more."""

    promise = "test_making_an_audience_that_is_there"

    def create(self, wanted: Wanted) -> Audience:
        group = self._call(
            "POST", "/groups", {"name": wanted.name, "note": wanted.description}, idempotent=False
        )
        return Audience(group["id"], group["name"], group["note"] or None)


class GivesUpOnALostAnswer(Broken):
    """Nobody looks whether the audience was made."""

    promise = "test_trouble_that_passes_is_made_good[create-TRUNCATED]"
    create = MakesBlindly.create


class LooksAtWhatItMade(Broken):
    """An audience that was made counts as refused where it cannot be shown."""

    promise = "test_a_making_that_is_refused_made_nothing"

    def create(self, wanted: Wanted) -> Audience:
        audience = super().create(wanted)
        self.size(audience)
        return audience


class PretendsToRename(Broken):
    """A rename is answered, and never sent."""

    promise = "test_renaming"

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        return replace(audience, name=wanted.name)


class DeclaresTooLittle(Broken):
    """It renames although it says that it cannot."""

    promise = "test_renaming"
    renames = False


class SwallowsErrors(Broken):
    """A tool that is not there is taken for one that said yes."""

    promise = "test_trouble_that_lasts_is_told_and_ends[add-UNAVAILABLE]"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        try:
            return super().push(audience, delivery)
        except UnavailableError:
            return Receipt()


class InsistsOnARefusal(Broken):
    """What the tool calls wrong is sent again and again."""

    promise = "test_a_refusal_is_told_at_once[add]"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        for _ in range(10):
            try:
                return super().push(audience, delivery)
            except DestinationError as error:
                failure = error
        raise failure


class MissesThatItIsGone(Broken):
    """A group that is gone takes every member."""

    promise = "test_an_audience_that_is_gone"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        try:
            return super().push(audience, delivery)
        except AudienceGoneError:
            return Receipt()


class HasItsOwnWaits(Broken):
    """It does not hear that the run was stopped."""

    promise = "test_a_run_that_is_stopped_sends_nothing[add]"

    def __init__(self, settings: Any, throttles: Throttles) -> None:
        super().__init__(settings, Throttles(throttles.retry))


class NamesPeople(Broken):
    """Its errors say whom they are about."""

    promise = "test_nothing_personal_is_told[UNAVAILABLE]"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        try:
            return super().push(audience, delivery)
        except DestinationError as error:
            raise type(error)(f"{error} It was about {delivery.identifiers[0]}.") from None


class HasThemInTheCause(Broken):
    """The error is discreet, and what is behind it is not."""

    promise = "test_nothing_personal_is_told[REFUSED]"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        try:
            return super().push(audience, delivery)
        except DestinationError as error:
            raise error from ValueError(str(delivery.identifiers))


class ShowsItsToken(Broken):
    """The token is a text like any other."""

    promise = "test_secrets_are_declared"

    class Settings(DestinationSettings):  # type: ignore[assignment]  # that is what is wrong with it
        """The keys, with the token in clear."""

        token: str
        base_url: str


class TakesAnyKey(Broken):
    """A key that is misspelt is passed over."""

    promise = "test_settings_keep_their_secrets"

    class Settings(Acme.Settings):
        """The keys, and whatever else."""

        model_config = ConfigDict(extra="ignore")


class ForgivesAWrongToken(Broken):
    """Where it may not look, it sees nobody."""

    promise = "test_wrong_credentials_are_not_tried_again[find]"

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        try:
            return super().find(wanted, remote_id)
        except AuthenticationError:
            return None


class PassesEveryCheck(Broken):
    """It finds nothing wrong, ever."""

    promise = "test_wrong_credentials_fail_the_check"

    def check(self) -> CheckResult:
        return CheckResult(True, ("All is well.",))


class ChecksByWriting(Broken):
    """It makes a group to see whether it can."""

    promise = "test_checking_changes_nothing"

    def check(self) -> CheckResult:
        self.create(self.AudienceSettings(name="Check"))
        return super().check()


class MiscountsRejections(Broken):
    """It names the neighbours of those who were not taken."""

    promise = "test_people_that_the_tool_does_not_take"

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        receipt = super().push(audience, delivery)
        moved = tuple(replace(one, position=one.position + 1) for one in receipt.rejections)
        return replace(receipt, rejections=moved)


class ReadsOnePage(Broken):
    """It reads the first members and stops."""

    promise = "test_reading_many_pages_of_members"

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        yield next(super().members(audience, identifier_type))


class CountsWrong(Broken):
    """It counts one too many."""

    promise = "test_counting_members"

    def size(self, audience: Audience) -> int | None:
        return (super().size(audience) or 0) + 1


class ClearsNobody(Broken):
    """Clearing is answered, and never sent."""

    promise = "test_clearing"

    def clear(self, audience: Audience) -> None:
        del audience


class DeletesMore(Broken):
    """It deletes all that there is."""

    promise = "test_deleting"

    def delete(self, audience: Audience) -> None:
        del audience
        for page in list(self._pages("/groups", "groups")):
            for group in page:
                self._call("DELETE", f"/groups/{group['id']}")


class LeavesAThread(Broken):
    """A thread of its own outlives it."""

    promise = "test_closing_leaves_nothing_behind"

    def get_ready(self) -> None:
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()


class LeavesConnections(Broken):
    """Closing closes nothing."""

    promise = "test_closing_leaves_nothing_behind"

    def close(self) -> None:
        return


class CallsAtOnce(Broken):
    """It sends something before anybody asked it to."""

    promise = "test_making_a_destination_sends_nothing"

    def __init__(self, settings: Any, throttles: Throttles) -> None:
        super().__init__(settings, throttles)
        self.check()


BROKEN = tuple(Broken.__subclasses__())
