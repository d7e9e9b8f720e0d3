"""From what an existing service does to answers for the template's questions.

What the old policy allowed is kept wherever the new one can allow it. What cannot be kept becomes a
note: what was seen, where, and what somebody has to decide.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from survey import OldPolicy, Survey

LOOPBACK = re.compile(r"https?://(localhost|[\w-]+\.localhost|127(\.\d+){3}|\[::1\])(:(\d+|\*))?")
PLAIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._\-\[\]:]+")
# Starlette allows them all the same; a browser sets them by itself, or no list needs them.
NEEDLESS_HEADERS = frozenset({"accept", "accept-language", "content-language", "origin", "cookie"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STARLETTE_MAX_AGE = 600
LONGEST_MAX_AGE = 86400


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has to look at: a sentence with what was seen, and the question behind it."""

    text: str


@dataclass
class Proposal:
    """The answers that are proposed, and what they cannot say."""

    answers: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a note."""
        self.notes.append(Note(text))

    @property
    def uses_cookies(self) -> bool:
        """Whether browsers may send credentials."""
        return self.answers.get("credentials") in ("cookies", "both")


def propose(found: Survey) -> Proposal:
    """Return answers that keep what a service allows, as far as they can."""
    proposal = Proposal()
    name = project_name(found)
    package, path = package_of(found, name)
    proposal.answers = {
        "project_name": name,
        "package_name": package,
        "package_path": path,
        "environments": environments(found),
    }
    policies = [policy for policy in found.policies if policy.how != "wrapped"] or [*found.policies]
    proposal.answers["credentials"] = credentials(found, policies, proposal)
    sort_origins(found, policies, proposal)
    proposal.answers["allow_methods"] = ",".join(methods(found, policies, proposal))
    proposal.answers["request_headers"] = ",".join(request_headers(found, policies, proposal))
    proposal.answers["exposed_headers"] = ",".join(exposed_headers(policies, proposal))
    proposal.answers["preflight_max_age"] = str(max_age(policies))
    notes_on_the_rest(found, policies, proposal)
    return proposal


def project_name(found: Survey) -> str:
    """Return what the service is called, by its folder."""
    name = found.folder.name
    if name in ("backend", "api", "server", "service", "app", "src") and found.prefix:
        name = found.repository.name if found.repository else name
    return re.sub(r"[\"\\`{}%#]", "", name)[:80] or "service"


def package_of(found: Survey, name: str) -> tuple[str, str]:
    """Return name and path of the package that gets the policy.

    Modules that lie in no package get a folder for it, beside them.
    """
    if found.package:
        return found.package, found.package_path
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    slug = slug if slug.isidentifier() else f"service_{slug}".strip("_")
    beside = "src/" if found.app and found.app.place.file.startswith("src/") else ""
    taken = {path.stem for path in (found.folder / beside).iterdir()}
    if slug in taken or slug in ("tests", "cors", "fastapi", "main"):
        slug += "_policy"
    return slug, f"{beside}{slug}"


def environments(found: Survey) -> list[str]:
    """Return the environments, besides development, that something in the service names."""
    files = (file.name for file in found.dotenv_files)
    words = " ".join([*files, *found.origins_seen, *found.environment_names]).lower()
    named = [name for name in ("preview", "staging") if re.search(rf"\b{name}\b", words)]
    return [*named, "production"]


def credentials(found: Survey, policies: list[OldPolicy], proposal: Proposal) -> str:
    """Return how front ends prove who their user is."""
    allowed = [policy for policy in policies if policy.credentials]
    listed = [policy for policy in allowed if not policy.allows_everybody]
    cookies = bool(listed or (found.cookies and (allowed or not policies)))
    if allowed and not found.cookies:
        kept = (
            "That stays so. A bearer token in the Authorization header does not need it: answer "
            "credentials=bearer if your front ends use nothing else."
            if cookies
            else "So they are not allowed any more. A bearer token in the Authorization header "
            "needs none: answer credentials=cookies if there are cookies all the same."
        )
        proposal.note(
            f"{allowed[0].place} allows credentials, but no code here sets a cookie. {kept}"
        )
    if found.cookies and policies and not allowed:
        proposal.note(
            f"{found.cookies[0]} sets a cookie, but no CORSMiddleware allows credentials, so "
            "other origins cannot use it. That stays so."
        )
    if found.bearer:
        return "both" if cookies else "bearer"
    return "cookies" if cookies else "none"


def sort_origins(found: Survey, policies: list[OldPolicy], proposal: Proposal) -> None:
    """Answer the questions for origins, each origin where its host name says that it belongs."""
    groups: dict[str, list[str]] = {"development": [], "staging": [], "production": []}
    everybody = next((policy for policy in policies if policy.allows_everybody), None)
    for origin in found.origins_seen:
        group = group_of(origin, proposal)
        if group and canonical(origin) not in groups[group]:
            groups[group].append(canonical(origin))
    if "staging" not in proposal.answers["environments"]:
        groups["production"] += groups.pop("staging")
    for name, origins in groups.items():
        if origins or name != "development" or not (everybody or not policies):
            proposal.answers[f"{name}_origins"] = ",".join(origins)
    for policy in policies:
        value = policy.arguments.get("allow_origins")
        if value is not None and not value.is_read:
            variables = f" ({', '.join(value.variables)})" if value.variables else ""
            seen = (
                f" What is proposed stands near it: {', '.join(value.seen)}." if value.seen else ""
            )
            proposal.note(
                f"{policy.place}: allow_origins={value.source}{variables} is known only when the "
                f"service runs. Compare production_origins with what production has.{seen}"
            )
        elif value is not None and value.variables:
            proposal.note(
                f"{policy.place} takes its origins from {', '.join(value.variables)}. What the "
                "code and dotenv files say is proposed. Compare it with what each deployment sets."
            )
        if policy.origin_regex and policy.origin_regex not in (".*", "^.*$", ".+"):
            proposal.note(
                f"{policy.place}: allow_origin_regex={policy.origin_regex} is not kept. List the "
                "origins that it was for, or write one * for a label: https://*.acme.com."
            )
    if everybody is not None:
        open_to_everybody(everybody, proposal)
    elif policies and not proposal.answers.get("production_origins"):
        proposal.note(
            "No origin of production was found. Which front ends call the service there? Until "
            "production_origins lists them, browsers block them."
        )


def open_to_everybody(policy: OldPolicy, proposal: Proposal) -> None:
    """Keep that every site may call where that is possible, and ask who should."""
    if policy.credentials or proposal.uses_cookies:
        proposal.answers["public_paths"] = ""
        proposal.note(
            f"{policy.place} let every site in the world call"
            f"{', with the cookies of your users' if policy.credentials else ''}. That is not "
            "kept. Which front ends are yours? Until production_origins lists them, browsers block "
            "them there."
        )
        return
    proposal.answers["public_paths"] = "/"
    proposal.note(
        f"{policy.place} lets every site call, without cookies. public_paths=/ keeps that. If only "
        "your own front ends should, answer production_origins and leave public_paths empty."
    )


def canonical(origin: str) -> str:
    """Return an origin as browsers send it: lower case, no slash at its end, no default port."""
    text = origin.strip().rstrip("/").lower()
    default = ":443" if text.startswith("https:") else ":80"
    return text.removesuffix(default) if text.startswith("http") else text


def group_of(origin: str, proposal: Proposal) -> str:
    """Return the environment that an origin belongs to; nothing where it cannot stay."""
    text = canonical(origin)
    if text == "*":
        return ""
    if LOOPBACK.fullmatch(text):
        return "development"
    if not PLAIN.fullmatch(text):
        proposal.note(
            f"{origin} was listed, but is no origin: no browser sends it, so it allowed nobody. "
            "It is left out."
        )
        return ""
    if text.startswith("http:"):
        proposal.note(
            f"{text} is not kept, because anybody on the way can change a page without https. "
            f"If it is yours, serve it over https and list {text.replace('http', 'https', 1)}."
        )
        return ""
    host = text.partition("://")[2]
    is_staging = re.search(r"(^|[.-])(stag(e|ing)|dev|test|qa|preview)\d*[.-]", host)
    return "staging" if is_staging else "production"


def methods(found: Survey, policies: list[OldPolicy], proposal: Proposal) -> Iterable[str]:
    """Return the methods that the policies allow; for *, those that routes answer."""
    if not policies:
        return known_methods(found.methods or ("GET", "POST"))
    listed = [each.upper() for each in list_argument(policies, "allow_methods", proposal)]
    if "*" in listed:
        named = [each for each in listed if each != "*"]
        return known_methods([*found.methods, *named] or METHODS[:6])
    return known_methods(listed or ("GET",))


def known_methods(names: Iterable[str]) -> list[str]:
    """Return methods in the usual order, without those that no list needs."""
    names = {*names} - {"OPTIONS", "HEAD", "TRACE", "CONNECT"}
    return [name for name in METHODS if name in names] + sorted(names - {*METHODS})


def request_headers(found: Survey, policies: list[OldPolicy], proposal: Proposal) -> list[str]:
    """Return the request headers that the policies allow; for *, those that the code reads."""
    listed = list_argument(policies, "allow_headers", proposal)
    used = ["Authorization"] if found.bearer else []
    # Starlette allows Content-Type whatever is listed.
    used.append("Content-Type")
    names = {name.lower() for name in used} | NEEDLESS_HEADERS | {"*"}
    used += [name for name in listed if name.lower() not in names]
    if "*" in listed:
        where = next(policy.place for policy in policies if "*" in policy.listed("allow_headers"))
        used += found.api_key_headers
        proposal.note(
            f"{where} allowed every request header. {','.join(used)} is proposed, as far as the "
            "code says. Which others do your front ends set?"
        )
    return [*dict.fromkeys(used)]


def exposed_headers(policies: list[OldPolicy], proposal: Proposal) -> list[str]:
    """Return the response headers that the policies let JavaScript read."""
    return [name for name in list_argument(policies, "expose_headers", proposal) if name != "*"]


def list_argument(policies: list[OldPolicy], name: str, proposal: Proposal) -> list[str]:
    """Return the items that the policies list, with a note on what cannot be read."""
    for policy in policies:
        value = policy.arguments.get(name)
        if value is not None and not value.is_read:
            proposal.note(f"{policy.place}: {name}={value.source} is known only when it runs.")
    return [*dict.fromkeys(item for policy in policies for item in policy.listed(name))]


def max_age(policies: list[OldPolicy]) -> int:
    """Return for how long browsers may remember a preflight."""
    ages = [policy.arguments.get("max_age") for policy in policies]
    values = [each.value for each in ages if each and isinstance(each.value, int)]
    return min(max(values), LONGEST_MAX_AGE) if values else STARLETTE_MAX_AGE


def notes_on_the_rest(found: Survey, policies: list[OldPolicy], proposal: Proposal) -> None:
    """Note what stands beside the policies and works against them."""
    if len(policies) > 1:
        places = ", ".join(str(policy.place) for policy in policies)
        proposal.note(f"There are {len(policies)} policies ({places}). One takes their place.")
    for policy in policies:
        if policy.condition:
            proposal.note(
                f"{policy.place} is added only if {policy.condition}. From now on the dotenv file "
                "of each environment says who may call."
            )
        if "**" in policy.arguments:
            source = policy.arguments["**"].source
            proposal.note(f"{policy.place}: the arguments in **{source} are not read.")
    for place in found.cors_headers_by_hand:
        proposal.note(
            f"{place} names Access-Control-Allow-Origin. The policy takes that header off every "
            "response and sets its own: remove the line if it sets the header."
        )
    if found.websockets:
        places = listed(map(str, found.websockets))
        proposal.note(
            f"WebSockets ({places}) were open to every site, because CORSMiddleware does not look "
            "at them. Now the allowed origins hold for them, too."
        )


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return the first of some names, and how many more there are."""
    every = [*names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def lines(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """Yield each answer as it is shown."""
    for name, answer in proposal.answers.items():
        yield name, ", ".join(answer) if isinstance(answer, list) else str(answer) or "(none)"
