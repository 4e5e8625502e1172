"""What people and programs are told when something is refused or breaks: one shape each, never a trace."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from multidict import CIMultiDict

from proctor.errors import Refused, Unavailable
from web import context
from web.render import render, translator
from web.security import came_from

log = structlog.get_logger("web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

POST_S = 90.0  # longer than the window of a check: two megabytes over a poor line take half a minute


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


# code -> (HTTP status, what is said). Codes are never translated and never change.
WORDS: dict[str, tuple[int, str]] = {
    "form_wrong": (400, _n("提交的内容不完整或格式不对。请返回检查后再提交一次。")),
    "field_wrong": (400, _n("有一项内容格式不对，请检查后再提交。")),
    "csrf": (403, _n("这个页面放得太久，或不是从本站打开的。请返回刷新后再试，刚才的操作没有执行。")),
    "sign_in_first": (401, _n("请先登录。登录后会回到这里，学时不受影响。")),
    "not_your_room": (403, _n("当前账号不能打开这个页面。")),
    "not_found": (404, _n("没有找到这个页面。它可能已被移动，或不属于您的机构。")),
    "method_wrong": (405, _n("这个地址不支持这样的操作。")),
    "too_large": (413, _n("提交的内容太大了。")),
    "wrong_login": (401, _n("账号或密码不正确。")),
    "locked": (429, _n("密码多次输错，为保护账号已暂时锁定，请 %(minutes)s 分钟后再试。学时不受影响。")),
    "too_many": (429, _n("尝试得太频繁了，请稍等一分钟再试。")),
    "blocked": (403, _n("这个账号已停用，请联系培训机构。已记录的学时仍然保留。")),
    "no_lesson": (404, _n("没有找到这节课，或您不在它的班级里。")),
    "taken_down": (410, _n("这节课已下架，暂时不能学习。已经记录的学时仍然保留。")),
    "ticket_invalid": (403, _n("这张凭证无效。请重新打开课程。")),
    "ticket_expired": (410, _n("这张凭证已过期。请重新打开课程。")),
    "cancelled": (409, _n("这次核验已取消：账号在另一台设备上开始学习。图片已删除。")),
    "other_bytes": (409, _n("这次核验已收到过另一组画面，这一组没有采用。")),
    "judged": (409, _n("这次核验已有结果，不需要再提交。")),
    "late": (410, _n("已超过核验时间，这组画面没有采用。请按页面提示继续。")),
    "closed": (410, _n("这次核验已结束，这组画面没有采用。")),
    "unknown": (410, _n("没有找到这次核验，请按页面提示继续。")),
    "upload_wrong": (400, _n("没有收到完整的画面，请再拍一次。")),
    "not_jpeg": (400, _n("画面格式不对，需要 JPEG 图片。")),
    "no_frames": (400, _n("没有收到画面，请再拍一次。")),
    "too_many_frames": (413, _n("画面太多了。")),
    "no_consent": (403, _n("您没有同意人脸核验，所以没有接收任何画面。")),
    "code_format": (422, _n("验证码是 6 位数字，请照短信填写。")),
    "code_not_sent": (409, _n("请先获取验证码。没有用掉这一次机会。")),
    "text_too_soon": (429, _n("刚刚发过一条短信，请等 %(seconds)s 秒再试。")),
    "text_too_many": (429, _n("短信发得太多了，请用最近一条里的验证码。")),
    "texts_busy": (503, _n("短信暂时发不出去，这不是您的问题，不影响学时，稍后会再请您核验。")),
    "no_phone": (409, _n("您还没有登记手机号，这次核验已转给工作人员。请联系培训机构登记。")),
    "id_number_wrong": (422, _n("身份证件号码不正确，请核对 18 位号码。")),
    "phone_wrong": (422, _n("手机号不正确，请填写 11 位手机号。")),
    "number_taken": (422, _n("这个证件号码已登记在本机构的另一个账号下，请先核对。")),
    "no_learner": (404, _n("没有找到这位学员，或不属于您的机构。")),
    "no_enrolment": (404, _n("没有找到这张照片，或它不属于您的机构。")),
    "no_flag": (404, _n("没有找到这条提示，或它不属于您的机构。")),
    "enrolment_moved": (409, _n("这张照片刚刚有变化：已处理、已替换或还在检测。请看下面的最新情况。")),
    "guardian_first": (403, _n("未满 14 周岁，是否使用人脸由监护人决定。请先填写监护人同意。")),
    "age_first": (422, _n("请先选择您的年龄。两项都不同意的话，不需要填写年龄。")),
    "guardian_name": (422, _n("请填写监护人的真实姓名。")),
    "guardian_phone": (422, _n("请填写监护人的 11 位手机号。")),
    "guardian_relation": (422, _n("请选择监护人与学员的关系。")),
    "guardian_agree": (422, _n("请监护人阅读并勾选同意。")),
    "guardian_self": (422, _n("这是学员自己的手机号，请填写监护人的手机号。")),
    "guardian_code_wrong": (422, _n("监护人的验证码不对，请核对后再输入。")),
    "guardian_code_over": (410, _n("这个验证码已失效，请重新发送。")),
    "no_statement": (409, _n("没有等待确认的监护人同意，请重新填写。")),
    "minor_access": (403, _n("未成年学员的照片和电话须另一位工作人员批准后才能查看。")),
    "minor_older": (
        422,
        _n("这个号码会让未成年学员变为更大的年龄段，须另一位工作人员批准。请先在本页申请，批准后再更正。"),
    ),
    "same_person_asks": (403, _n("不能批准自己的申请，需要另一位工作人员。")),
    "duty_time": (422, _n("期限须在今天之后，最长 %(days)s 天。")),
    "host_key": (401, _n("机构密钥不正确。")),
    "no_case": (404, _n("没有找到这个案件，或它不属于您的机构。")),
    "reason_short": (422, _n("请写明理由，至少 %(chars)s 个字。")),
    "reason_long": (422, _n("理由太长了，请控制在 %(chars)s 个字以内。")),
    "spans_missing": (422, _n("请先选择要核减的时段。")),
    "spans_wrong": (422, _n("所选时段不属于这个案件，请刷新后重新选择。")),
    "same_person": (403, _n("提出建议的人不能自己确认，需要另一位审核员。")),
    "not_proposer": (403, _n("只有提出建议的人可以撤回它。您可以确认，或认定不成立。")),
    "not_possible": (409, _n("这个案件现在不能这样处理，请刷新后再看。")),
    "appeal_later": (409, _n("申诉的处理功能尚未开放，案件已保留在待办中。")),
    "evidence_gone": (404, _n("画面已按规定删除。")),
    "words_short": (422, _n("请写明理由，至少 %(chars)s 个字。")),
    "words_long": (422, _n("理由太长了，请控制在 %(chars)s 个字以内。")),
    "appeal_open": (409, _n("这一段已经提交过申诉，正在等待处理，不需要重复提交。")),
    "no_stretch": (409, _n("这一段的记录刚刚有变化，请刷新页面后再看。")),
    "stale": (409, _n("页面内容已有更新，请刷新后再操作。刚才的操作没有执行。")),
    "range_wrong": (416, _n("请求的片段不存在。")),
    "unavailable": (503, _n("系统正忙，请稍后再试。已经记录的学时不会丢失。")),
    "broken": (500, _n("页面出了问题，我们已经记录。已经记录的学时不会丢失，请稍后再试。")),
}

_BY_STATUS = {400: "form_wrong", 403: "csrf", 404: "not_found", 405: "method_wrong", 413: "too_large",
              416: "range_wrong"}  # fmt: skip


def status_of(code: str) -> int:
    return WORDS.get(code, (400, ""))[0]


def words(request: web.Request, refused: Refused) -> str:
    """The sentence of a refusal in the reader's language."""
    sentence = WORDS.get(refused.code, WORDS["form_wrong"])[1]
    return translator(request)(sentence) % {"minutes": "", "chars": "", "seconds": "", **refused.detail}


def answer(request: web.Request, refused: Refused) -> web.Response:
    """A page for people, `{"error": {code, words, request_id}}` for programs."""
    status = status_of(refused.code)
    sentence = words(request, refused)
    if _wants_page(request):
        return render(
            request, "error.html", status=status, title=_title(request, refused.code, status), words=sentence,
            code=status, back=came_from(request), again=request.path if request.method == "GET" else "",
        )  # fmt: skip
    body = {"error": {"code": refused.code, "words": sentence, "request_id": context.request_id(request)}}
    return web.json_response(body, status=status)


_TITLES = {
    401: _n("请先登录"), 403: _n("这里不能打开"), 404: _n("没有找到"), 429: _n("请稍等一会儿"), 503: _n("请稍后再试"),
    500: _n("请稍后再试"),
}  # fmt: skip


def _title(request: web.Request, code: str, status: int) -> str:
    # A page that stood open for too long is no closed door.
    sentence = _n("这一步没有完成") if code == "csrf" else _TITLES.get(status, _n("这一步没有完成"))
    return translator(request)(sentence)


def _wants_page(request: web.Request) -> bool:
    route = request.get(context.ROUTE)
    if route is not None:
        return route.page
    return not request.path.startswith(("/api/", "/media/", "/static/", "/vendor/", "/player/"))


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The supervisor of one request: id, access log without personal data, errors into answers."""
    began = time.monotonic()
    request[context.REQUEST_ID] = secrets.token_hex(8)
    request[context.DEVICE] = "0" * 32  # until `identify` knows better
    try:
        response = await _answered(request, handler)
    except web.HTTPException as redirect:  # 3xx: aiohttp sends it as it is
        _access(request, redirect.status, began)
        raise
    _access(request, response.status, began)
    if not response.prepared:
        response.headers["X-Request-Id"] = request[context.REQUEST_ID]
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    limit = asyncio.timeout(POST_S if request.method == "POST" else None)
    try:
        async with limit:
            return await handler(request)
    except Refused as refused:
        return answer(request, refused)
    except TimeoutError:
        if not limit.expired():
            log.exception("request_failed", request=request[context.REQUEST_ID], route=_name(request))
            return answer(request, Refused("broken"))
        # A body that trickles in would hold its socket for ever.
        return answer(request, Refused("form_wrong"))
    except Unavailable as gone:
        log.warning("unavailable", port=gone.port, request=request[context.REQUEST_ID])
        return answer(request, Refused("unavailable"))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = answer(request, Refused(_BY_STATUS.get(error.status, "form_wrong")))
        response.headers.extend(CIMultiDict((k, v) for k, v in error.headers.items() if k == "Allow"))
        return response
    except Exception:
        # The one place of the web where everything ends: the trace goes to the log, a sentence to the person.
        log.exception("request_failed", request=request[context.REQUEST_ID], route=_name(request))
        return answer(request, Refused("broken"))


def _name(request: web.Request) -> str:
    route = request.get(context.ROUTE)
    return route.name if route is not None else "none"


def _access(request: web.Request, status: int, began: float) -> None:
    """No address, no query and no ids of people: the route's name tells what was asked."""
    log.info(
        "request", route=_name(request), method=request.method, status=status,
        ms=int((time.monotonic() - began) * 1_000), request=request[context.REQUEST_ID],
    )  # fmt: skip
