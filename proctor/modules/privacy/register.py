"""The register of processing activities (PIPL 55 and 56): generated from the tables of this very database.

An activity names its tables; a table with people in it that no activity names is shown as such, so nothing that the
code begins to store can stay unregistered. The document is in Chinese: it is one for the authority.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Table, func, select

from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy.clocks import CLOCKS, Times, words
from proctor.modules.schema import metadata

# Columns by which a table is known to speak of a person.
PERSONAL = ("learner_id", "account_id", "by_account_id", "asked_by", "decided_by", "created_by", "other_id")


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One processing activity; `clocks`: keys of the retention table, `keep`: where no clock of ours ends it."""

    name: str
    purpose: str
    basis: str
    data: str
    sensitive: bool
    tables: tuple[str, ...]
    recipients: str = "不向他人提供"
    safeguards: str = "传输加密；访问按机构和角色隔离；操作留痕"
    clocks: tuple[str, ...] = ()
    keep: str = ""


ARCHIVE = "随培训档案（依当地补贴监管要求，一般 3 至 6 年；系统不自动删除）"

ACTIVITIES = (
    Activity(
        name="账号与实名", purpose="识别学员和工作人员，落实培训实名要求", basis="履行培训合同与法定实名要求",
        data="姓名、证件号码、手机号（密文）、账号、密码散列、登录会话", sensitive=True,
        tables=("accounts", "login_sessions", "rosters"), keep=ARCHIVE,
        safeguards="姓名、证件号码、手机号逐字段加密；查找用带密钥的散列；连续输错锁定",
    ),
    Activity(
        name="学习记录", purpose="按秒记录有效学时，供学员查询和补贴核查", basis="履行培训合同与法定职责",
        data="学习区间、设备标识、页面状态、学时状态", sensitive=False,
        tables=("seats", "facts", "ledger", "rollups", "lesson_states", "instructions"), keep=ARCHIVE,
    ),
    Activity(
        name="人脸核验", purpose="学习中核验是否本人", basis="单独同意（可撤回，另有同等效力的非人脸方式）",
        data="核验画面（加密文件）、结论、分数、阈值、模型版本", sensitive=True,
        tables=("checks", "bursts", "evidence"),
        clocks=("decided", "time", "case_closed", "case_limit", "duty_ended"), keep="结论随培训档案；画面按下列期限",
        safeguards="画面用学员专属密钥加密；查看即留痕；未成年人画面须另一人批准",
    ),
    Activity(
        name="人脸登记", purpose="作为核验的比对基准，查找同一人的重复账号", basis="单独同意",
        data="登记照片（加密文件）、人脸特征值（密文）、登记历史、相似账号提示", sensitive=True,
        tables=("enrolments", "enrolment_history", "duplicate_flags"),
        recipients="启用身份核对服务时为该服务（仅限另行同意提供的学员）；否则不向他人提供",
        clocks=("enrolment_end", "withdrawn"),
        safeguards="特征值与照片用学员专属密钥加密，销毁密钥后备份也无法解密",
    ),
    Activity(
        name="防重放记录", purpose="识别重复提交的旧画面", basis="单独同意",
        data="图像指纹、几何位置、特征值（密文）", sensitive=True, tables=("face_traces",),
        clocks=("trace_end", "withdrawn"), safeguards="用学员专属密钥加密",
    ),
    Activity(
        name="非人脸核验", purpose="不同意使用人脸者的同等效力核验", basis="履行培训合同与法定职责",
        data="一次性验证码散列、发送记录、题目", sensitive=False, tables=("check_codes", "texts", "lesson_questions"),
        recipients="短信服务商（仅手机号与短信内容，受托处理）", keep=ARCHIVE,
    ),
    Activity(
        name="人工核实与申诉", purpose="对存疑学时作出人工决定，受理申诉", basis="个人信息保护法第二十四条",
        data="案件、决定、理由、申诉文字", sensitive=False,
        tables=("cases", "case_causes", "decisions", "appeals"), keep=ARCHIVE,
    ),
    Activity(
        name="同意与告知", purpose="证明同意的内容、时间和撤回", basis="个人信息保护法第十四至十七条",
        data="选择、本人填写的年龄段、告知文本全文及散列、监护人姓名与手机号（密文）", sensitive=True,
        tables=("consents", "notices", "guardians"), keep="至少 3 年（系统不自动删除）",
        safeguards="监护人信息逐字段加密",
    ),
    Activity(
        name="删除与留存管理", purpose="按期删除、销毁密钥、出具删除证明，登记留存职责",
        basis="个人信息保护法第十九、四十七条", sensitive=False,
        data="密钥（密文）、删除证明、留存职责、存储人数记录",
        tables=("face_keys", "erasures", "duties", "filings"), keep="至少 3 年（系统不自动删除）",
    ),
    Activity(
        name="未成年人信息访问", purpose="工作人员访问未成年人画面和电话的审批与记录",
        basis="未成年人网络保护条例第三十六条",
        data="申请人、理由、审批人、时限", sensitive=False, tables=("face_access",), keep="至少 3 年",
    ),
    Activity(
        name="操作审计", purpose="记录谁在何时看了什么、决定了什么", basis="网络安全法第二十一条",
        data="操作人、动作、对象编号、来源地址（不含姓名和画面）", sensitive=False, tables=("audit",),
        keep="至少 6 个月（系统不自动删除）", safeguards="只增不改，逐行散列相扣",
    ),
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An activity with what stands in its tables now, and how long it is kept, in words."""

    activity: Activity
    rows: Mapping[str, int | None]  # of this institution; None: the table speaks of no person
    sealed: Sequence[str]
    keep: Sequence[str]


def personal_tables() -> set[str]:
    """Tables that speak of people, by their columns."""
    return {table.name for table in metadata.sorted_tables if set(PERSONAL) & {column.name for column in table.c}}


def unregistered() -> list[str]:
    """Tables with people in them that no activity names; empty in a release: a test demands it."""
    named = {name for activity in ACTIVITIES for name in activity.tables}
    return sorted(personal_tables() - named)


async def entries(conn, times: Times, institution_id: int) -> list[Entry]:
    """The register of one institution as of now."""
    values, clocks = words(times), {clock.key: clock for clock in CLOCKS}
    made = []
    for activity in ACTIVITIES:
        tables = [metadata.tables[name] for name in activity.tables]
        keep = [f"{clocks[key].what}：{clocks[key].until % values}" for key in activity.clocks]
        made.append(
            Entry(
                activity=activity, rows={table.name: await _count(conn, table, institution_id) for table in tables},
                sealed=[f"{table.name}.{c.name}" for table in tables for c in table.c if c.name.endswith("sealed")],
                keep=[*([activity.keep] if activity.keep else []), *keep],
            )
        )  # fmt: skip
    return made


async def _count(conn, table: Table, institution_id: int) -> int | None:
    counted = select(func.count()).select_from(table)
    if "institution_id" in table.c:
        return (await conn.execute(counted.where(table.c.institution_id == institution_id))).scalar_one()
    whose = next((name for name in PERSONAL if name in table.c), "")
    if not whose:
        return None
    mine = select(accounts.c.id).where(accounts.c.institution_id == institution_id)
    return (await conn.execute(counted.where(table.c[whose].in_(mine)))).scalar_one()


def markdown(institution: str, day: str, found: Sequence[Entry]) -> str:
    """The document: one section for each activity."""
    lines = [f"# 个人信息处理活动记录：{institution}", "", f"生成日期：{day}。由系统按实际数据表和存储数量生成。"]
    if missing := unregistered():
        lines += ["", f"未登记的数据表：{'、'.join(missing)}。请联系软件提供方。"]
    for entry in found:
        one = entry.activity
        stored = "、".join(f"{name} {count}" for name, count in entry.rows.items() if count is not None)
        lines += [
            "", f"## {one.name}{'（敏感个人信息）' if one.sensitive else ''}", "",
            f"- 目的：{one.purpose}", f"- 依据：{one.basis}", f"- 个人信息：{one.data}",
            f"- 接收方：{one.recipients}", f"- 保护措施：{one.safeguards}",
            f"- 加密字段：{'、'.join(entry.sealed) or '无'}",
            f"- 现存记录：{stored or '无'}", *(f"- 保存期限：{line}" for line in entry.keep),
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def as_json(found: Sequence[Entry]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(list(found)))
