"""Honest learners and reviewers: what people do, with dice for when."""

from __future__ import annotations

from tests.sim.bits import bits
from tests.sim.loop import MS
from tests.sim.losses import GAP_MS
from tests.sim.network import Wire
from tests.sim.page import Page
from tests.sim.player import first_gap

HABITS = (
    "hide", "blur", "pause", "seek_back", "stall", "cut", "cut_unheard", "offline", "reload", "sleep", "switch",
    "hole",
)  # fmt: skip


class Honest:
    """Watches, is interrupted, comes back. `moves`: which of the habits this run knows."""

    cheat = ""

    def __init__(self, world, learner_id: int, login_id: str, moves: list[str]) -> None:
        self.world = world
        self.random = world.random
        self.learner_id, self.login_id = learner_id, login_id
        self.moves = moves
        self.wires = [Wire(world.loop, world.random, world.outside) for _device in range(2)]
        self.device = 0
        self.lesson_id = min(world.lessons)
        self.truth: dict[int, int] = dict.fromkeys(world.lessons, 0)
        self.segments: list[tuple[int, int, int, int]] = []  # lesson, from, to, true time of the end
        self.losses = world.losses
        self.pages: dict[int, Page] = {}
        self.pages_made = 0
        self.calm = False  # faults are over: no more moves, every check answered
        self.stiff = self.random.random() < 0.2  # cannot do what active checks ask for
        self.left = False
        self._thinks_until = 0
        self._later(self.random.random() * 5_000, self._arrive)

    def _later(self, wait_ms: float, what, *args) -> None:
        self.world.loop.call_later(wait_ms * MS, what, *args, context=self.world.outside)

    # Being here.

    def _arrive(self) -> None:
        self._page(self.device).client.press(self.world.loop.now_ms)
        self._later(3_000 + self.random.random() * 20_000, self._move)

    def _page(self, device: int) -> Page:
        page = self.pages.get(device)
        if page is not None and not page.gone and page.lesson_id == self.lesson_id:
            return page
        if page is not None and not page.gone:
            page.left()
            page.client.bye(self.world.loop.now_ms, "left")
            page.vanish()
        self.pages_made += 1
        page_id = f"p{self.learner_id}-{device}-{self.pages_made}"
        made = Page(
            self.world, self, f"d{self.learner_id}-{device}", page_id, "pc" if device == 0 else "phone",
            self.wires[device], self.lesson_id,
        )  # fmt: skip
        self.pages[device] = made
        return made

    def keep_truth(self, page: Page) -> None:
        page.film.look()
        self.truth[page.lesson_id] |= bits(page.film.played)
        self.segments += [(page.lesson_id, *segment) for segment in page.film.played]
        page.film.played = []

    def played(self, lesson_id: int) -> int:
        for page in self.pages.values():
            self.keep_truth(page)
        return self.truth[lesson_id]

    # Doing things.

    def _move(self) -> None:
        if self.calm or self.left:
            return
        self._later(4_000 + self.random.random() * 25_000, self._move)
        page = self.pages.get(self.device)
        if not self.moves or page is None or page.gone or page.asleep:
            return
        move = self.random.choice(self.moves)
        self.world.count(f"move_{move}")
        self.world.trace("move", self.learner_id, move)
        getattr(self, f"_{move}")(page, self.world.loop.now_ms)

    def _hide(self, page, now) -> None:
        page.client.presence_changed(now, visible=False)
        self._later(1_000 + self.random.random() * 20_000, self._show, page)

    def _blur(self, page, now) -> None:
        page.client.presence_changed(now, focused=False)
        self._later(500 + self.random.random() * 8_000, self._show, page)

    def _show(self, page) -> None:
        if page.asleep:
            self._later(1_000, self._show, page)  # a page that sleeps is told when it wakes up
        elif not page.gone:
            page.client.presence_changed(self.world.loop.now_ms, visible=True, focused=True)

    def _pause(self, page, now) -> None:
        page.client.pause(now)

    def _seek_back(self, page, now) -> None:
        page.client.observe(now)
        pos = max(0, page.film.look() - int(self.random.random() * 20_000))
        page.client.seeked(now, pos)
        page.film.seek(pos)

    def _stall(self, page, now) -> None:
        page.film.look()
        page.film.stalled_until_ms = now + int(self.random.random() * 7_000)

    def _cut(self, page, _now) -> None:
        if page.socket is not None:
            page.socket.cut(True)

    def _cut_unheard(self, page, _now) -> None:
        if page.socket is not None:
            page.socket.cut(False)

    def _hole(self, page, now) -> None:
        page.wire.hole_until_ms = now + int(self.random.random() * 9_000)
        self.losses.stood("late_line", self.learner_id, now - 15_000, page.wire.hole_until_ms + GAP_MS)

    def _offline(self, page, _now) -> None:
        page.wire.offline = True
        if page.socket is not None and self.random.random() < 0.5:
            page.socket.cut(True)
        self._later(1_000 + self.random.random() * 40_000, self._online, page.wire)

    @staticmethod
    def _online(wire) -> None:
        wire.offline = False

    def _reload(self, page, now) -> None:
        if self.random.random() < 0.5:
            page.client.leave(now)
        self.pages[self.device] = page.reload()

    def _sleep(self, page, _now) -> None:
        page.asleep = True
        page.film.pause()
        self._later(2_000 + self.random.random() * 70_000, page.wake)

    def _switch(self, page, now) -> None:
        page.left()
        self.device = 1 - self.device
        if page.film.playing:
            self.losses.begins("other_device", self.learner_id)
            self._watch_old(page)
        if self.world.policy.second_device == "first":
            page.client.bye(now, "left")  # the first one keeps the seat until it is left
        self._page(self.device).client.press(now)

    def _watch_old(self, page) -> None:
        """Until the device that was left stands still, or is the one in use again."""
        if not page.healthy():
            page.left()  # its line broke before it could hand over
        if page.film.playing and not page.gone and page is not self.pages.get(self.device):
            self._later(200, self._watch_old, page)
        else:
            self.losses.ends("other_device", self.learner_id)

    # At every tick of a page.

    def ticked(self, page: Page) -> None:
        now = self.world.loop.now_ms
        if self.left or page is not self.pages.get(self.device) or now < self._thinks_until:
            return
        client = page.client
        stands = client.state == "live" and not client.playing and not client.want
        if client.complete and client.ended and not client.check and self.lesson_id < max(self.world.lessons):
            self.lesson_id += 1
            self.world.count("lesson_changed")
            self._page(self.device).client.press(now)
        elif page.checking.stage in ("ask", "again", "other", "code"):
            self._answer(page)
        elif client.state == "live" and client.must and not client.check:
            self._think(1_000, 4_000, self._press, page)
        elif client.state in ("idle", "parked") or (stands and not client.check):
            self._think(2_000, 6_000, self._go_on, page)

    def _think(self, least_ms: int, more_ms: int, what, *args) -> None:
        self._thinks_until = self.world.loop.now_ms + least_ms + int(self.random.random() * more_ms)
        self._later(self._thinks_until - self.world.loop.now_ms, what, *args)

    def _press(self, page) -> None:
        here = page is self.pages.get(self.device) and not page.gone
        if here and not self.left and not page.asleep:
            page.client.press(self.world.loop.now_ms)

    def _go_on(self, page) -> None:
        """Play on; where something is missing, there."""
        client, now = page.client, self.world.loop.now_ms
        if page.gone or self.left or page is not self.pages.get(self.device):
            return
        if client.state == "live" and client.ended:
            gap = first_gap(client.covered, page.film.duration_ms, 1_000)
            if gap is None or client.complete:
                return
            self.world.count("gap_watched_again")
            client.seeked(now, gap[0])
            page.film.seek(gap[0])
        self._press(page)

    # Checks.

    def asked(self, page: Page) -> None: ...

    def answered(self, page: Page, frame) -> None: ...

    def _answer(self, page: Page) -> None:
        roll, stage, push = self.random.random(), page.checking.stage, page.checking.push
        if stage == "other" or (roll < 0.08 and stage != "code" and not self.calm):
            self._think(500, 2_000, page.checking.decline, "other_way" if roll < 0.05 else "")
        elif roll < 0.15 and not self.calm:
            self.world.count("check_ignored")
            self._thinks_until = self.world.loop.now_ms + self.world.policy.check_window_ms + 5_000
        elif stage == "code":
            self._think(2_000, 4_000, page.answer, self.typed())
        elif push["way"] == "active" and self.stiff:
            self._think(500, 2_000, page.checking.decline, "cannot_act")
        else:
            self._think(500, 3_000, self._start_check, page)

    def _start_check(self, page) -> None:
        if not page.gone and not page.asleep:
            page.checking.start(self.world.loop.now_ms)

    def typed(self) -> str:
        roll = 1.0 if self.calm else self.random.random()
        return "typo" if roll < 0.1 else "crash" if roll < 0.13 else "no_phone" if roll < 0.16 else "me"

    def camera_works(self) -> bool:
        return self.calm or self.random.random() > 0.05

    def face(self) -> str:
        roll = 1.0 if self.calm else self.random.random()
        return "dark" if roll < 0.06 else "crash" if roll < 0.08 else "grey" if roll < 0.12 else "me"

    # The end.

    def settle_down(self) -> None:
        self.calm = True
        for wire in self.wires:
            wire.offline = False
            wire.jitter_p = 0.0
            wire.hole_until_ms = 0
        for page in self.pages.values():
            if not page.gone and page.asleep:
                page.wake()
            if not page.gone:
                self._show(page)

    def leave(self) -> None:
        self.left = True
        for page in self.pages.values():
            if not page.gone:
                page.left()
                page.client.bye(self.world.loop.now_ms, "left")
                page.vanish()
