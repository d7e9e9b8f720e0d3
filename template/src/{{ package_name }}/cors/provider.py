# fmt: off
"""The provider: an async function of the owner's that decides about origins on no list.

It is for front ends that are known only at run time, such as one for each tenant. Its answers are
remembered, so that most requests ask nothing. Without an answer, an origin is not allowed.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from .origin import LONGEST_HOST, Origin, exact
from .refusals import INTERVAL, is_async

# Scheme, host and port.
LONGEST_ORIGIN = LONGEST_HOST + len("https://:65535")

logger = logging.getLogger(__package__)

Ask = Callable[[Origin], Awaitable[bool]]


class Answer(NamedTuple):
    """What the provider says of an origin; `failure` names an exception where it says nothing."""

    is_yes: bool
    failure: str = ""


YES, NO = Answer(True), Answer(False)


class Remembered(OrderedDict[bytes, float]):
    """Until when each origin is remembered. Past `size`, the one added first is forgotten."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds

    def add(self, origin: bytes) -> None:
        self.pop(origin, None)
        self[origin] = monotonic() + self._seconds
        if len(self) > self._size:
            self.popitem(last=False)


class OriginProvider:
    """A provider with what it answered.

    `ask` is `async def provider(origin: Origin) -> bool`. It has `timeout` seconds. A yes and a no
    are remembered for their own seconds, and apart, so that a flood of other sites lets no tenant
    be forgotten; a failure is not. Raises TypeError for an `ask` that is not async.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        timeout: float = 2,
        yes_size: int = 10_000,
        yes_seconds: float = 60,
        no_size: int = 1_000,
        no_seconds: float = 10,
    ) -> None:
        if not is_async(ask):
            raise TypeError("origin_provider is not an async function: write async def.")
        self._ask, self._timeout = ask, timeout
        self._yes, self._no = Remembered(yes_size, yes_seconds), Remembered(no_size, no_seconds)
        # By event loop, because no task can be awaited in another one.
        self._questions: dict[tuple[object, Origin], asyncio.Task[Answer]] = {}
        self._next_report = 0.0

    def remembered(self, origin: bytes) -> Answer | None:
        """Return an answer that was given before, None if the provider has to be asked."""
        now = monotonic()
        if now < self._yes.get(origin, now):
            return YES
        return NO if now < self._no.get(origin, now) else None

    async def answer(self, origin: Origin) -> Answer:
        """Ask the provider, with one question for all who ask about an origin at one time.

        It goes on if one of them is cancelled, such as by a client that hangs up.
        """
        key = (asyncio.get_running_loop(), origin)
        if key not in self._questions:
            self._questions[key] = asyncio.create_task(self._question(origin))
            self._questions[key].add_done_callback(lambda _: self._questions.pop(key))
        question = self._questions[key]
        # Unlike `await question`, this does not cancel it. It may be late with cleaning up, too.
        done, _ = await asyncio.wait({question}, timeout=1.1 * self._timeout)
        if not done or question.cancelled():
            return Answer(False, "CancelledError" if done else "TimeoutError")
        return question.result()

    async def _question(self, origin: Origin) -> Answer:
        """Call the provider, and remember its answer."""
        start = monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                is_yes = await self._ask(origin)
            # Code that blocks the event loop or ignores its cancelling is late all the same.
            if monotonic() - start > self._timeout:
                raise TimeoutError
            # A row, a count or a mock may be true without anybody having said yes.
            if not isinstance(is_yes, bool):
                raise TypeError(f"origin_provider returned {type(is_yes).__name__}, not a bool")
        except (Exception, SystemExit) as error:
            # A trace has no traceback.
            if monotonic() >= self._next_report:
                self._next_report = monotonic() + INTERVAL
                logger.error("origin_provider failed: its origins are refused", exc_info=error)
            return Answer(False, type(error).__name__)
        (self._yes if is_yes else self._no).add(str(origin).encode())
        return YES if is_yes else NO


def https_origin(text: bytes) -> Origin | None:
    """Return the https origin that these bytes are, exactly as browsers send it, else None."""
    if len(text) > LONGEST_ORIGIN or not text.startswith(b"https://"):
        return None
    found = exact(text.decode("latin-1"))
    return found if isinstance(found, Origin) else None
