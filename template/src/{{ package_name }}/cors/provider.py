# fmt: off
"""The provider: an async function of the owner's that decides about origins that no list knows.

It is for front ends that are known only at run time, such as one for each tenant. Its answers are
remembered, so that most requests ask nothing; without an answer, the origin is not allowed.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from .origin import LONGEST_HOST, Origin, exact

# The provider's traceback is logged at most once in so many seconds.
INTERVAL = 60
# Scheme, host and port.
LONGEST_ORIGIN = LONGEST_HOST + len("https://:65535")

logger = logging.getLogger(__package__)


class Answer(NamedTuple):
    """What the provider says of an origin; `failure` names an exception where it says nothing."""

    is_yes: bool
    failure: str = ""


YES, NO = Answer(True), Answer(False)


class Remembered:
    """Origins, each for a number of seconds. Past `size`, the one remembered first is forgotten."""

    def __init__(self, size: int, seconds: float) -> None:
        if size < 1:
            raise ValueError(f"a cache of {size} origins holds none: write 1 or more.")
        self._size, self._seconds = size, seconds
        self._until: dict[bytes, float] = {}

    def __contains__(self, origin: bytes) -> bool:
        until = self._until.get(origin)
        return until is not None and monotonic() < until

    def add(self, origin: bytes) -> None:
        """Remember an origin from now on."""
        self._until.pop(origin, None)
        if len(self._until) >= self._size:
            del self._until[next(iter(self._until))]
        self._until[origin] = monotonic() + self._seconds


class OriginProvider:
    """A provider with what it answered.

    `ask` is `async def provider(origin: Origin) -> bool`. It has `timeout` seconds. A yes and a no
    are remembered apart, so that a flood of other sites makes no tenant forgotten, in caches of
    these sizes and for these seconds. A failure is not remembered. Raises TypeError for an `ask`
    that is not async.
    """

    def __init__(
        self,
        ask: Callable[[Origin], Awaitable[bool]],
        *,
        timeout: float = 2,
        yes_size: int = 10_000,
        yes_seconds: float = 60,
        no_size: int = 1_000,
        no_seconds: float = 10,
    ) -> None:
        # An object with an async `__call__` is one, too.
        if not any(map(inspect.iscoroutinefunction, (ask, type(ask).__call__))):
            raise TypeError("origin_provider is not an async function: write async def.")
        self._ask = ask
        self._timeout = timeout
        self._yes = Remembered(yes_size, yes_seconds)
        self._no = Remembered(no_size, no_seconds)
        # By event loop, because no task can be awaited in another one.
        self._questions: dict[tuple[object, Origin], asyncio.Task[Answer]] = {}
        self._next_report = 0.0

    def remembered(self, origin: bytes) -> Answer | None:
        """Return an answer that was given before, None if the provider has to be asked."""
        if origin in self._yes:
            return YES
        return NO if origin in self._no else None

    async def answer(self, origin: Origin) -> Answer:
        """Ask the provider. All who ask about an origin at one time share one question.

        It goes on if one of them is cancelled, such as by a client that hangs up.
        """
        loop = asyncio.get_running_loop()
        key = (loop, origin)
        if key not in self._questions:
            self._questions[key] = loop.create_task(self._question(origin))
            self._questions[key].add_done_callback(lambda _: self._questions.pop(key))
        question = self._questions[key]
        # `wait` cancels nothing, and raises nothing that the question raises.
        await asyncio.wait({question})
        return Answer(False, "CancelledError") if question.cancelled() else question.result()

    async def _question(self, origin: Origin) -> Answer:
        """Call the provider, and remember its answer. Never raises."""
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
        except Exception as error:
            self._report(error)
            return Answer(False, type(error).__name__)
        (self._yes if is_yes else self._no).add(str(origin).encode())
        return YES if is_yes else NO

    def _report(self, error: Exception) -> None:
        """Log the traceback, which the trace of a refusal does not hold."""
        if monotonic() >= self._next_report:
            self._next_report = monotonic() + INTERVAL
            logger.error("origin_provider failed: its origins are refused", exc_info=error)


def https_origin(text: bytes) -> Origin | None:
    """Return the https origin that these bytes are, exactly as browsers send it, else None."""
    if len(text) > LONGEST_ORIGIN or not text.startswith(b"https://"):
        return None
    found = exact(text.decode("latin-1"))
    return found if isinstance(found, Origin) else None
