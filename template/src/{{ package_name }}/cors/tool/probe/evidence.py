"""Which answers a cause explains: one small function for each, by the signs that it leaves.

Every function is given all answers and those that nothing explains yet, and returns some of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .answers import Answer, Aspect
from .questions import STRANGER

GATEWAY_STATUSES = (429, 502, 503, 504)
# What the service, and what Starlette's own middleware, answers to a stranger's preflight.
REFUSALS = (400, 403)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All answers, and those among them that nothing explains yet."""

    all: Sequence[Answer]
    left: Sequence[Answer]

    def reads(self) -> list[Answer]:
        """Answers to GET that were to carry a grant, other than errors that we provoked."""
        return [
            answer
            for answer in self.all
            if answer.promised_grant and not answer.is_preflight and not answer.question.error
        ]

    def refuses_strangers(self) -> bool:
        """Whether preflights are answered 403 for a stranger, and not for everybody.

        Only the service itself does that, whatever becomes of its headers on the way.
        """
        preflights = [answer for answer in self.all if answer.is_preflight]
        fine = [answer for answer in preflights if 200 <= answer.promised.status <= 299]
        return any(
            answer.promised.status == answer.response.status == 403 for answer in preflights
        ) and not any(answer.response.status == 403 for answer in fine)

    def leftovers(self) -> list[Answer]:
        """Answers to strangers that carry headers of a policy, but no grant."""
        return [
            answer
            for answer in self.left
            if not answer.promised_grant and not answer.grants and answer.differs & TOLD
        ]


TOLD: frozenset[Aspect] = frozenset({"credentials", "methods", "headers", "max age", "exposed"})


# --- What answers in place of the service -----------------------------------------------------


def redirected(evidence: Evidence, kind: str) -> list[Answer]:
    """Redirects that carry no grant; what they are is told by those of preflights, if any."""
    sent = [answer for answer in evidence.left if answer.is_redirect]
    first = max(sent, key=lambda answer: answer.is_preflight, default=None)
    return sent if first and redirect_kind(first) == kind else []


def redirect_kind(answer: Answer) -> str:
    """Return what a redirect changes: the scheme, a slash at the end, or more."""
    url = urlsplit(answer.outcome.fetch.path)
    there = urlsplit(answer.location)
    same_path = there.path == url.path
    if there.scheme == "https" and answer.outcome.url.startswith("http:") and same_path:
        return "scheme"
    if not same_path and there.path.rstrip("/") == url.path.rstrip("/"):
        return "slash"
    return "elsewhere"


def gateway(evidence: Evidence) -> list[Answer]:
    """Errors that only a proxy gives, and that the service had no hand in."""
    return [
        answer
        for answer in evidence.left
        if answer.response.status in GATEWAY_STATUSES and not answer.is_marked
    ]


def something_else(evidence: Evidence) -> Sequence[Answer]:
    """No answer bears a mark of the service: neither Vary, nor a grant, nor a refusal."""
    is_ours = evidence.refuses_strangers() or any(
        answer.is_marked or (answer.promised_grant and answer.differs <= {"vary"})
        for answer in evidence.all
    )
    return () if is_ours else evidence.left


# --- What is added on the way -----------------------------------------------------------------


def doubled(evidence: Evidence) -> list[Answer]:
    """Two grants in one answer, or in the place of none the one that was added."""
    several = [answer for answer in evidence.left if len(answer.grants) > 1]
    added = {grant for answer in several for grant in answer.grants} - {"*"}
    # Where the service itself grants nothing, the added line stands alone.
    alone = [
        answer
        for answer in evidence.left
        if several
        and not answer.promised_grant
        and len(answer.grants) == 1
        and answer.grants[0] in added - {answer.origin}
    ]
    return with_leftovers(evidence, several + alone)


def with_leftovers(evidence: Evidence, answers: list[Answer]) -> list[Answer]:
    """Who adds a grant mostly adds the other headers too, for everybody."""
    return answers + evidence.leftovers() if answers else []


def wildcard(evidence: Evidence) -> list[Answer]:
    """A grant to everybody, where none or a certain one was promised."""
    return with_leftovers(
        evidence,
        [
            answer
            for answer in evidence.left
            if answer.grants == ["*"] and answer.promised_grant != "*"
        ],
    )


def granted_strangers(evidence: Evidence) -> list[Answer]:
    """Grants in the name of who was to have none, or none of their own."""
    return [
        answer
        for answer in evidence.left
        if answer.promised_grant in (None, "*")
        and answer.origin
        and answer.grants == [answer.origin]
    ]


def reflected(evidence: Evidence) -> list[Answer]:
    """Even somebody who has nothing to do with an allowed origin is granted."""
    strangers = granted_strangers(evidence)
    everybody = any(answer.origin == STRANGER for answer in strangers)
    return with_leftovers(evidence, strangers) if everybody else []


def lookalikes_let_in(evidence: Evidence) -> list[Answer]:
    """Not everybody is granted, but somebody who was not to be."""
    return with_leftovers(evidence, granted_strangers(evidence))


def fixed(evidence: Evidence) -> list[Answer]:
    """One grant for all, whoever asks."""
    return with_leftovers(
        evidence,
        [
            answer
            for answer in evidence.left
            if len(answer.grants) == 1 and answer.grants[0] not in ("*", answer.origin)
        ],
    )


# --- What is answered, removed or kept on the way ---------------------------------------------


def options_answered(evidence: Evidence) -> list[Answer]:
    """Preflights that the service would have answered otherwise, as its GETs show."""
    preflights = [answer for answer in evidence.left if answer.is_preflight]
    right = {
        answer.origin
        for answer in evidence.all
        if not answer.is_preflight and not answer.differs - {"vary"}
    }
    unlike_the_service = any(
        not answer.is_marked
        or (answer.is_fine and not 200 <= answer.promised.status <= 299 and answer.origin in right)
        for answer in preflights
    )
    by_the_service = evidence.refuses_strangers()
    return preflights if unlike_the_service and not by_the_service else []


def public_path_closed(evidence: Evidence) -> list[Answer]:
    """The public is refused, by the service itself."""
    public = [answer for answer in evidence.left if answer.promised_grant == "*"]
    refused = any(refused_by_the_service(answer) for answer in public)
    return [answer for answer in public if not answer.grants] if refused else []


def origin_refused(evidence: Evidence) -> list[Answer]:
    """A caller is refused, by the service itself: another list of origins is deployed."""
    refused = {
        answer.origin
        for answer in evidence.left
        if answer.promised_grant not in (None, "*") and refused_by_the_service(answer)
    }
    return [answer for answer in evidence.left if answer.origin in refused and not answer.grants]


def refused_by_the_service(answer: Answer) -> bool:
    """Whether a preflight was refused by what knows of origins, rather than by a proxy."""
    return answer.is_preflight and answer.is_marked and answer.response.status in REFUSALS


def origin_removed(evidence: Evidence) -> Sequence[Answer]:
    """To the service no preflight is one: it answers them as it does any OPTIONS."""
    reads = evidence.reads()
    nowhere = bool(reads) and not any(answer.grants for answer in reads)
    # Also a stranger's, which it would refuse if it saw one.
    unseen = all(
        answer.is_marked and not answer.grants and answer.response.status != answer.promised.status
        for answer in evidence.all
        if answer.is_preflight
    )
    return evidence.left if nowhere and unseen else ()


def headers_removed(evidence: Evidence) -> list[Answer]:
    """The service answers as it should, but no grant arrives."""
    reads = evidence.reads()
    nowhere = bool(reads) and not any(answer.grants for answer in reads)
    return [
        answer
        for answer in evidence.left
        if nowhere
        and not answer.grants
        and answer.promised_grant
        and (answer.is_marked or not answer.is_preflight or evidence.refuses_strangers())
    ]


def cached(evidence: Evidence) -> list[Answer]:
    """Answers that are right only where no cache can have had a hand in them."""
    right = {
        (answer.origin, answer.promised_grant)
        for answer in evidence.all
        if not answer.is_preflight
        and not answer.question.reused
        and not answer.question.error
        and "origin" not in answer.differs
    }
    return [
        answer
        for answer in evidence.left
        if answer.question.reused
        and "origin" in answer.differs
        and (answer.origin, answer.promised_grant) in right
    ]


def errors_stripped(evidence: Evidence) -> list[Answer]:
    """Errors without the grant that good answers have."""
    return [
        answer
        for answer in evidence.left
        if answer.question.error
        and answer.response.status >= 400
        and answer.promised_grant
        and not answer.grants
        and any(read.grants for read in evidence.reads())
    ]


# --- One header that differs ------------------------------------------------------------------


def all_left(evidence: Evidence) -> Sequence[Answer]:
    """Whatever nothing else explains."""
    return evidence.left


def granted(evidence: Evidence) -> list[Answer]:
    """Answers to who may call."""
    return [answer for answer in evidence.left if answer.promised_grant]
