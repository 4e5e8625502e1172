"""How long what is kept and why: the one table that the timer goes by, the console shows and the register prints."""

from __future__ import annotations

import msgspec

DAY_MS = 86_400_000
ENROLMENT_DAYS = 30  # after the last class of the learner closed
APPEAL_DAYS = 30  # after a case is decided its pictures wait for an appeal
DUTY_DAYS_MAX = 730  # no named duty keeps pictures longer
ACCESS_HOURS = 24  # an approval to see a minor's pictures


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One row: sentences for people, translated where they are shown; the numbers come from `words`."""

    key: str
    what: str
    why: str
    until: str


CLOCKS = (
    Clock(
        key="decided", what="已通过核验的画面", why="用于当次比对；得出结论后不再需要",
        until="结论作出后立即删除（删除程序每 30 秒运行一次）",
    ),
    Clock(
        key="time", what="没有进入案件的画面", why="等待结论、再次尝试或立案",
        until="最长保留 %(keep)s 分钟，到时删除",
    ),
    Clock(
        key="case_closed", what="案件中的画面", why="人工核实与申诉的证据，也保护学员本人",
        until="案件办结并过了 %(appeal)s 天申诉期后删除",
    ),
    Clock(
        key="case_limit", what="长期未结案件中的画面", why="防止无限期保存", until="采集后最长 %(case)s 天删除",
    ),
    Clock(
        key="duty_ended", what="因留存职责保存的画面", why="经登记的留存职责（列明依据、理由和期限）",
        until="职责到期或被终止后删除，最长 %(duty)s 天",
    ),
    Clock(
        key="trace_end", what="防重放记录（图像指纹、几何、特征值，加密）", why="识别重复提交的旧画面",
        until="最长 %(trace)s 天删除",
    ),
    Clock(
        key="enrolment_end", what="登记照片、人脸特征值、防重放记录", why="在读期间核验是否本人",
        until="最后一个班级结束 %(enrolment)s 天后删除并销毁密钥",
    ),
    Clock(
        key="withdrawn", what="学员的全部人脸信息", why="学员或监护人撤回同意、不同意",
        until="登记照片、特征值和密钥立即销毁，其余画面一分钟内删除；案件中的画面在案件办结后删除",
    ),
    Clock(
        key="left_over", what="已无同意的剩余人脸信息", why="案件办结后留下的画面和密钥", until="案件放开后立即删除",
    ),
)  # fmt: skip
BY_KEY = {clock.key: clock for clock in CLOCKS}


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The clocks in milliseconds, as the settings have them."""

    keep_ms: int
    case_ms: int
    trace_ms: int
    appeal_ms: int = APPEAL_DAYS * DAY_MS
    enrolment_ms: int = ENROLMENT_DAYS * DAY_MS


def words(times: Times) -> dict[str, int]:
    """What the sentences above are filled with."""
    return {
        "keep": max(1, times.keep_ms // 60_000),
        "case": times.case_ms // DAY_MS, "appeal": times.appeal_ms // DAY_MS, "duty": DUTY_DAYS_MAX,
        "trace": times.trace_ms // DAY_MS, "enrolment": times.enrolment_ms // DAY_MS,
    }  # fmt: skip
