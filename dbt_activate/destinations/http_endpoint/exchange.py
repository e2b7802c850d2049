"""One request of an entry, filled in and sent, and what its answer comes to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from dbt_activate.destinations.http_endpoint.answers import Condition, look_up
from dbt_activate.destinations.http_endpoint.requests import (
    CreateRequest,
    MemberRequest,
    RequestTemplate,
    UpdateRequest,
)
from dbt_activate.destinations.http_endpoint.settings import LABEL, AnswerFormat, credentials
from dbt_activate.destinations.http_endpoint.templates import as_bytes, as_text, render, render_path
from dbt_activate.http.answer import Answer, Fault, Kind, Request, kind_of
from dbt_activate.http.client import Client
from dbt_activate.http.discretion import discretion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.destinations.http_endpoint.settings import HttpSettings
    from dbt_activate.throttle import Throttles

SHORTEST_SECRET = 4


class Verdict(Enum):
    """What an answer comes to."""

    DONE = auto()
    """The request was carried out."""
    REJECTED = auto()
    """Members were not taken."""
    GONE = auto()
    """The audience is not there."""
    TAKEN = auto()
    """Another audience has the name."""
    FAILED = auto()
    """Something else."""


@dataclass(frozen=True, slots=True, repr=False)
class FilledRequest(Request):
    """A request made from a template. Its text form is the template: its path may hold an identifier.

    Attributes:
        shown: The path as it stands in the file.
    """

    shown: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.shown}".rstrip()

    def __repr__(self) -> str:
        return f"FilledRequest({self})"


class Exchange:
    """Sends the requests of one entry, for any number of threads."""

    def __init__(self, settings: HttpSettings, throttles: Throttles) -> None:
        """Make ready to send; sends nothing yet."""
        self._settings = settings
        self._variables = {name: value.get_secret_value() for name, value in settings.variables.items()}
        self._retry = throttles.retry
        self._throttle = throttles.get(
            ("http", settings.base_url, settings.account), settings.requests_per_minute
        )
        self._credentials = credentials(settings, self._throttle, throttles)
        self._clients: dict[str, Client] = {}
        self._opening = threading.Lock()

    def send(
        self,
        name: str,
        template: RequestTemplate,
        names: Mapping[str, Any],
        *,
        idempotent: bool = True,
        personal: bool = False,
    ) -> tuple[Verdict, Answer]:
        """Send one request, and judge its answer; `Verdict.FAILED` is raised as an error.

        Args:
            name: Its key under ``requests:``.
            template: The request.
            names: What its texts are filled in with, besides the variables.
            idempotent: Whether it may be sent twice.
            personal: Whether it is about members.
        """
        request = self._filled(name, template, {**self._variables, **names}, idempotent, personal)
        with discretion():
            answer = self._client(name, template).send(request)
        return self._verdict(template, answer), answer

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _filled(
        self, name: str, template: RequestTemplate, names: Mapping[str, Any], idempotent: bool, personal: bool
    ) -> FilledRequest:
        place = f"requests.{name}"
        query = render(template.query, names, f"{place}.query")
        body = render(template.body, names, f"{place}.body")
        return FilledRequest(
            template.method.value,
            render_path(template.path, names, f"{place}.path"),
            content=None if body is None else as_bytes(body, f"{place}.body"),
            headers={} if body is None else {"Content-Type": template.content_type},
            params={
                key: as_text(value, f"{place}.query.{key}")
                for key, value in query.items()
                if value is not None
            },
            idempotent=idempotent,
            personal=personal,
            shown=template.path,
        )

    def _client(self, name: str, template: RequestTemplate) -> Client:
        # One for each request: each reads answers in its own way.
        with self._opening:
            if name not in self._clients:
                self._clients[name] = Client(
                    LABEL,
                    self._settings.base_url,
                    throttle=self._throttle,
                    retry=self._retry,
                    timeout_seconds=self._settings.timeout_seconds,
                    credentials=self._credentials,
                    judge=partial(self._judge, name, template),
                    json_only=self._settings.answers is AnswerFormat.JSON,
                )
            return self._clients[name]

    def _verdict(self, template: RequestTemplate, answer: Answer) -> Verdict:
        success = template.success or self._settings.success or Condition()
        if isinstance(template, MemberRequest) and template.is_rejected(answer):
            return Verdict.REJECTED
        if isinstance(template, CreateRequest | UpdateRequest) and template.taken.holds(answer):
            return Verdict.TAKEN
        if template.is_gone(answer, success):
            return Verdict.GONE
        done = success.holds(answer, by_default=answer.succeeded)
        return Verdict.DONE if done else Verdict.FAILED

    def _judge(self, name: str, template: RequestTemplate, answer: Answer) -> Fault | None:
        if self._verdict(template, answer) is not Verdict.FAILED:
            return None
        said = look_up(self._settings.error_message, answer.body)
        return Fault(
            self._kind(answer),
            title="which is no success here" if answer.succeeded else "",
            detail=self._without_secrets(said).rstrip(" .") if isinstance(said, str) else "",
            hint=_hint(answer.status, name),
        )

    def _without_secrets(self, said: str) -> str:
        """Strike out what an endpoint repeats of its credentials; shorter values would strike out words."""
        for secret in self._settings.secrets():
            said = said.replace(secret, "…") if len(secret) >= SHORTEST_SECRET else said
        return said

    def _kind(self, answer: Answer) -> Kind:
        if self._settings.retry and self._settings.retry.holds(answer):
            return Kind.MAYBE_TAKEN  # it may have been carried out: what must not be sent twice is looked up
        return Kind.REFUSED if answer.succeeded else kind_of(answer.status)


def _hint(status: int, name: str) -> str:
    if status in (401, 403):
        return "Check the credentials in destinations.yml, and what they may do."
    if status in (404, 405):
        return f"Check base_url and requests.{name}.path in destinations.yml."
    return (
        f"Compare requests.{name} in destinations.yml with what the endpoint wants." if status < 429 else ""
    )
