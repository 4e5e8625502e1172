"""What was found, as report.json and report.html. Every file of raw samples is listed with its SHA-256."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import time
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench import procs, report
from bench.certify import charts, words
from bench.certify.drive import DIALING_MAX
from bench.certify.meter import Cost, shares
from bench.certify.plan import DIALS_PER_S, Plan
from bench.certify.stage import Findings, Part
from bench.histogram import Histogram
from bench.report import Row

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KERNEL = ("net/core/somaxconn", "net/ipv4/ip_local_port_range", "net/ipv4/tcp_max_syn_backlog")
BLOCK = 1 << 20


def write(plan: Plan, findings: Findings, folder: Path) -> Path:
    """Both files, after the raw ones. Returns the path of the page."""
    _keep_raw(findings, folder / "raw")
    verdicts = verdicts_of(findings.rows)
    said = {
        "name": "zhenxue certification", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": report.command(), "commit": procs.commit(), "source_sha256": source_digest(),
        "machine": machine(), "plan": plan, "definitions": words.DEFINITIONS, "simulated": words.SIMULATED,
        "rows": findings.rows, "verdicts": verdicts,
        "clauses": [{"words": one.words, "scenarios": one.scenarios,
                     "conclusion": words.conclusion(one, plan, verdicts)} for one in words.CLAUSES],
        "costs": findings.costs, "truths": findings.truths, "notes": findings.notes,
        "marks": {part.name: part.marks for part in findings.parts}, "raw": digests(folder / "raw"),
    }  # fmt: skip
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1))
    page = folder / "report.html"
    page.write_text(render(said, findings), "utf-8")
    return page


def verdicts_of(rows: list[Row]) -> dict[str, bool]:
    """Per scenario: were all its thresholds met?"""
    found: dict[str, bool] = {}
    for row in rows:
        if row.met is not None:
            found[row.mode] = found.get(row.mode, True) and row.met
    return found


def render(said: dict, findings: Findings) -> str:
    env = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [
        {"name": part.name, "site": site_words(part)} | {name: Markup(svg) for name, svg in pictures(part).items()}
        for part in findings.parts
    ]
    return env.get_template("report.html").render(
        said=said, parts=parts, scenarios=words.SCENARIOS, costs=Markup(cost_picture(findings.costs)),
        by_scenario={
            name: [row for row in said["rows"] if row.mode == name]
            for name in sorted({row.mode for row in said["rows"]}, key=_number)
        },
        dials_per_s=DIALS_PER_S, dialing_max=DIALING_MAX,
    )  # fmt: skip


def _number(scenario: str) -> int:
    return int(scenario.removeprefix("S"))


def pictures(part: Part) -> dict[str, str]:
    """The plots of one part; time runs from the moment at which its site was ready."""
    zero_s = part.began_s
    marks = [(mark.name, mark.from_s - zero_s, mark.to_s - zero_s) for mark in part.marks]
    ticks = dict(sorted(part.seconds.ticks.items()))
    cores = {name: _from(points, zero_s) for name, points in shares(part.readings).items()}
    memory: dict[str, list] = {}
    for one in part.readings:
        memory.setdefault(one.name, []).append((one.at_s - zero_s, one.rss_bytes / 2**20))
    errors: dict[str, list] = {}
    for kind in sorted({kind for tick in ticks.values() for kind in tick.errors}):
        errors[kind] = [(at - zero_s, tick.errors[kind]) for at, tick in ticks.items()]
    rates = {
        "心跳 sent": [(at - zero_s, tick.sent) for at, tick in ticks.items()],
        "应答 acked": [(at - zero_s, tick.acked) for at, tick in ticks.items()],
        "上线 welcomed": [(at - zero_s, tick.opened + tick.resumed) for at, tick in ticks.items()],
    }
    return {
        "online": charts.lines({"在线 online": _from(part.online, zero_s)}, unit="人", marks=marks),
        "rates": charts.lines(rates, unit="1/s", marks=marks),
        "heat": charts.heat(ticks, zero_s),
        "percentiles": charts.percentiles(curves(part)),
        "lateness": charts.lines(
            {"迟发 p99 late": [(at - zero_s, tick.lateness.percentile(990) / 1_000) for at, tick in ticks.items()]},
            unit="ms", limit=report.budgets()["certify_late_p99_ms"],
        ),
        "cores": charts.lines(cores, unit="核 cores", marks=marks),
        "memory": charts.lines(memory, unit="MiB", marks=marks),
        "errors": charts.lines(errors, unit="1/s", marks=marks),
    }  # fmt: skip


def curves(part: Part) -> dict[str, Histogram]:
    """Latency of each stretch that has a name, apart: a ramp says nothing of the hold after it."""
    found: dict[str, Histogram] = {}
    for mark in part.marks:
        tick = part.seconds.window(mark.from_s, mark.to_s)
        found[mark.name] = tick.latency
        found[f"{mark.name} 被杀网关"] = tick.moved
    return found


def site_words(part: Part) -> str:
    """What ran in this part: every part has processes of its own, and some have stores of their own."""
    plan = part.plan
    if plan is None:
        return ""
    if "-cluster://" in plan.redis_url:
        store = "Valkey 集群（三主三从，AOF everysec，本次启动）" if plan.cluster else "外部 Redis/Valkey 集群"
    else:
        store = "外部 Redis/Valkey" if plan.redis_url else "内置 Valkey（Unix 套接字，AOF everysec）"
    sql = "SQLite（WAL，synchronous=FULL）"
    if plan.database_url:
        sql = "PostgreSQL（本次启动）" if plan.cluster else "外部 PostgreSQL"
    others = [f"{count} 个{words}" for count, words in ((part.web, "网页进程"), (part.workers, "人脸进程")) if count]
    gateways = f"{plan.gateways} 个网关进程"
    if part.hosts:
        gateways += f"（分布于 {part.hosts} 台模拟主机，network namespaces）"
    return f"{plan.online:,} 人，{plan.loads} 个压测进程 → {gateways} → {'、'.join([store, sql, *others])}"


def _from(points, zero_s: float) -> list[tuple[float, float]]:
    return [(at_s - zero_s, value) for at_s, value in points]


def cost_picture(costs: list[Cost]) -> str:
    """Cost over the number of learners, in thousands of them."""
    return "" if len(costs) < 2 else charts.lines(
        {
            "核 ×1000 millicores": [(one.online / 1_000, one.cores_all * 1_000) for one in costs],
            "内存 MB": [(one.online / 1_000, one.bytes_all / 1e6) for one in costs],
        },
        unit="", x_unit="千人",
    )  # fmt: skip


def machine() -> dict[str, str]:
    """Where it ran, with what the kernel allowed."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = procs.machine() | {
        "memory": f"{memory / 2**30:.1f} GiB",
        "os": platform.platform(),
        "descriptors": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
    for name in KERNEL:
        path = Path("/proc/sys") / name
        if path.exists():
            found[name.replace("/", ".")] = " ".join(path.read_text().split())
    return found


def source_digest() -> str:
    """SHA-256 over the tested source, file by file in the order of their names."""
    whole = hashlib.sha256()
    for folder in ("proctor", "web", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".lua", ".html", ".json") and "raw" not in path.parts:
                whole.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def _keep_raw(findings: Findings, raw: Path) -> None:
    """What the meter read; the load processes have written theirs already."""
    for part in findings.parts:
        lines = ["at_s,name,pid,cpu_s,rss_bytes\n"]
        lines += [f"{one.at_s:.3f},{one.name},{one.pid},{one.cpu_s:.2f},{one.rss_bytes}\n" for one in part.readings]
        (raw / part.name / "processes.csv").write_text("".join(lines), "utf-8")


def digests(raw: Path) -> list[dict]:
    found = []
    for path in sorted(raw.rglob("*")):
        if path.is_file():
            whole = hashlib.sha256()
            with path.open("rb") as data:
                while block := data.read(BLOCK):
                    whole.update(block)
            found.append({
                "file": str(path.relative_to(raw.parent)), "bytes": path.stat().st_size, "sha256": whole.hexdigest(),
            })  # fmt: skip
    return found
