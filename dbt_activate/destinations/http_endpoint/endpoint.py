"""Any HTTP API that takes members in and out: its requests are written in ``destinations.yml``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_activate.delivery import Audience, Operation, Receipt, Rejection
from dbt_activate.destination import CheckResult, Destination, Wanted
from dbt_activate.destinations import any_identifier
from dbt_activate.destinations.http_endpoint.answers import counted, listed, look_up
from dbt_activate.destinations.http_endpoint.exchange import Exchange, Verdict
from dbt_activate.destinations.http_endpoint.not_taken import read_rejection, read_rejections
from dbt_activate.destinations.http_endpoint.requests import Method, Per
from dbt_activate.destinations.http_endpoint.settings import HttpSettings
from dbt_activate.destinations.http_endpoint.templates import LeadsElsewhereError
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    RefusedError,
)
from dbt_activate.http.answer import LostAnswerError, RefusedAnswerError
from dbt_activate.http.client import warm_up
from dbt_activate.http.making import make_audience
from dbt_activate.http.portions import Portions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.delivery import Delivery
    from dbt_activate.destinations.http_endpoint.requests import (
        AudienceRequest,
        FindRequest,
        MemberRequest,
        PagedRequest,
    )
    from dbt_activate.http.answer import Answer
    from dbt_activate.identifiers import IdentifierType
    from dbt_activate.throttle import Throttles

MEMBERS_EACH = 100
TAKEN = "taken"
"""How many members a delivery has where each is a request of its own."""


class Http(Destination):
    """Audiences behind any HTTP API."""

    type_name = "http"
    label = "HTTP"
    identifier_types = any_identifier.KNOWN
    other_identifiers = any_identifier.OTHERS
    delivery_size = 1000
    # What is true depends on the requests that an entry has.
    has_descriptions = changes_descriptions = renames = False

    Settings = HttpSettings

    def __init__(self, settings: HttpSettings, throttles: Throttles) -> None:
        self._settings = settings
        self._requests = requests = settings.requests
        self._exchange = Exchange(settings, throttles)
        pushes = (requests.add, requests.remove)
        usual_size = MEMBERS_EACH if any(push.per is Per.MEMBER for push in pushes) else self.delivery_size
        self.delivery_size = settings.delivery_size or usual_size
        self._portions = Portions(self.delivery_size)
        self.delivery_bytes = settings.delivery_bytes
        self.names_rejections = any(push.names_rejections for push in pushes)
        self.reads_members = requests.read is not None
        self.counts_members = requests.size is not None
        self.clears = requests.clear is not None
        self.deletes = requests.delete is not None
        self.renames = requests.update is not None and requests.update.uses("name")
        self.changes_descriptions = requests.update is not None and requests.update.uses("description")
        self.has_descriptions = self.changes_descriptions or (
            requests.create is not None and requests.create.uses("description")
        )

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Return an identifier type: e-mail addresses are known, and any other name is taken."""
        return any_identifier.any_identifier(name)

    @classmethod
    def account(cls, settings: HttpSettings) -> tuple[str, ...]:
        """Names of audiences are taken to be unique under one URL, but for entries that say otherwise."""
        return (cls.type_name, settings.base_url, settings.account)

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def check(self) -> CheckResult:
        """Send the request for it, if there is one."""
        host, request = self._settings.host, self._requests.check
        if request is None:
            line = f"Nothing was asked of {host}: the entry has no `check` among its requests."
            return CheckResult(passed=True, lines=(line,))
        try:
            self._exchange.send("check", request, {})
        except (AccessError, RefusedError) as error:
            return CheckResult(passed=False, lines=(str(error),))
        return CheckResult(
            passed=True, lines=(f"{host} answered {request.method} {request.path} with a success.",)
        )

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find an audience. Without a request for it, one that has an id is believed to be there."""
        if remote_id is not None:
            return self._get(wanted, remote_id)
        request = self._requests.find
        return self._search(request, wanted) if request else None

    def create(self, wanted: Wanted) -> Audience:
        """Make an audience; where the name turns out to be taken, return the one that has it.

        Without a request for it, and without one to find it, the name is all there is to an audience.
        """
        if self._requests.create is None and self._requests.find:
            raise RefusedError(
                f"The endpoint has no audience {wanted.name!r}, and the entry has no `create` among its "
                "requests. Make the audience there, or add the request."
            )
        return make_audience(
            lambda: self._create(wanted),
            lambda: self.find(wanted, None),
            lambda refused: _taken(wanted.name) if refused.code == TAKEN else None,
        )

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename or describe an audience."""
        request = self._requests.update
        same = (audience.description or "") == wanted.description
        if request is None or (same and audience.name != wanted.name and not self.renames):
            return super().update(audience, wanted)
        about = {"id": audience.remote_id, "name": wanted.name, "description": wanted.description}
        verdict, _ = self._exchange.send("update", request, {"audience": about})
        if verdict is Verdict.TAKEN:
            raise AudienceTakenError(
                f"{audience.name!r} cannot be renamed to {wanted.name!r}: another audience has that name. "
                "Choose another one."
            )
        _expect_there(verdict, audience)
        name = wanted.name if self.renames else audience.name
        return replace(audience, name=name, description=wanted.description or None)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove members: all in one request, or each in one of its own."""
        request = self._requests.add if delivery.operation is Operation.ADD else self._requests.remove
        if request.per is Per.DELIVERY:
            return self._portions.send(delivery, lambda part: self._push(audience, part, request))
        people = enumerate(delivery.identifiers)
        each = (self._push_one(audience, delivery, request, position, who) for position, who in people)
        return Receipt(rejections=tuple(filter(None, each)))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the members of an audience."""
        request = self._requests.read
        if request is None:
            return super().members(audience, identifier_type)
        names = {"audience": _about(audience), "identifier_type": identifier_type}
        pages = self._pages("read", request, names, audience=audience)
        return ([str(one) for one in page] for page in pages)

    def size(self, audience: Audience) -> int | None:
        """Return the number that the endpoint gives."""
        if self._requests.size is None:
            return None
        answer = self._ask("size", self._requests.size, audience)
        return counted(look_up(self._requests.size.count, answer.body))

    def clear(self, audience: Audience) -> None:
        """Take everybody out."""
        if self._requests.clear is None:
            return super().clear(audience)
        self._ask("clear", self._requests.clear, audience)
        return None

    def delete(self, audience: Audience) -> None:
        """Delete an audience; one that is gone is fine."""
        if self._requests.delete is None:
            return super().delete(audience)
        self._exchange.send("delete", self._requests.delete, {"audience": _about(audience)})
        return None

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()

    def _get(self, wanted: Wanted, remote_id: str) -> Audience | None:
        named = remote_id if self._requests.names_are_ids else wanted.name
        believed = Audience(remote_id, named, wanted.description or None)
        request = self._requests.get
        if request is None:
            return believed
        verdict, answer = self._exchange.send("get", request, {"audience": _about(believed)})
        if verdict is Verdict.GONE:
            return None
        name = look_up(request.name, answer.body)
        description = look_up(request.description, answer.body) if request.description else wanted.description
        return Audience(remote_id, named if name is None else str(name), description or None)

    def _search(self, request: FindRequest, wanted: Wanted) -> Audience | None:
        about = {"name": wanted.name, "description": wanted.description}
        for page in self._pages("find", request, {"audience": about}):
            for item in page:
                name = look_up(request.name, item)
                if request.name is None or name == wanted.name:
                    found = wanted.name if request.id is None else look_up(request.id, item)
                    description = look_up(request.description, item)
                    return Audience(_id(found, "find"), wanted.name, description or None)
        return None

    def _create(self, wanted: Wanted) -> Audience:
        request = self._requests.create
        if request is None:
            return Audience(wanted.name, wanted.name)
        about = {"name": wanted.name, "description": wanted.description}
        verdict, answer = self._exchange.send(
            "create", request, {"audience": about}, idempotent=request.method is Method.PUT
        )
        described = (request.uses("description") and wanted.description) or None
        if request.id is None:
            return Audience(wanted.name, wanted.name, described)
        if verdict is Verdict.TAKEN:
            raise RefusedAnswerError("The name is taken.", status=answer.status, code=TAKEN)
        try:
            return Audience(_id(look_up(request.id, answer.body), "create"), wanted.name, described)
        except RefusedError as error:
            unseen = LostAnswerError(str(error))  # it was made all the same
        raise unseen

    def _push(self, audience: Audience, delivery: Delivery, request: MemberRequest) -> Receipt:
        """Send members in one request, and again without those for whom it was not taken as a whole."""
        left = list(range(len(delivery.identifiers)))
        rejections: list[Rejection] = []
        while left:
            people = [delivery.identifiers[position] for position in left]
            verdict, answer = self._send_members(audience, delivery, request, identifiers=people)
            receipt = read_rejections(request.rejected, answer.body, people)
            rejections += [replace(each, position=left[each.position]) for each in receipt.rejections]
            if verdict is not Verdict.REJECTED:
                return replace(receipt, rejections=tuple(rejections))
            if not receipt.rejections:
                raise _nobody_named(request, delivery, answer)
            refused = {each.position for each in rejections}
            left = [position for position in left if position not in refused]
        return Receipt(rejections=tuple(rejections))

    def _push_one(
        self, audience: Audience, delivery: Delivery, request: MemberRequest, position: int, person: str
    ) -> Rejection | None:
        try:
            verdict, answer = self._send_members(audience, delivery, request, identifier=person)
        except LeadsElsewhereError:
            return Rejection(position, "path", "this identifier cannot stand in a path")
        if verdict is not Verdict.REJECTED:
            return None
        return read_rejection(request.rejected, answer.body, answer.status, position, person)

    def _send_members(
        self, audience: Audience, delivery: Delivery, request: MemberRequest, **people: Any
    ) -> tuple[Verdict, Answer]:
        operation = delivery.operation.value
        names = {
            "audience": _about(audience),
            "operation": operation,
            "identifier_type": delivery.identifier_type,
        }
        verdict, answer = self._exchange.send(operation, request, names | people, personal=True)
        _expect_there(verdict, audience)
        return verdict, answer

    def _ask(self, name: str, request: AudienceRequest, audience: Audience) -> Answer:
        verdict, answer = self._exchange.send(name, request, {"audience": _about(audience)})
        _expect_there(verdict, audience)
        return answer

    def _pages(
        self, name: str, request: PagedRequest, names: Mapping[str, Any], *, audience: Audience | None = None
    ) -> Iterator[list[Any]]:
        """Yield lists from an answer and its further pages.

        Raises:
            AudienceGoneError: `audience` is not there; where none is given, there is nothing then.
            RefusedError: The same page comes again and again.
        """
        cursor, number, last = None, 1, None
        while True:
            paged = {**names, "cursor": cursor, "page": number}
            verdict, answer = self._exchange.send(name, request, paged, personal=audience is not None)
            if audience:
                _expect_there(verdict, audience)
            gone = verdict is Verdict.GONE
            items = (
                [] if gone else listed(look_up(request.items, answer.body) if request.items else answer.body)
            )
            cursor, number = look_up(request.next, answer.body), number + 1
            if items and (cursor, items) == last:
                raise RefusedError(
                    f"The endpoint answers requests.{name} with the same page again. Use `cursor` or `page` "
                    "in it as the endpoint wants, or correct `next`, in destinations.yml."
                )
            yield items
            if not cursor or not items:
                return
            last = (cursor, items)


def _about(audience: Audience) -> dict[str, str | None]:
    return {"id": audience.remote_id, "name": audience.name, "description": audience.description}


def _id(found: Any, name: str) -> str:
    if found is None or found == "" or isinstance(found, bool | dict | list):
        raise RefusedError(
            f"The endpoint's answer has no id where requests.{name}.id in destinations.yml says. Correct it."
        )
    return str(found)


def _expect_there(verdict: Verdict, audience: Audience) -> None:
    if verdict is Verdict.GONE:
        raise AudienceGoneError(
            f"The endpoint says that the audience {audience.name!r} ({audience.remote_id}) is not there. If "
            "it is, check base_url and the paths in destinations.yml; if it was deleted, run dbt-activate "
            "sync again."
        )


def _taken(name: str) -> AudienceTakenError:
    return AudienceTakenError(
        f"The endpoint says that the name {name!r} is taken, but shows no such audience. Choose another "
        "name, or correct requests.find in destinations.yml."
    )


def _nobody_named(request: MemberRequest, delivery: Delivery, answer: Answer) -> RefusedError:
    path = request.rejected.path if request.rejected else None
    return RefusedError(
        f"The endpoint answered {request.method} {request.path} with {answer.status}, and at {path!r} its "
        "answer names nobody who was sent. "
        f"Correct requests.{delivery.operation.value}.rejected in destinations.yml."
    )
