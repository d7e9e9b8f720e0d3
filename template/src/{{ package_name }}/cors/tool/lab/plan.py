"""What the table is drawn from, as JSON: each cell with its request, verdicts and sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from ...policy import CORSPolicy
from ...sources import Sources
from .pages import Page
from .verdicts import COMPARED, Judged
from .words import place_of, why


def plan(
    policy: CORSPolicy,
    sources: Sources,
    pages: Sequence[Page],
    left_out: Sequence[str],
    judged: Sequence[Judged],
    addresses: dict[str, str],
) -> dict[str, Any]:
    """Return the whole plan; `addresses` are the origins of the table and of the service."""
    sections = groupby(judged, lambda each: each.cell.row.section)
    return {
        **addresses,
        "environment": policy.environment,
        "compared": COMPARED,
        "origins": [{"origin": str(page.origin), "listed": page.is_listed} for page in pages],
        "leftOut": left_out,
        "sections": [
            {"title": title, "rows": [*planned_rows(found, policy, sources, addresses["service"])]}
            for title, found in sections
        ],
    }


def planned_rows(
    judged: Iterator[Judged], policy: CORSPolicy, sources: Sources, service: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one section."""
    for row, found in groupby(judged, lambda each: each.cell.row):
        yield {
            "label": row.label,
            "method": row.method,
            "headers": dict(row.headers),
            "reads": row.reads,
            "isSocket": row.is_socket,
            "cells": [planned_cell(each, policy, sources, service) for each in found],
        }


def planned_cell(
    judged: Judged, policy: CORSPolicy, sources: Sources, service: str
) -> dict[str, Any]:
    """Return one cell."""
    cell = judged.cell
    scheme = "ws" if cell.row.is_socket else "http"
    sentence, variable = why(judged, policy)
    return {
        "id": cell.id,
        "origin": str(cell.page.origin),
        "credentials": cell.credentials,
        "url": f"{scheme}{service.removeprefix('http')}{cell.path}",
        "policy": asdict(judged.policy),
        "service": asdict(judged.service),
        "console": judged.console,
        "why": sentence,
        "change": place_of(variable, sources),
    }
