"""Answers deliveries: quickly, and with success only once the run is noted in the warehouse.

dbt Cloud gives up on a delivery after 10 seconds, and repeats one that had no success five times
(https://docs.getdbt.com/docs/deploy/webhooks). So what is of no concern is a success too.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dbt_activate.state.webhook_runs import Answer
from dbt_activate.webhook.delivery import COMPLETED, Delivery
from dbt_activate.webhook.lines import ignored, refused, taken, unnoted
from dbt_activate.webhook.signature import is_signed

if TYPE_CHECKING:
    from dbt_activate.reporting.events import Emit
    from dbt_activate.state.webhook_runs import WebhookRun, WebhookRuns
    from dbt_activate.webhook.worker import Worker

MOST_BYTES = 256 * 1024
"""A body that is longer is nothing that dbt Cloud sends: its own are about a thousandth of that."""

BODY_SECONDS = 5.0
"""How long a body may take to arrive."""

ANSWER_SECONDS = 8.0
"""How long noting a run may take before dbt Cloud is asked to deliver it again."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("dbt_activate.webhook")


@dataclass(frozen=True, slots=True)
class Concern:
    """Which runs are to be synced.

    Attributes:
        account_id: The account at dbt Cloud.
        jobs: The numbers of the jobs.
        also_failed: Whether also those that failed; gates then hold what did not go well.
    """

    account_id: str
    jobs: frozenset[str]
    also_failed: bool = False


class _RefusedError(Exception):
    """A request is answered with an error, which says no more than its status does."""

    def __init__(self, status: int, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Intake:
    """The ASGI application.

    Attributes:
        secret: The webhook's.
        concern: Which runs are to be synced.
        runs: Where they are noted.
        worker: Who syncs them.
        emit: Is told what happens.
        answer_seconds: How long noting a run may take.
    """

    secret: str = field(repr=False)
    concern: Concern
    runs: WebhookRuns
    worker: Worker
    emit: Emit
    answer_seconds: float = ANSWER_SECONDS
    _notary: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="webhook-notary"), init=False
    )

    def close(self) -> None:
        """Wait until what was begun is noted."""
        self._notary.shutdown()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, result = await self._answer(scope, receive)
        except _RefusedError as refusal:
            if refusal.reason:
                self.emit(refused(refusal.reason))
            status, result = refusal.status, "refused"
        content = json.dumps({"result": result}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, str]:
        if scope["path"] == "/health":
            if scope["method"] not in ("GET", "HEAD"):
                raise _RefusedError(405)
            return 200, "healthy"
        if scope["path"] != "/":
            raise _RefusedError(404)
        if scope["method"] != "POST":
            raise _RefusedError(405)
        return await self._deal_with(await self._authentic(scope, receive))

    async def _authentic(self, scope: Message, receive: Receive) -> Delivery:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(headers.get(b"content-length", "0"), receive)
        if not is_signed(body, headers.get(b"authorization", ""), self.secret):
            raise _RefusedError(401, "its signature is wrong")
        try:
            return Delivery.model_validate_json(body)
        except ValidationError:
            raise _RefusedError(400, "it is signed, and not what dbt Cloud describes") from None

    async def _deal_with(self, delivery: Delivery) -> tuple[int, str]:
        run = delivery.run
        if reason := self._of_no_concern(delivery):
            self.emit(ignored(run, reason))
            return 200, "ignored"
        unwanted = self._unwanted(delivery)
        noted = self._notary.submit(self._note, run, unwanted)
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(noted), self.answer_seconds)
        except TimeoutError:
            return 503, "try again"
        if answer is None:
            return 503, "try again"
        return 202 if answer is Answer.TAKEN else 200, str(answer)

    def _of_no_concern(self, delivery: Delivery) -> str:
        if delivery.event_type != COMPLETED:
            return f"the event is not {COMPLETED}"
        if delivery.account_id != self.concern.account_id:
            return "it is of another account"
        return "" if delivery.data.job_id in self.concern.jobs else "its job is not among those to watch"

    def _unwanted(self, delivery: Delivery) -> str:
        if delivery.was_cancelled:
            return "it was cancelled"
        if delivery.has_succeeded or self.concern.also_failed:
            return ""
        return "it failed; --also-failed syncs what went well all the same"

    def _note(self, run: WebhookRun, unwanted: str) -> Answer | None:
        """Note a run, and hand it over; None if it cannot be noted now. Raises nothing."""
        try:
            answer = self.runs.skip(run, unwanted) if unwanted else self.runs.take(run)
        except Exception as error:
            logger.debug("run %s", run.dbt_run_id, exc_info=True)
            self.emit(unnoted(run, error))
            return None
        if answer is Answer.TAKEN:
            self.emit(taken(run))
            self.worker.add(run)
        else:
            self.emit(ignored(run, unwanted or f"it is {answer}"))
        return answer


async def _body(announced: str, receive: Receive) -> bytes:
    if not announced.isdecimal() or int(announced) > MOST_BYTES:
        raise _RefusedError(413, "it is too long")
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _RefusedError(400)
                parts.append(message.get("body", b""))
                if sum(map(len, parts)) > MOST_BYTES:
                    raise _RefusedError(413, "it is too long")
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(408, "it took too long to arrive") from None
