"""The audit as administrators read it: newest first, with the word on whether the chain is intact."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from proctor.modules.audit import service
from proctor.modules.audit.queries import audit_page as audit_rows
from web import context
from web.console import words
from web.render import at, render, translator

PAGE_MAX = 1_000
PROVEN_ROWS = 2_000

ACTIONS = {
    "console:evidence:opened": words._n("打开核验照片"),
    "console:case:propose": words._n("建议核减"),
    "console:case:confirm": words._n("确认核减"),
    "console:case:dismiss": words._n("认定不成立"),
    "console:case:withdraw": words._n("撤回建议"),
    "web:session:opened": words._n("登录"),
    "web:account:locked": words._n("多次输错密码，账号锁定"),
    "web:consent:given": words._n("同意人脸核验"),
    "web:consent:refused": words._n("不同意人脸核验"),
    "web:consent:withdrawn": words._n("撤回人脸核验同意"),
    "web:province:given": words._n("同意提供给省级平台"),
    "web:province:refused": words._n("不同意提供给省级平台"),
    "web:province:withdrawn": words._n("撤回提供给省级平台的同意"),
    "web:guardian:asked": words._n("提交监护人同意"),
    "console:guardian:confirmed": words._n("确认监护人同意"),
    "console:guardian:refused": words._n("登记监护人不同意"),
    "console:minor_access:asked": words._n("申请查看未成年人照片和电话"),
    "console:minor_access:approved": words._n("批准查看未成年人照片和电话"),
    "console:minor_access:refused": words._n("不批准查看未成年人照片和电话"),
    "console:minor:read": words._n("打开未成年人的页面"),
    "console:minor:listed": words._n("打开列有未成年人的列表"),
    "web:age:stated": words._n("学员填写年龄"),
    "console:guardian_phone:opened": words._n("查看监护人手机号"),
    "system:erasure:certified": words._n("人脸信息已删除，出具证明"),
    "console:duty:named": words._n("登记留存职责"),
    "console:duty:ended": words._n("终止留存职责"),
    "console:filing:filed": words._n("登记已备案"),
    "console:register:made": words._n("生成处理活动记录"),
    "console:assessment:made": words._n("生成影响评估草稿"),
    "system:faces:level": words._n("存有人脸的人数达到预警"),
    "web:appeal:filed": words._n("提出申诉"),
    "web:enrolment:submitted": words._n("提交实名照片"),
    "console:enrolment:approve": words._n("通过实名照片"),
    "console:enrolment:reject": words._n("退回实名照片"),
    "console:duplicate:same": words._n("判断为同一人"),
    "console:duplicate:different": words._n("判断为不是同一人"),
    "console:phone:opened": words._n("查看学员手机号"),
    "console:learner:changed": words._n("更正学员号码"),
    "cli:account:blocked": words._n("停用账号"),
    "cli:account:active": words._n("恢复账号"),
    "cli:lesson:taken_down": words._n("下架课时"),
    "host:ticket:minted": words._n("机构的 App 取得学习凭证"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    rows: list[dict]
    more: bool
    page: int
    intact: bool
    room: str = "audit"


async def audit_page(request: web.Request) -> web.StreamResponse:
    """GET /console/audit — of the own institution only."""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    text = request.query.get("page", "0")
    page = min(PAGE_MAX, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    async with deps.db.read() as conn:
        rows, more = await audit_rows(conn, person.institution_id, page=page)
        intact = await _intact(conn)
    view = AuditPage(
        rows=[
            {
                "at": at(row.at_ms, person.zone, "%Y-%m-%d %H:%M:%S"),
                "who": deps.vault.open(row.name_sealed, field="account.name") if row.name_sealed else _("系统"),
                "action": _(ACTIONS[row.action]) if row.action in ACTIONS else row.action,
                "object": row.object,
                "address": row.address,
            }
            for row in rows
        ],
        more=more, page=page, intact=intact,
    )  # fmt: skip
    return render(request, "console/audit.html", view)


async def _intact(conn: AsyncConnection) -> bool:
    """Of the newest rows: a page must not hash years of history on the loop. `proctor doctor` walks all of it."""
    return await service.verify(conn, newest=PROVEN_ROWS) is None
