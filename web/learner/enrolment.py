"""实名照片: what stands, what it means, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proctor.modules.identity import queries
from proctor.modules.privacy import service as privacy
from web import context
from web.console.identity_words import SOURCES, problem
from web.render import at, render, translator


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


# state -> what it is called, what it means for the learner.
MEANINGS = {
    "": (_n("还没有照片"), _n("可以现在上传或拍摄；不上传也可以，第一次核验时会自动拍一张。")),
    "received": (_n("已收到，正在检测"), _n("检测只需几秒钟，可以离开这个页面，照常学习。")),
    "unusable": (_n("照片无法使用"), _n("请按下面的提示重新拍一张。这不影响已记录的学时。")),
    "pending": (_n("等待审核"), _n("工作人员会核对照片和证件。等待期间照常学习，学时不受影响。")),
    "approved": (_n("已通过"), _n("之后的人脸核验都与这张照片比对。换了证件或容貌变化较大时，可以重新提交。")),
    "rejected": (_n("已退回"), _n("请按说明重新提交一张。已记录的学时不受影响。")),
    "replaced": (_n("已替换"), _n("这张照片已经不用了。")),
    "withdrawn": (_n("已删除"), _n("人脸核验的同意已撤回，照片和人脸特征已删除。核验改用短信码。")),
    "expired": (_n("已到期删除"), _n("您的班级都已结束，照片和人脸特征已按期删除。再次学习时需要重新登记照片。")),
}
# Without consent, and without any photo ever: nothing is taken, and nobody is asked.
NOT_NEEDED = (_n("不需要照片"), _n("您选择了不使用人脸。核验时用短信码和课程问题，效力相同，不会拍照。"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentPage:
    """`may`: a photo may be handed in; without consent the page says how the other way goes."""

    may: bool
    state: str
    title: str
    meaning: str
    why: str
    in_use: bool
    story: list[dict]
    room: str = "me"


async def page(request: web.Request) -> web.StreamResponse:
    """GET /enrolment"""
    person, deps, _ = context.signed(request), context.deps(request), translator(request)
    async with deps.db.read() as conn:
        story = await queries.story(conn, person.account_id)
        used = await queries.in_use(conn, person.account_id)
        may = await privacy.face_consent(conn, person.account_id)
    newest = story[0] if story else None
    state = newest.state if newest else ""
    title, meaning = MEANINGS[state] if state or may else NOT_NEEDED
    why = "" if newest is None else newest.reason if state == "rejected" else problem(_, newest.problem)
    view = EnrolmentPage(
        may=may, state=state, title=_(title), meaning=_(meaning), why=why, in_use=bool(used),
        story=[
            {
                "what": _(SOURCES[one.source]), "state": _(MEANINGS[one.state][0]),
                "at": at(one.submitted_ms, person.zone), "reason": one.reason if one.state == "rejected" else "",
            }
            for one in story
        ],
    )  # fmt: skip
    return render(request, "learner/enrolment.html", view)
