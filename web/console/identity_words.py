"""Enrolments in sentences. Pure; `_` is the request's translator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from proctor.modules.identity.queries import QueueRow
from proctor.modules.identity.rules import FACE_PX_MIN, Quality
from web.console.words import DETAILS

Translate = Callable[[str], str]


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


SHOWS = {
    "waiting": _n("待审核"),
    "alike": _n("疑似重复账号"),
    "unusable": _n("照片无法使用"),
    "decided": _n("已处理"),
    "learners": _n("全部学员"),
    "ageless": _n("年龄未知"),
}

SOURCES = {"id_photo": _n("证件照"), "capture": _n("学员拍摄"), "first_capture": _n("首次核验时拍摄")}

STATES = {
    "": _n("没有照片"),
    "received": _n("检测中"),
    "unusable": _n("无法使用"),
    "pending": _n("待审核"),
    "approved": _n("已通过"),
    "rejected": _n("已退回"),
    "replaced": _n("已替换"),
    "withdrawn": _n("已撤回同意"),
    "expired": _n("班级结束，已到期删除"),
}

FLAGS = {"open": _n("待判断"), "same": _n("同一人"), "different": _n("不是同一人")}

AUTHORITIES = {
    "same": _n("%(name)s：一致"),
    "different": _n("%(name)s：不一致"),
    "unknown": _n("%(name)s：无法判断"),
}

REASONS = (
    _n("照片与证件一致，本人。"),
    _n("照片不是本人，请上传本人照片。"),
    _n("照片不清楚，请在光线好的地方正对镜头重拍。"),
    _n("当面核对过证件和本人。"),
)


def tone(state: str) -> str:
    """The tag's colour class; the words carry the meaning."""
    return {"pending": "attention", "received": "attention", "unusable": "attention", "rejected": "worst"}.get(
        state, "calm"
    )


def problem(_: Translate, key: str) -> str:
    return _(DETAILS[key]) if key in DETAILS else ""


def authority(_: Translate, word: str, name: str) -> str:
    """What an authority said; "" when none was asked."""
    return _(AUTHORITIES[word]) % {"name": name} if word in AUTHORITIES else ""


def remarks(_: Translate, row: QueueRow) -> list[str]:
    """What deserves a look before the photo itself."""
    found = [problem(_, row.problem), authority(_, row.authority, _("核验机构"))]
    if row.alike:
        found.append(_("与 %(n)s 个账号相像") % {"n": row.alike})
    return [text for text in found if text]


def quality(_: Translate, found: Quality) -> list[tuple[str, str]]:
    """Measures as name and value; none before a worker looked, or without a face."""
    if found.face_px < 0:
        return []
    return [
        (_("照片尺寸"), f"{found.width} × {found.height}"),
        (_("人脸宽度"), _("%(px)s 像素（至少 %(min)s）") % {"px": found.face_px, "min": FACE_PX_MIN}),
        (_("正对程度"), _("偏转 %(yaw)s（不超过 0.15）") % {"yaw": f"{abs(found.yaw):.2f}"}),
        (_("亮度"), f"{found.luma:.0f} / 255"),
        (_("清晰度"), f"{found.sharpness:.0f}"),
        (_("检测把握"), f"{found.score:.2f}"),
    ]


def today(now_ms: int) -> date:
    """The calendar of the authority that issues identity numbers."""
    return datetime.fromtimestamp(now_ms / 1_000, timezone(timedelta(hours=8))).date()
