"""What a learner reads about the record: keys of facts turned into sentences. Never blame, never jargon."""

from __future__ import annotations

from collections.abc import Callable


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


KINDS = {
    "final": _n("已生效"),
    "provisional": _n("暂计"),
    "waiting": _n("待人工核验"),
    "withheld": _n("待核，暂不计入"),
    "void": _n("已核减"),
    "uncounted": _n("未计入"),
}

MEANINGS = {
    "final": _n("核验已通过，这一段学时已经生效。"),
    "provisional": _n("已计时。下一次核验通过后生效，不需要您做什么。"),
    "waiting": _n("已提交人工核验。这一段仍计入，确认后生效，您可以继续学习。"),
    "withheld": _n("这一段暂不计入，等待核实。可以重新观看补上，也可以申诉。"),
    "void": _n("本段学时已核减。如有异议，可以申诉；也可以重新观看补上。"),
    "uncounted": _n("这一段看过，但没有计入学时。可以重新观看补上；如有异议，可以申诉。"),
}

REASONS = {
    "hidden": _n("页面不在前台"),
    "blurred": _n("当时在使用其他窗口"),
    "picture_in_picture": _n("以小窗方式播放"),
    "not_playing": _n("没有在播放"),
    "no_frames": _n("画面没有播放出来"),
    "repeated": _n("这一段之前已计入，重复观看不再计"),
    "too_fast": _n("播放得比实际时间快"),
    "gap": _n("网络中断较久"),
    "seek_ahead": _n("跳过了还没学的部分"),
    "daily_cap": _n("已到当天上限"),
    "unfiled": _n("课程尚未备案"),
    "class_closed": _n("班级不在开放时间内"),
    "check_open": _n("有一次核验还没有完成"),
    "stale": _n("网络消息重复或过期"),
    "too_often": _n("网络消息过于频繁"),
    "hold": _n("系统繁忙，当时暂停了播放"),
    "beyond_end": _n("超出了课程长度"),
    "stopped": _n("本课已停止，等待人工核实"),
}

CHECK_KINDS = {"start": _n("开始核验"), "random": _n("途中核验"), "end": _n("结束核验")}

OUTCOMES = {
    "passed": _n("通过"),
    "unclear": _n("已提交人工核验"),
    "missed": _n("没有在时间内完成"),
    "mismatch": _n("与实名照片不一致，等待人工核实"),
    "our_fault": _n("系统原因没有判定，不影响学时"),
    "pending": _n("进行中"),
    "cancelled": _n("已取消，不影响学时"),
}

# Why a check waits for a person. Faults of ours decide nothing and have none.
DETAILS = {
    "dark": _n("光线太暗，没有看清"),
    "bright": _n("光线太强，没有看清"),
    "blurred": _n("画面模糊，没有看清"),
    "no_face": _n("没有看到人脸"),
    "many_faces": _n("画面里不止一个人"),
    "small": _n("离镜头有点远，没有看清"),
    "turned": _n("没有正对镜头，没有看清"),
    "not_sure": _n("还不能确定是否本人"),
    "mismatch": _n("与实名照片不太一致"),
    "enrolled": _n("已拍摄登记照片"),
    "changing": _n("几张画面不太一致"),
    "still": _n("画面没有变化"),
    "turn_more": _n("转头的幅度不够"),
    "turn_less": _n("转头时看不到脸"),
    "wrong_way": _n("转头的方向与提示不一致"),
    "closer_more": _n("靠近得不够"),
    "not_followed": _n("没有看到要求的动作"),
    "needs_camera": _n("照片不是用摄像头现场拍摄的"),
    "photo_unusable": _n("实名照片无法用于比对"),
    "too_few": _n("可用的画面太少"),
    "unreadable": _n("照片没有传好"),
    "no_camera": _n("没有摄像头画面"),
    "denied": _n("没有摄像头权限"),
    "in_use": _n("摄像头被其他程序占用"),
    "none": _n("没有找到摄像头"),
    "black": _n("摄像头画面全黑"),
    "frozen": _n("摄像头画面没有变化"),
    "unsupported": _n("浏览器不能使用摄像头"),
    "no_consent": _n("没有使用人脸核验"),
    "declined": _n("您选择了人工核验"),
    "other_way": _n("换了核验方式，还没有完成"),
    "cannot_act": _n("面部比对已通过，没有做动作"),
    "no_answer": _n("没有在时间内完成"),
    "code_wrong": _n("短信验证码不对"),
    "answer_wrong": _n("课程问题没有答对"),
    "code_over": _n("短信验证码已失效"),
    "no_phone": _n("没有登记手机号"),
}

ACTIONS = {
    "accept": _n("人工核验：确认有效"),
    "void": _n("人工核验：核减学时"),
    "restore": _n("申诉处理：恢复学时"),
}


def check(_: Callable[[str], str], kind: str, way: str) -> str:
    """A check by its kind, and that it went by text code when it did: 途中核验（短信码）."""
    name = _(CHECK_KINDS[kind])
    return _("%(check)s（短信码）") % {"check": name} if way == "code" else name


def settled(_: Callable[[str], str], outcome: str, detail: str) -> str:
    """What a check came to; of one that waits for a person, why."""
    if outcome == "unclear" and detail in DETAILS:
        return _("%(why)s，已提交人工核验") % {"why": _(DETAILS[detail])}
    return _(OUTCOMES[outcome])


def because(_: Callable[[str], str], what: str, why: str) -> str:
    """A thing and its outcome in one phrase: 途中核验：通过."""
    return _("%(what)s：%(why)s") % {"what": what, "why": why}


# In these an appeal makes sense; what counts already needs none.
APPEALABLE = ("waiting", "withheld", "void", "uncounted")
