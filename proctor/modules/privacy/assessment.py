"""A draft of the impact assessment (PIPL 55 and 56): facts come from this installation, judgement from a person.

Three contents that the law asks for: legality and necessity; impact and risk; safeguards. Written as Markdown; the
page is made of the same lines. The document is in Chinese: it is one for the authority, kept for three years.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proctor.modules.privacy.clocks import CLOCKS, Times, words
from proctor.modules.privacy.counting import LEVELS, Choices
from proctor.modules.privacy.register import Entry


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the draft tells of this installation. `day`: ISO date in the institution's zone."""

    institution: str
    day: str
    stored_here: int
    stored_total: int
    choices: Choices
    cipher: str
    key_version: int
    model: str
    accept: float
    grey: float
    measured: bool  # model and thresholds are the ones that were measured with East-Asian faces
    persons_to_void: int  # at least
    duties: int
    entries: list[Entry]
    times: Times


def markdown(facts: Facts) -> str:
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Facts) -> Iterator[str]:
    yield f"# 个人信息保护影响评估（草稿）：{facts.institution}"
    yield ""
    yield f"生成日期：{facts.day}。本草稿由系统按实际配置和存储情况生成。"
    yield "结论须由个人信息保护负责人填写并签字，至少保存 3 年。"
    yield from _legality(facts)
    yield from _risks(facts)
    yield from _safeguards(facts)
    yield ""
    yield "## 四、结论（由负责人填写）"
    yield ""
    yield "- 处理目的、方式是否合法、正当、必要：________"
    yield "- 对个人权益的影响及安全风险是否可以接受：________"
    yield "- 所采取的保护措施是否合法、有效并与风险程度相适应：________"
    yield "- 负责人签字、日期：________"


def _legality(facts: Facts) -> Iterator[str]:
    yield ""
    yield "## 一、处理目的、方式的合法性、正当性、必要性"
    yield ""
    yield "| 处理活动 | 目的 | 依据 | 个人信息 | 敏感 |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in facts.entries:
        one = entry.activity
        yield f"| {one.name} | {one.purpose} | {one.basis} | {one.data} | {'是' if one.sensitive else '否'} |"
    face, province = facts.choices.face, facts.choices.province
    yield ""
    yield f"- 学员 {facts.choices.learners} 人。人脸核验：{_said(face)}。向省级平台提供：{_said(province)}。"
    yield "- 人脸不是唯一方式：不同意者用一次性验证码、课程小问题和人工抽查核验，学时效力相同；拒绝后不再询问。"
    yield "- 只在核验弹出且学员打开摄像头时采集静态画面，不录像、不录音；画面用后即删。"
    yield f"- 不满 14 周岁须监护人同意（待确认 {facts.choices.guardians_waiting} 件），确认前人脸核验关闭。"
    yield "- 没有登记证件号码、年龄未知者，同意前先填写年龄；填写不满 14 周岁的，由监护人决定。"


def _said(choices) -> str:
    names = {"given": "同意", "refused": "不同意", "withdrawn": "已撤回", "": "未询问"}
    return "、".join(f"{names[key]} {choices.get(key, 0)} 人" for key in names)


def _risks(facts: Facts) -> Iterator[str]:
    yield ""
    yield "## 二、对个人权益的影响及安全风险"
    yield ""
    yield "| 风险 | 影响 | 现有控制 | 剩余风险（负责人评定） |"
    yield "| --- | --- | --- | --- |"
    limits = "阈值按东亚人群数据设定" if facts.measured else "模型或阈值由运营者自定，须说明对东亚人群的测试依据"
    rows = (
        ("人脸信息泄露", "人身、财产安全", "加密、短期保存、密钥可销毁、查看留痕"),
        ("误判为非本人", "学时被暂扣", "单帧不作不利结论，多次尝试，人工核实，可申诉"),
        ("未识破冒用", "补贴资金损失", "随机主动核验、重放检索、人工抽查"),
        ("自动化决定", "学时被核减", f"程序不核减；核减须至少 {facts.persons_to_void} 名具名工作人员决定并说明理由"),
        ("对部分人群准确率偏低", "不公平", f"{limits}；看不清不等于不符；非人脸方式随时可选"),
        ("强迫或捆绑同意", "自主权", "两种方式效力相同，拒绝与同意同样方便，可随时撤回"),
        ("过度留存", "风险累积", "按下表期限自动删除，另行留存须登记依据和期限"),
    )
    for risk, impact, control in rows:
        yield f"| {risk} | {impact} | {control} | ________ |"
    yield ""
    yield f"存有人脸信息的人数：本机构 {facts.stored_here} 人，全平台 {facts.stored_total} 人。"
    early = " 和 ".join(f"{level:,}" for level in LEVELS[:-1])
    yield f"达到 {LEVELS[-1]:,} 人须在 30 个工作日内向省级以上网信部门备案，系统在 {early} 人时预警。"


def _safeguards(facts: Facts) -> Iterator[str]:
    yield ""
    yield "## 三、保护措施及其与风险的适应性"
    yield ""
    yield f"- 加密：{facts.cipher}，主密钥第 {facts.key_version} 版，可不停机轮换。"
    yield "- 每名学员有专属密钥，销毁即不可恢复。"
    yield "- 备份：学员密钥与数据分开备份，只保留最新的密钥文件，已销毁密钥的画面在旧备份中同样无法解密。"
    yield f"- 比对：模型 {facts.model}，相似度达到 {facts.accept:g} 为通过，低于 {facts.grey:g} 为不符。"
    yield "- 介于两者之间不作结论；每个结论记录模型、版本、阈值和分数。"
    yield "- 访问：按机构和角色隔离；查看画面逐次留痕。"
    yield "- 未成年人：打开其页面或列有他们的列表即留痕。"
    yield "- 查看未成年人画面和电话、通过其照片、改大其年龄，须另一人批准，有效 24 小时。"
    yield "- 审计：只增不改，逐行散列相扣。"
    yield f"- 留存：有效的留存职责 {facts.duties} 项。各类信息的期限："
    yield ""
    yield "| 信息 | 为什么 | 期限 |"
    yield "| --- | --- | --- |"
    values = words(facts.times)
    for clock in CLOCKS:
        yield f"| {clock.what} | {clock.why} | {clock.until % values} |"
