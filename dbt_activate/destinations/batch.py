"""Batch, the customer engagement platform: an audience of a project, which holds custom user ids.

Reference: https://doc.batch.com/developer/api/cep/audiences. Batch knows an audience by its API name. What
it accepts is indexed later: every change is answered with a token by which it can be followed. Members
cannot be read back, only counted. The older API for single apps (MEP) is another one, and not used here;
neither is the profile API, whose update makes a profile of everybody whom it does not know.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, Field, model_validator

from dbt_activate.delivery import Audience, Confirmation, Delivery, Operation, Receipt
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations.batch_api import (
    AudienceCalls,
    BatchSettings,
    Following,
    gone,
    indexing_token,
    not_taken,
)
from dbt_activate.errors import AccessError, AuthenticationError, RefusedError, UnavailableError
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.http.client import warm_up
from dbt_activate.http.making import make_audience
from dbt_activate.http.portions import Portions
from dbt_activate.identifiers import CUSTOMER_ID, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

HELD_TYPE = "CUSTOM_ID"
"""How Batch reads the type ``custom_ids`` back."""

_API_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def _api_name(text: str) -> str:
    if not _API_NAME.fullmatch(text):
        raise ValueError(
            f"may hold only letters without accents, digits, _ and -, and at most 255 of them{_example(text)}"
        )
    return text


def _example(name: object) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", str(name or "")).strip("_")[:255]
    return f"; for example {slug}" if slug else ""


ApiName = Annotated[str, AfterValidator(_api_name), Field(json_schema_extra={"pattern": _API_NAME.pattern})]


class Batch(Destination):
    """Audiences of one project."""

    type_name = "batch"
    label = "Batch"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {CUSTOMER_ID.name: CUSTOMER_ID}
    one_identifier = True
    delivery_size = 10_000  # https://doc.batch.com/developer/api/cep/audiences/update
    concurrency = 4  # fills one request a second if each takes four
    shares_requests = True
    confirms_later = True
    counts_members = True
    has_descriptions = False
    changes_descriptions = False
    renames = False
    clears = True
    deletes = True

    Settings = BatchSettings

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            api_name: By which Batch knows the audience in every call. Letters without accents, digits,
                ``_`` and ``-``, at most 255; case matters. Unique in the project, and never changed.
            name: The display name in Batch's dashboard. It is set once: Batch cannot change it.
            description: Not sent: audiences have none at Batch.
            remote_id: The same as `api_name`, if it is given: then the audience must be there already.
        """

        api_name: ApiName

        @model_validator(mode="before")
        @classmethod
        def _ask_for_api_name(cls, given: Any) -> Any:
            if isinstance(given, dict) and given.get("api_name") is None:
                raise ValueError(
                    "needs api_name: Batch knows an audience by it in every call and can never change it, so "
                    f"it is asked for and not made from a name{_example(given.get('name'))}"
                )
            return given

    def __init__(self, settings: BatchSettings, throttles: Throttles) -> None:
        self._settings = settings
        self._calls = AudienceCalls(settings, throttles)
        self._portions = Portions(self.delivery_size)

    @classmethod
    def account(cls, settings: BatchSettings) -> tuple[str, ...]:
        """API names are unique in a project."""
        return (cls.type_name, settings.host, settings.project_key)

    @classmethod
    def identity(cls, settings: BatchSettings, wanted: Wanted) -> tuple[str, ...]:
        """Two audiences may have one display name, but never one API name."""
        return (*cls.account(settings), _name_of(wanted))

    @classmethod
    def check_audience(
        cls, settings: BatchSettings, wanted: Wanted, mapping: Mapping[str, str]
    ) -> Sequence[str]:
        """Refuse an id that is not the API name."""
        del settings, mapping
        if wanted.remote_id in (None, _name_of(wanted)):
            return ()
        problem = (
            f"remote_id is {wanted.remote_id!r} and api_name is {_name_of(wanted)!r}, but at Batch they are "
            "one: put the API name of the audience that is there into api_name, and leave remote_id out."
        )
        return (problem,)

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def check(self) -> CheckResult:
        """Ask for one audience: both keys are good if there is an answer. No profile is touched."""
        count = self._calls.count()
        there = "" if count is None else f" (audiences in it: {count})"
        line = f"The keys are good, and open the project {self._settings.project_key}{there}."
        return CheckResult(passed=True, lines=(line,))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find an audience by its API name, which is its id."""
        shown = self._calls.view(remote_id or _name_of(wanted))
        return None if shown is None else self._audience(shown)

    def can_be(self, wanted: Wanted, remote_id: str) -> bool:
        """Another API name is another audience."""
        return remote_id == _name_of(wanted)

    def create(self, wanted: Wanted) -> Audience:
        """Make an audience, and wait until Batch shows it: a change sent before might not find it.

        Where the API name turns out to be taken, the audience that has it is returned.
        """
        name = _name_of(wanted)

        def create() -> Audience:
            self._calls.post(
                "create", idempotent=False, name=name, display_name=wanted.name, type="custom_ids"
            )
            return self._shown_after_making(name) or Audience(name, wanted.name)

        def taken(refused: RefusedAnswerError) -> RefusedAnswerError | None:
            # How a taken name is refused is not documented: most likely with one of these.
            return refused if refused.status in (400, 409) else None

        return make_audience(create, lambda: self._shown(name), taken)

    def _shown(self, name: str) -> Audience | None:
        """Wait until Batch shows an audience; None if it does not."""
        shown = self._calls.poll(lambda: self._calls.view(name), limit_seconds=self._calls.appears_within)
        return None if shown is None else self._audience(shown)

    def _shown_after_making(self, name: str) -> Audience | None:
        try:
            return self._shown(name)
        except (RefusedError, AccessError, AuthenticationError) as error:
            # Any of these would say that it was not made.
            failure = UnavailableError(f"Batch made the audience {name!r}, and then did not show it: {error}")
        raise failure

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove ids, in one request if Batch finds it not too large."""
        leaving = delivery.identifiers if delivery.operation is Operation.REMOVE else ()
        return self._send(audience, delivery, frozenset(leaving))

    def push_together(
        self, audience: Audience, removal: Delivery, addition: Delivery
    ) -> tuple[Receipt, Receipt]:
        """Remove and add in one request."""
        both = replace(addition, identifiers=(*removal.identifiers, *addition.identifiers))
        receipt = self._send(audience, both, frozenset(removal.identifiers))
        return Receipt(reference=receipt.reference), receipt

    def confirm(self, audience: Audience, references: Sequence[str]) -> Confirmation:
        """Follow all tokens, the latest first, until their changes are applied or time is over."""
        following = Following(self._calls, audience, references)
        seconds = self._settings.confirm_seconds
        if not seconds:
            note = "Batch was not asked whether it has applied the changes (confirm_seconds is 0)."
            return Confirmation(following.unconfirmed, note)
        deadline = time.monotonic() + seconds
        self._calls.poll(lambda: following.ask(deadline), limit_seconds=seconds)
        return Confirmation(following.unconfirmed, following.note)

    def size(self, audience: Audience) -> int | None:
        """Return how many ids the audience has, of the changes that are applied."""
        shown = self._calls.view(audience.remote_id)
        if shown is None:
            raise gone(audience)
        count = shown.get("nb_ids")
        return count if isinstance(count, int) else None

    def clear(self, audience: Audience) -> None:
        """Replace everybody by nobody; where Batch does not take that, delete the audience and make it anew.

        Returns once it is empty: what is sent next must not be overtaken. Not atomic in the second case.
        """
        if self._replace_by_nobody(audience):
            return
        if not self._remove(audience, self._patience):
            raise _unfinished(audience, "deletion", self._patience)
        self.create(self.AudienceSettings(name=audience.name, api_name=audience.remote_id))

    def delete(self, audience: Audience) -> None:
        """Delete an audience, and give Batch a while to let go of its API name."""
        self._remove(audience, self._calls.appears_within)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()

    @property
    def _patience(self) -> float:
        """How long a step may take on which the next one depends."""
        return max(self._settings.confirm_seconds, self._calls.appears_within)

    def _audience(self, shown: Mapping[str, Any]) -> Audience:
        api_name = str(shown.get("name"))
        held = str(shown.get("type") or HELD_TYPE).upper()
        if held.rstrip("S") != HELD_TYPE:
            raise RefusedError(
                f"The audience {api_name!r} of project {self._settings.project_key} at Batch is of type "
                f"{held}, and holds no custom user ids. Choose another api_name."
            )
        return Audience(api_name, str(shown.get("display_name") or api_name))

    def _send(self, audience: Audience, delivery: Delivery, leaving: frozenset[str]) -> Receipt:
        with self._gone_if_unknown(audience):
            return self._portions.send(delivery, lambda part: self._change(audience, part, leaving))

    def _change(self, audience: Audience, delivery: Delivery, leaving: frozenset[str]) -> Receipt:
        ids = [{"action": "remove" if one in leaving else "add", "id": one} for one in delivery.identifiers]
        body = self._calls.post("update", personal=True, name=audience.remote_id, ids=ids)
        return Receipt(
            unnamed_rejections=min(not_taken(body), len(ids)), reference=indexing_token(body) or None
        )

    def _replace_by_nobody(self, audience: Audience) -> bool:
        """Empty an audience in one call; False where Batch refuses, or has done nothing."""
        try:
            with self._gone_if_unknown(audience):
                body = self._calls.post("replace", name=audience.remote_id, ids=[])
        except RefusedAnswerError as refused:
            if refused.status != 400:
                raise
            return False
        following = Following(self._calls, audience, [indexing_token(body)])
        if not self._calls.poll(following.ask, limit_seconds=self._patience):
            raise _unfinished(audience, "clearing", self._patience)
        emptied = self._calls.poll(
            lambda: True if not self.size(audience) else None, limit_seconds=self._calls.appears_within
        )
        return bool(emptied)

    def _remove(self, audience: Audience, limit_seconds: float) -> bool:
        """Delete an audience; tell whether Batch has ceased to show it in time."""
        name = audience.remote_id
        try:
            self._calls.post("remove", name=name)
        except RefusedAnswerError as refused:
            if refused.status not in (400, 404) or self._calls.view(name) is not None:
                raise
        gone = self._calls.poll(
            lambda: True if self._calls.view(name) is None else None, limit_seconds=limit_seconds
        )
        return bool(gone)

    @contextmanager
    def _gone_if_unknown(self, audience: Audience) -> Iterator[None]:
        """Look whether a refused change was refused because the audience is gone.

        Batch documents a 404 for ``view`` only, and gives no code for it elsewhere.
        """
        try:
            yield
        except RefusedAnswerError as refused:
            if refused.status not in (400, 404) or self._calls.view(audience.remote_id) is not None:
                raise
            raise gone(audience) from None


def _name_of(wanted: Wanted) -> str:
    return cast("Batch.AudienceSettings", wanted).api_name


def _unfinished(audience: Audience, what: str, seconds: float) -> UnavailableError:
    return UnavailableError(
        f"Batch accepted the {what} of {audience.name!r} ({audience.remote_id}), but had not carried it out "
        f"after {seconds:.0f} seconds. Nothing was sent after it. Run it again later."
    )
