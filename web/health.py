"""Liveness, readiness, and the metrics of all processes summed for one scrape."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from proctor.admin import exposition
from proctor.errors import Unavailable
from proctor.live.turns import workers_wanted
from proctor.modules.privacy.counting import level_of, stored_persons
from web import context

NODE_TIMEOUT_S = 2.0
NODE_BYTES_MAX = 1_000_000


async def livez(request: web.Request) -> web.StreamResponse:
    return web.json_response({"live": True})


async def readyz(request: web.Request) -> web.StreamResponse:
    """200 when SQL and Redis answer and at least one gateway lives; else 503 and which of them did not."""
    deps = context.deps(request)
    problems = [] if context.site(request).ready[0] else ["draining"]
    kinds: dict[str, int] = defaultdict(int)
    try:
        async with asyncio.timeout(NODE_TIMEOUT_S), deps.db.read() as conn:
            await conn.execute(text("SELECT 1"))
    except (Unavailable, TimeoutError):
        problems.append("sql")
    try:
        async with asyncio.timeout(NODE_TIMEOUT_S):
            for node in await deps.nodes.all():
                kinds[str(node.get("kind", ""))] += 1
    except (Unavailable, TimeoutError):
        problems.append("redis")
    else:
        if not kinds.get("gateway"):
            problems.append("gateway")
    body = {"ready": not problems, "problems": problems, "nodes": dict(kinds)}
    return web.json_response(body, status=503 if problems else 200)


async def metrics(request: web.Request) -> web.StreamResponse:
    """One text of all processes: samples of equal name and labels are added. Loopback only."""
    nodes = await context.deps(request).nodes.all()
    ports = [int(node["admin_port"]) for node in nodes if node.get("admin_port")]
    async with ClientSession(timeout=ClientTimeout(total=NODE_TIMEOUT_S)) as client:
        texts = await asyncio.gather(*(_scrape(client, port) for port in ports))
    body = summed([found for found in texts if found])
    body += f"# TYPE zhenxue_nodes gauge\nzhenxue_nodes {len(nodes)}\n"
    body += await _face_jobs(request)
    body += await _stored_faces(request)
    return web.Response(body=body.encode(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _face_jobs(request: web.Request) -> str:
    """The queue of bursts, and how many workers it asks for."""
    try:
        found = await context.deps(request).jobs.backlog()
    except Unavailable:
        return ""
    gauges = {
        "zhenxue_jobs_waiting": found.waiting, "zhenxue_jobs_judging": found.judging,
        "zhenxue_jobs_oldest_seconds": found.oldest_ms / 1_000, "zhenxue_jobs_institutions": found.institutions,
        "zhenxue_jobs_dead": found.dead, "zhenxue_jobs_per_second": found.per_second,
        "zhenxue_workers": found.workers, "zhenxue_workers_wanted": workers_wanted(found),
        "zhenxue_burst_seconds": found.burst_ms / 1_000, "zhenxue_checks_due": found.due,
    }  # fmt: skip
    return exposition({**gauges, "zhenxue_jobs_queued_total": found.queued})


async def _stored_faces(request: web.Request) -> str:
    """Persons with stored faces, of each institution, and the highest level of warning that all together reach."""
    try:
        async with context.deps(request).db.read() as conn:
            stored = await stored_persons(conn)
    except Unavailable:
        return ""  # no number is better than a wrong one
    lines = ["# TYPE zhenxue_stored_faces gauge"]
    lines += [f'zhenxue_stored_faces{{institution="{one}"}} {count}' for one, count in sorted(stored.items())]
    level = level_of(sum(stored.values()))
    lines += ["# TYPE zhenxue_stored_faces_level gauge", f"zhenxue_stored_faces_level {level}"]
    return "\n".join(lines) + "\n"


async def _scrape(client: ClientSession, port: int) -> str:
    """The metrics of one process, or "" when it does not answer: one dead node must not hide the others."""
    try:
        async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
            data = await answer.content.read(NODE_BYTES_MAX)
            return data.decode("utf-8", "replace")
    except (ClientError, TimeoutError, OSError):
        return ""


def summed(texts: list[str]) -> str:
    """Prometheus text with the samples of several processes added up (histograms and counters add well;
    gauges here count things, so they add as well, but for those whose name says that they are a maximum)."""
    kinds: dict[str, str] = {}
    totals: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for found in texts:
        try:
            for family in text_string_to_metric_families(found):
                kinds[family.name] = family.type
                rows = totals.setdefault(family.name, defaultdict(float))
                for sample in family.samples:
                    key = (sample.name, tuple(sorted(sample.labels.items())))
                    if sample.name.endswith("_max"):
                        rows[key] = max(rows.get(key, sample.value), sample.value)
                    # The moment a process began adds to nothing.
                    elif not sample.name.endswith("_created"):
                        rows[key] += sample.value
        except ValueError:
            continue
    lines = []
    for name, rows in totals.items():
        if not rows:
            continue
        # The parser takes the suffix of counters away; the scrape's format wants it back.
        kind = kinds[name]
        lines.append(f"# TYPE {name}{'_total' if kind == 'counter' else ''} {kind}")
        for (sample_name, labels), value in rows.items():
            spelled = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            lines.append(f"{sample_name}{{{spelled}}} {value!r}" if spelled else f"{sample_name} {value!r}")
    return "\n".join(lines) + "\n" if lines else ""


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
