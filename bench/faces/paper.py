"""What a run found, as one page for people: figures with their intervals, curves, and what no figure here can say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.certify.charts import COLOURS
from bench.faces.scores import Rate
from bench.faces.trials import Tally
from bench.report import Row

HERE = Path(__file__).parent
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 130, 14, 40
FMR_FROM, FNMR_FROM = -6, -3  # powers of ten at the axes' ends; both end at 10 ** 0
LIMITS = (
    "公开的新闻人物照片：模型之间的比较可信，绝对数字偏乐观 (press photographs flatter absolute rates)。",
    "误识率只针对无准备的他人 (zero-effort impostors)；双胞胎和相貌相近的亲属没有样本。",
    "没有按 ISO/IEC 30107-3 的攻击检测认证 (certified PAD)：攻击由现有图片合成，没有实物测试。",
    "深度伪造与摄像头注入 (deepfake, injection) 无法在此测量；虚拟摄像头只作线索。",
    "年龄跨度 (ageing) 与身份证芯片照片 (chip photos) 没有样本；“60 像素证件照”由新闻照片缩小而成。",
    "转头动作由 468 点网格三维重绘 (synthetic)，不是真人拍摄；真人动态画面只有一段公开短片。",
    "新近、未用过的静态照片若是本人，可以通过一次普通核验；因此策略规定每 N 次随机核验中有一次动作核验。",
)


def write(
    path: Path, rows: Sequence[Row], raw: Mapping, machine: Mapping[str, str], command: str, commit: str
) -> None:
    """`raw`: as `command.run` left it, before it was encoded."""
    env = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    accuracy = raw.get("accuracy", {})
    curves = {name: found["det"] for name, found in accuracy.items()}
    groups: dict[str, list[Row]] = {}
    for one in rows:
        groups.setdefault(one.mode, []).append(one)
    page = env.get_template("report.html").render(
        command=command, commit=commit, machine=machine, raw=raw, groups=groups, limits=LIMITS,
        interval=lambda row: interval(accuracy.get(row.mode, {}).get(row.measure), row.unit),
        det=Markup(det(curves)), tables=_tables(raw),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def interval(rate: object, unit: str) -> str:
    """The 95 % interval of a rate in the row's unit, with its counts; "" for what is no rate."""
    if not isinstance(rate, Rate):
        return ""
    scale = 10_000 if unit == "per 10,000" else 100
    return f"{rate.low * scale:,.2f} – {rate.high * scale:,.2f} (n = {rate.count:,})"


def _tables(raw: Mapping) -> list[tuple[str, Sequence[Tally]]]:
    """Tries of attacks and of the honest, where they were made."""
    names = (("attacks", "攻击 Attacks"), ("genuine", "本人尝试 Honest tries"))
    return [(words, raw[name]) for name, words in names if raw.get(name)]


def det(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """False non-matches over false matches, both by powers of ten; "" without a curve."""
    if not curves:
        return ""
    parts = [_column(10.0**power) for power in range(FMR_FROM, 1)]
    parts += [_line(10.0**power) for power in range(FNMR_FROM, 1)]
    for index, (name, points) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        kept = [(_x(fmr), _y(fnmr)) for fmr, fnmr in points if fmr >= 10.0**FMR_FROM]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in kept)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{line}"/>')
        x, y = kept[-1]
        parts.append(f'<text x="{x + 4:.1f}" y="{y - 6:.1f}" style="fill:{colour}">{escape(name)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">误识率 FMR</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 2}">拒识率 FNMR</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="DET">{"".join(parts)}</svg>'


def _x(fmr: float) -> float:
    share = (math.log10(max(fmr, 10.0**FMR_FROM)) - FMR_FROM) / -FMR_FROM
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(fnmr: float) -> float:
    share = (math.log10(max(fnmr, 10.0**FNMR_FROM)) - FNMR_FROM) / -FNMR_FROM
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _column(fmr: float) -> str:
    x = _x(fmr)
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>'
    return line + f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{fmr:g}</text>'


def _line(fnmr: float) -> str:
    y = _y(fnmr)
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
    return line + f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{fnmr:g}</text>'
