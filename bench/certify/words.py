"""The words of the report: what is defined, what is simulated, what each scenario is, what each clause asks."""

from __future__ import annotations

from math import inf

import msgspec

from bench.certify.plan import FULL, Plan

CONCURRENT = 1_000  # of the notice
HOLD_S, BEAT_S, GATEWAYS = 120, 10, 8  # of the run that is the evidence: 10,000 beats/s, and one gateway of eight

DEFINITIONS = (
    ("在线 (online)", "已登录、持有有效起播票据、在网关上有自己的席位与 Redis 租约，并按心跳周期持续上报的学员。"
     "由服务端计数（各网关的 zhenxue_sessions 之和），不由压测端自报。"),
    ("并发 (concurrent)", "在同一时刻（集合点，rendezvous）发起同一操作的学员数；按 1,000 与“在线数 ÷ 心跳周期”"
     "（每秒心跳数）两种口径分别给出。"),
    ("响应时间 (latency)", "从心跳应当发出的时刻（开环计划时刻，intended send time）到收到应答；压测端自身的"
     "迟发计入其中，因此不存在协调遗漏 (coordinated omission)。百分位由 HDR 式对数直方图给出，误差不超过 1.6 %。"),
    ("错误 (error)", "无应答、断线、被拒、不计时的应答，均为错误。"),
    ("记入学时 (credited)", "SQL 台账 (ledger) 中该学员各片段之和；与该学员实际播放并得到确认的区间逐人比对。"),
    ("服务端成本 (server cost)", "全部网关（含日志写入与 SQLite）、Valkey、PostgreSQL 进程的 CPU 时间与 PSS 内存，"
     "取自内核 /proc。"),
)  # fmt: skip

SIMULATED = (
    "压测进程与被测系统在同一台主机、共用同样的 CPU 核；两者之间为本机回环，无真实网络时延与丢包。",
    "学员为压测进程中的原始套接字 (raw socket) 会话，逐字节遵守 docs/protocol.md；不含浏览器渲染。",
    "未启用 TLS；未承载视频流量（视频由对象存储与 CDN 分发，不经过本系统）。",
    "S1–S8、S10、S12–S14 中人脸核验关闭。S9 的学员开始学习时被要求核验，但上传的是带 JPEG 文件头的随机字节，"
    "只计受理入队；该场景不运行人脸进程，不作判定。",
    "S11、S15 中人脸核验开启，学员共用少数几张真实人脸（转头由三维网格合成，synthetic），每人各有模板。",
    "S11、S15 中学员不看画面、不等待：提示 0.3 秒后开始拍照，按播放器的时间取帧，拍完即上传。",
    "学员、班级、登录会话由压测程序预先写入数据库；起播票据在斜坡过程中逐个实时签发，与网页所用密钥和算法相同。",
    "学员没有历史学习记录；每人一门课程，全体学员分布在 8 节课。",
)

SCENARIOS = {
    "S1": "斜坡上线 (ramp)：全部学员各凭自己的票据上线，各有租约与席位",
    "S2": "保持在线 (hold)：每人每周期一次心跳，开环",
    "S3": "学时真实性 (truth)：逐人核对——不丢、不重、不超过经过的时间",
    "S4": "资源成本 (cost)：服务端 CPU 与内存，四分之一、一半与全部规模",
    "S5": "单网关宕机 (kill -9)：满负荷下杀死一个网关进程",
    "S6": "全部网关冷启动 (cold restart)：网页进程不在线，凭续连令牌恢复",
    "S7": "故障注入 (faults)：Valkey 停 5 秒与 60 秒、SQL 冻结",
    "S8": "同时换设备 (takeover)：第二台设备同一时刻上线",
    "S9": "同时操作 (concurrent operations)：打开课程、开始学习、学时记录、上传核验照片",
    "S10": "同时登录 (sign-in)：Argon2id",
    "S11": "人脸核验开启 (faces on)：按默认策略的开始核验与随机核验，照片经网页上传，由真实的人脸进程判定",
    "S12": "长稳 (rest)：满员保持半小时以上，各服务端进程内存斜率持平，队列不增长（仅按名运行：S12）",
    "S13": "Valkey 集群主节点宕机 (kill -9 of a master)：副本接管，学时逐人核对",
    "S14": "多主机，其中一台与 Redis 断开 (a host cut off from Redis)：其学员暂停或转到别处，旧令牌不得记学时",
    "S15": "同一秒到期的核验 (checks due at once)：先逐个到期（空闲机器），再全部同时到期；由真实的人脸进程判定",
}


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the plan, and what it must be before a run of that size says anything about the notice."""

    name: str
    words: str
    least: float = 0
    most: float = inf  # of gateways: the more there are, the fewer learners fall with one

    def lacks(self, plan: Plan) -> str:
        """What is wrong with the plan's number, empty when nothing is."""
        value = getattr(plan, self.name)
        if value < self.least:
            return f"{self.words} {value:,g}，低于要求的 {self.least:,g}"
        return f"{self.words} {value:,g}，高于要求的 {self.most:,g}" if value > self.most else ""


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One demand of the notice and the scenarios that show it."""

    words: str
    scenarios: tuple[str, ...]
    sizes: tuple[Size, ...]


ONLINE = Size(name="online", words="在线", least=FULL)
BEAT = Size(name="beat_s", words="心跳周期", most=BEAT_S)
CLAUSES = (
    Clause(words="不低于 100,000 人在线", scenarios=("S1", "S2", "S3", "S4"),
           sizes=(ONLINE, BEAT, Size(name="hold_s", words="保持秒数", least=HOLD_S))),
    Clause(words="并发数不低于 1,000", scenarios=("S8", "S9", "S10"),
           sizes=(Size(name="at_once", words="并发", least=CONCURRENT), ONLINE, BEAT)),
    Clause(words="不因访问量过多“系统性瘫痪”", scenarios=("S5", "S6", "S7"),
           sizes=(ONLINE, BEAT, Size(name="gateways", words="网关进程数", most=GATEWAYS))),
)  # fmt: skip


def conclusion(clause: Clause, plan: Plan, verdicts: dict[str, bool]) -> str:
    """符合 only when every scenario of the clause ran, at the size asked for, and met its thresholds."""
    missing = [name for name in clause.scenarios if name not in verdicts]
    failed = [name for name in clause.scenarios if verdicts.get(name) is False]
    lacks = [words for size in clause.sizes if (words := size.lacks(plan))]
    if failed:
        return f"不符合 ({', '.join(failed)} 未达标)"
    if missing:
        return f"未得出结论 (本次未运行或未判定 {', '.join(missing)})"
    if lacks:
        return f"未得出结论 (本次规模：{'；'.join(lacks)}；不作外推)"
    return "符合"
