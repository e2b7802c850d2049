"""The requests of the destination ``http`` as a person writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dbt_activate.destinations.http_endpoint.answers import Condition, Path, Rejected, Written
from dbt_activate.destinations.http_endpoint.templates import WrittenWrongError, texts, uses
from dbt_activate.problems import near_match

if TYPE_CHECKING:
    from dbt_activate.http.answer import Answer
    from dbt_activate.yaml_file import KeyPath


class Method(StrEnum):
    """An HTTP method."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Per(StrEnum):
    """How many members one request has."""

    DELIVERY = "delivery"
    MEMBER = "member"


GONE = (404, 410)
"""What most APIs answer where there is no such thing."""


class RequestTemplate(Written):
    """One request.

    Attributes:
        method: The HTTP method.
        path: Follows `base_url`, with a slash; values in it are percent-encoded.
        query: The query; what is null is left out.
        body: Mappings and lists, sent as JSON; or a text, sent as it is.
        content_type: What the body is.
        success: When it was carried out: statuses, a condition on the answer, or both. By default the
            entry's, and without that any 2xx.
    """

    KNOWN: ClassVar[frozenset[str]] = frozenset({"audience"})
    FIELDS: ClassVar[frozenset[str]] = frozenset({"id", "name", "description"})

    method: Method
    path: str = Field(pattern=r"^(/.*)?$")
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    success: Condition | None = None

    @property
    def known(self) -> frozenset[str]:
        """The names that its texts may use."""
        return self.KNOWN

    def texts(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield every text that is a template, and where it stands."""
        yield ("path",), self.path
        yield from texts(self.query, ("query",))
        yield from texts(self.body, ("body",))

    def uses(self, field: str) -> bool:
        """Tell whether it sends this of the audience."""
        return any(field in uses(text).fields for _, text in self.texts())

    def is_gone(self, answer: Answer, success: Condition) -> bool:
        """Tell whether an answer, in view of what is a success, says that the audience is not there."""
        del answer, success
        return False


class AudienceRequest(RequestTemplate):
    """A request about an audience that is there.

    Attributes:
        gone: Which answers say that the audience is not there; by default 404 and 410.
    """

    gone: Condition | None = None

    def is_gone(self, answer: Answer, success: Condition) -> bool:
        """Tell whether an answer, in view of what is a success, says that the audience is not there."""
        if self.gone:
            return self.gone.holds(answer)
        return answer.status in GONE and answer.status not in success.statuses


class MemberRequest(AudienceRequest):
    """A request that adds members, or removes them.

    Attributes:
        per: Whether one request has all members of a delivery, or each member has one of its own.
        rejected: How the answer says who was not taken. Sent per member, 422 says it by default.
    """

    per: Per = Per.DELIVERY
    rejected: Rejected | None = None

    @model_validator(mode="after")
    def _can_tell_who(self) -> MemberRequest:
        rejected = self.rejected
        if rejected and self.per is Per.DELIVERY and rejected.marks_answers and not rejected.path:
            raise ValueError("rejected needs a path: a whole delivery's answer has to say who was not taken")
        if rejected and self.per is Per.MEMBER and (rejected.path or rejected.count):
            raise ValueError("rejected.path and rejected.count go with `per: delivery` only")
        return self

    @property
    def known(self) -> frozenset[str]:
        """The names that its texts may use."""
        people = "identifiers" if self.per is Per.DELIVERY else "identifier"
        return frozenset({"audience", "operation", "identifier_type", people})

    @property
    def names_rejections(self) -> bool:
        """Whether the answer says which members were not taken."""
        return self.per is Per.MEMBER or bool(self.rejected and self.rejected.path)

    def is_rejected(self, answer: Answer) -> bool:
        """Tell whether an answer as a whole says that members were not taken."""
        if self.rejected is None:
            return self.per is Per.MEMBER and answer.status == 422
        return self.rejected.marks_answers and self.rejected.holds(answer)


class PagedRequest(AudienceRequest):
    """A request whose answer is a list, perhaps in pages.

    Attributes:
        items: Where the list is.
        next: Where the answer says that there is another page, and how it is called: it is then asked for,
            with that as ``cursor``, and its number, from 1, as ``page``. A page without items is the last.
    """

    items: Path | None = None
    next: Path | None = None


class FindRequest(PagedRequest):
    """Looks for an audience by name.

    Attributes:
        items: Where the list of audiences is; without it, the answer is one audience.
        id: Where, in one of them, its id is; null where the name is the id.
        name: Where, in one of them, its name is, which must be the wanted one exactly; null takes the first.
        description: Where, in one of them, its description is.
    """

    KNOWN = frozenset({"audience", "cursor", "page"})
    FIELDS = frozenset({"name", "description"})

    id: Path | None = "id"
    name: Path | None = "name"
    description: Path | None = None


class CreateRequest(RequestTemplate):
    """Makes an audience.

    Attributes:
        id: Where in the answer its id is; null where the name is the id.
        taken: Which answers say that the name is taken; by default 409.
    """

    FIELDS = frozenset({"name", "description"})

    id: Path | None = "id"
    taken: Condition = Condition(statuses=(409,))


class GetRequest(AudienceRequest):
    """Looks whether an audience is there, by its id.

    Attributes:
        name: Where its name is in the answer.
        description: Where its description is in the answer.
    """

    name: Path | None = None
    description: Path | None = None


class UpdateRequest(AudienceRequest):
    """Gives an audience another name or description.

    Attributes:
        taken: Which answers say that the name is taken; by default 409.
    """

    taken: Condition = Condition(statuses=(409,))


class ReadRequest(PagedRequest):
    """Reads members back.

    Attributes:
        items: Where the list of identifiers is.
    """

    KNOWN = frozenset({"audience", "identifier_type", "cursor", "page"})

    items: Path


class SizeRequest(AudienceRequest):
    """Asks how many members there are.

    Attributes:
        count: Where the number is.
    """

    count: Path


class CheckRequest(RequestTemplate):
    """Finds out whether the credentials are good."""

    KNOWN = frozenset()


class Requests(Written):
    """All requests; what is left out cannot be done.

    Attributes:
        add: Adds members.
        remove: Removes members.
        find: Looks for an audience by name.
        create: Makes an audience.
        get: Looks whether an audience is there, by its id.
        update: Gives an audience another name or description.
        clear: Takes everybody out.
        delete: Deletes an audience.
        read: Reads members back.
        size: Asks how many members there are.
        check: Finds out whether the credentials are good; changes nothing.
    """

    add: MemberRequest
    remove: MemberRequest
    find: FindRequest | None = None
    create: CreateRequest | None = None
    get: GetRequest | None = None
    update: UpdateRequest | None = None
    clear: AudienceRequest | None = None
    delete: AudienceRequest | None = None
    read: ReadRequest | None = None
    size: SizeRequest | None = None
    check: CheckRequest | None = None

    @model_validator(mode="after")
    def _finds_what_it_makes(self) -> Requests:
        if self.create and self.create.id and not self.find:
            raise ValueError(
                "create needs find beside it: where the answer to a create is lost, the audience has to be "
                "looked for. Or set create.id to null, if the name is the id"
            )
        return self

    @property
    def names_are_ids(self) -> bool:
        """Whether an audience's name is its id, so that none has to be looked for."""
        return self.create.id is None if self.create else self.find is None

    def given(self) -> Iterator[tuple[str, RequestTemplate]]:
        """Yield the requests that are there, by name."""
        for name in type(self).model_fields:
            if request := getattr(self, name):
                yield name, request

    def check_texts(self, variables: Mapping[str, Any]) -> None:
        """Look whether every text is a template, of names that are there.

        Raises:
            ValidationError: Some are not; each is named with the place where it stands.
        """
        found = [
            InitErrorDetails(
                type=PydanticCustomError("template", "{why}", {"why": why}), loc=(name, *path), input=None
            )
            for name, request in self.given()
            for path, text in request.texts()
            if (why := _what_is_wrong(request, text, variables))
        ]
        if found:
            raise ValidationError.from_exception_data("requests", found, hide_input=True)


def _what_is_wrong(request: RequestTemplate, text: str, variables: Mapping[str, Any]) -> str:
    try:
        needed = uses(text)
    except WrittenWrongError as error:
        return str(error)
    known = request.known | variables.keys()
    for name in sorted(needed.names - known):
        if name in ("env_var", "var", "target"):
            return f"may not use {name} here. Use it under `variables`, and the variable here"
        return f"uses {name!r}, which is not known here. {near_match(name, known)}".rstrip(". ")
    for field in sorted(needed.fields - request.FIELDS):
        return f"uses audience.{field}, which is not known here. {near_match(field, request.FIELDS)}".rstrip(
            ". "
        )
    return ""
