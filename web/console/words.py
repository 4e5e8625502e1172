"""What a reviewer reads: facts and keys turned into sentences. Pure; `_` is the request's translator."""

from __future__ import annotations

from collections.abc import Callable

from proctor.modules.reviews.queries import (
    AppealRow,
    BurstRow,
    CaseDecision,
    CauseRow,
    QueueRow,
    SeatRow,
    SignalRow,
)  # fmt: skip
from web.render import clock

Translate = Callable[[str], str]


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


KINDS = {
    "mismatch": _n("与实名照片不符"),
    "misses": _n("漏检偏多"),
    "photo": _n("核验所用的照片被退回，待复核"),
    "unclear": _n("未能判定，等待人工核验"),
    "no_consent": _n("未同意人脸核验，等待人工"),
    "flags": _n("学习过程有疑点"),
    "spot": _n("抽查：本人凭短信码通过核验"),
    "appeal": _n("学员申诉"),
}

STATES = {
    ("open", ""): _n("待处理"),
    ("proposed", ""): _n("待第二人确认"),
    ("closed", "upheld"): _n("已核减"),
    ("closed", "dismissed"): _n("不成立"),
}

CHECK_KINDS = {"start": _n("开始核验"), "random": _n("途中核验"), "end": _n("结束核验")}

OUTCOMES = {
    "passed": _n("通过"),
    "unclear": _n("未能判定"),
    "missed": _n("未应答"),
    "mismatch": _n("不符"),
    "our_fault": _n("系统原因未判定"),
    "pending": _n("进行中"),
    "cancelled": _n("已取消"),
}

# Every detail of a verdict, of a decided check and of an enrolled photo.
DETAILS = {
    "dark": _n("光线太暗"),
    "bright": _n("光线过强"),
    "blurred": _n("画面模糊"),
    "no_face": _n("没有人脸"),
    "many_faces": _n("不止一张人脸"),
    "small": _n("离镜头太远"),
    "turned": _n("没有正对镜头"),
    "not_sure": _n("相似度在中间地带"),
    "mismatch": _n("与登记照片不是同一人"),
    "enrolled": _n("这次拍摄用作登记照片"),
    "changing": _n("几张画面不是同一人"),
    "still": _n("几张画面完全相同，不像实时拍摄"),
    "turn_more": _n("转头幅度不够"),
    "turn_less": _n("转头过度，看不到脸"),
    "wrong_way": _n("转头方向与提示相反"),
    "closer_more": _n("没有按提示靠近"),
    "not_followed": _n("没有看到要求的动作"),
    "needs_camera": _n("照片来自文件，需要人工核对"),
    "photo_unusable": _n("实名照片无法用于比对"),
    "model_error": _n("系统无法判定"),
    "evidence_gone": _n("画面已不在"),
    "evidence_altered": _n("保存的画面已损坏，系统无法判定"),
    "too_late": _n("系统繁忙，没有及时判定"),
    "queue_full": _n("系统繁忙，没有接收画面"),
    "gave_up": _n("系统多次无法判定"),
    "unreachable": _n("系统当时无法联系到"),
    "too_few": _n("可用的画面太少"),
    "unreadable": _n("图片无法读取"),
    "no_camera": _n("无法使用摄像头"),
    "denied": _n("没有摄像头权限"),
    "in_use": _n("摄像头被其他程序占用"),
    "none": _n("没有找到摄像头"),
    "black": _n("摄像头画面全黑"),
    "frozen": _n("摄像头画面没有变化"),
    "unsupported": _n("浏览器不能使用摄像头"),
    "no_consent": _n("未同意人脸核验"),
    "declined": _n("学员转交人工核验"),
    "other_way": _n("学员换了核验方式，但没有完成"),
    "cannot_act": _n("面部比对通过，但学员表示做不了动作"),
    "no_answer": _n("窗口内没有应答"),
    "code_wrong": _n("短信验证码不对"),
    "answer_wrong": _n("课程问题答错"),
    "code_over": _n("短信验证码已失效"),
    "no_phone": _n("没有登记手机号"),
    "text_not_sent": _n("短信没有发出去（系统原因）"),
    "code_not_judged": _n("系统无法判定"),
}

FLAGS = {
    "takeovers": _n("一小时内多次在设备间切换"),
    "no_frames": _n("页面称在播放，但没有画面更新"),
    "stale_beats": _n("心跳重复或乱序"),
    "too_fast": _n("播放快于实际时间"),
    "too_often": _n("心跳过于频繁"),
    "untrusted_capture": _n("照片来自文件，不是实时拍摄"),
    "virtual_camera": _n("摄像头像是虚拟摄像头软件，仅供参考"),
}

CUES = {
    "still": _n("几张照片完全相同"),
    "switched": _n("几张照片不像同一个人"),
    "replay": _n("与以前的核验照片重复"),
    "planar": _n("转头时面部像平面照片"),
    "border": _n("人脸周围像有屏幕或纸张的边框"),
    "jump": _n("转头快得不合常理"),
    "timing": _n("拍摄时间不合常理"),
    "light": _n("面部没有随屏幕变亮变暗"),
    "passive": _n("活体模型认为不像真人"),
}

ACTIONS = {
    "propose": _n("建议核减 %(ranges)s"),
    "confirm": _n("确认核减 %(ranges)s"),
    "dismiss": _n("认定不成立，学时有效"),
    "withdraw": _n("撤回建议"),
}

STATUSES = {
    "provisional": _n("暂计"),
    "waiting": _n("待人工"),
    "withheld": _n("待核"),
    "final": _n("已确认"),
    "void": _n("已核减"),
}

REASON_TEMPLATES = (
    _n("照片与实名登记照片不是同一人。"),
    _n("照片清晰可辨，与实名登记照片一致。"),
    _n("光线不足，但能够辨认是本人。"),
    _n("画面中没有本人，无法证明在学习。"),
)


SPOT_TEMPLATES = (
    _n("电话抽查：本人接听，能说出所学内容。"),
    _n("现场抽查：本人在场学习。"),
    _n("电话抽查：多次联系无人接听，改日再查。"),
    _n("抽查：接听或在场的不是本人。"),
)


def templates(kind: str) -> tuple[str, ...]:
    """Sentences that a reviewer may start from."""
    return SPOT_TEMPLATES if kind == "spot" else REASON_TEMPLATES


def tone(row: QueueRow) -> str:
    """The tag's colour class; the words carry the meaning, colour only helps the eye."""
    if row.status == "closed":
        return "calm"
    return "worst" if row.kind in ("mismatch", "misses") or row.status == "proposed" else "attention"


def between(from_ms: int, to_ms: int) -> str:
    return f"{clock(from_ms)}–{clock(to_ms)}"


def ranges(_: Translate, spans: tuple[tuple[int, int], ...]) -> str:
    return _("、").join(between(*span) for span in spans)


def age(_: Translate, ms: int) -> str:
    """How long something waits, in the largest unit that says enough."""
    minutes = max(0, ms) // 60_000
    if minutes < 60:
        return _("%(n)s 分钟") % {"n": minutes}
    if minutes < 48 * 60:
        return _("%(n)s 小时") % {"n": minutes // 60}
    return _("%(n)s 天") % {"n": minutes // 1_440}


def detail(_: Translate, key: str) -> str:
    return _(DETAILS[key]) if key in DETAILS else ""


def cause(_: Translate, row: CauseRow) -> str:
    kind, _colon, rest = row.cause.partition(":")
    if kind == "flag":
        return _(FLAGS.get(rest, rest))
    if kind == "appeal":
        return _(KINDS["appeal"])
    if kind == "code":
        return _("短信码核验已通过，请电话或现场确认是本人")
    return detail(_, row.detail) or _("这次核验需要人工确认")


def settled(_: Translate, outcome: str, key: str) -> str:
    """What a check came to; of one that people must see to, why."""
    return (detail(_, key) if outcome == "unclear" else "") or _(OUTCOMES[outcome])


def burst(_: Translate, row: BurstRow) -> str:
    words = [
        _(CHECK_KINDS.get(row.check_kind, row.check_kind)),
        _("第 %(n)s 次") % {"n": row.try_number},
        _(OUTCOMES.get(row.outcome, row.outcome)),
        detail(_, row.detail),
    ]
    if row.source == "file":
        words.append(_("来自文件，可信度低"))
    if row.source == "code":
        words.append(_("短信码和课程问题"))
    elif row.way == "active":
        words.append(_("按提示做动作"))
    return " · ".join(word for word in words if word)


def score(_: Translate, row: BurstRow) -> str:
    """The score beside its threshold, and which model said it."""
    if not row.model or row.score == 0:
        return ""
    return _("相似度 %(score)s（通过线 %(threshold)s）· %(model)s") % {
        "score": f"{row.score:.2f}", "threshold": f"{row.threshold:.2f}",
        "model": " ".join(part for part in (row.model, row.version, row.precision) if part),
    }  # fmt: skip


def cues(_: Translate, row: BurstRow) -> str:
    """What spoke against a living person before the camera; none of it is a proof."""
    found = [_(CUES.get(cue, cue)) for cue in row.cues.split()]
    return _("供参考的疑点：%(cues)s") % {"cues": _("、").join(found)} if found else ""


def seat(_: Translate, row: SeatRow) -> str:
    device = _("设备 %(id)s") % {"id": row.device_id[:6]}
    if row.taken_over:
        return _("%(device)s 接过学习") % {"device": device}
    return (
        _("%(device)s 断线后继续") % {"device": device}
        if row.resumed
        else _("%(device)s 开始学习") % {"device": device}
    )


def signal(_: Translate, row: SignalRow) -> str:
    words = _(FLAGS.get(row.flag, row.flag))
    return f"{words} {between(row.from_ms, row.to_ms)}" if row.to_ms > row.from_ms else words


def step(_: Translate, row: CaseDecision, name: str) -> str:
    return f"{name} " + _(ACTIONS[row.action]) % {"ranges": ranges(_, row.spans)}


def appeal(row: AppealRow) -> str:
    return between(row.from_ms, row.to_ms)
