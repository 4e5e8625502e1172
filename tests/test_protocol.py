"""docs/protocol.md against the code: somebody must be able to write a client from the page alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from proctor import errors
from proctor.core import wire
from proctor.core.facts import Reason
from proctor.core.policy import DEFAULT
from proctor.faces import liveness, match, quality
from proctor.live.opening import REFUSALS
from proctor.ports import NotAccepted
from proctor.settings import Settings
from web.errors import WORDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
SERVER = {kind.__struct_config__.tag: kind for kind in get_args(wire.ServerFrame)}
CLIENT = {kind.__struct_config__.tag: kind for kind in get_args(wire.ClientFrame)}


def part(heading: str) -> str:
    """The text below a heading, up to the next one of the same depth."""
    depth = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}.*?\n(.*?)(?=^{depth} |\Z)", PAGE, re.M | re.S)
    assert found, heading
    return found.group(1)


def words(text: str) -> set[str]:
    return set(re.findall(r"`([a-z][a-z0-9_]*)`", text))


def examples() -> list[dict]:
    """Every frame written out on the page."""
    found = []
    for block in re.findall(r"```\n(.*?)```", PAGE, re.S):
        for text in re.findall(r"^\{\"t\".*?\}$(?!\n )", block, re.M | re.S):
            found.append(json.loads(text))
    return found


def fields(kind: type) -> set[str]:
    return set(kind.__struct_fields__)


def test_the_frames_written_out_are_whole_and_readable() -> None:
    seen = set()
    for example in examples():
        kind = CLIENT.get(example["t"]) or SERVER[example["t"]]
        assert set(example) - {"t"} == fields(kind), example["t"]
        if example["t"] in CLIENT:
            wire.decode(json.dumps(example).encode())
        seen.add(example["t"])
    assert {"start", "resume", "beat", "ack"} <= seen
    for text in re.findall(r"`(\{\"t\": \"(?:sheet|bye)\".*?\})`", PAGE):
        wire.decode(text.encode())


def test_the_table_of_the_welcome_names_every_field() -> None:
    rows = re.findall(r"^\| (`.*?) \|", part("### Welcome"), re.M)
    assert {name for row in rows for name in words(row)} == fields(wire.Welcome)


def test_the_table_of_other_frames_names_every_field() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` `\{(.*?)\}`", part("### Other frames from the server"), re.M))
    assert set(rows) == set(SERVER) - {"welcome", "ack"}
    for tag, names in rows.items():
        assert set(names.split(", ")) == fields(SERVER[tag]), tag


def test_the_example_of_a_check_names_every_field() -> None:
    text = re.search(r'"check": (\{"id".*?\})\n```', PAGE, re.S)
    assert text and set(json.loads(text.group(1))) == fields(wire.CheckPush)


def test_kinds_of_beats_and_states_of_sheets_are_named() -> None:
    row = re.search(r"^- `kind`: (.*?)(?=^- )", PAGE, re.M | re.S)
    assert row and words(row.group(1)) - {"beat_ms"} == set(get_args(wire.Kind))
    sheets = part("### Other frames from the client")
    assert set(re.findall(r'"state": "(\w+)"', sheets)) == {"open", "closed", "no_camera", "declined"}
    assert {"denied", "in_use", "none", "black", "frozen", "unsupported"} <= words(sheets)


def test_every_close_code_is_in_the_table_and_no_other() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("CLOSE_")}
    assert {int(code) for code in re.findall(r"\| (4\d\d\d) \|", part("## 5. Close codes"))} == codes


def test_every_reason_and_every_last_word_is_named() -> None:
    text, _hold, rest = part("## 6. Why something").partition("`hold.why`")
    assert words(text) == {str(reason) for reason in Reason}
    lost = words(rest.partition("`lost.why`")[2])
    assert {*REFUSALS, "taken_over", "elsewhere", "kept", "stopped", "ticket_used"} <= lost


def test_every_word_about_a_poor_picture_is_named() -> None:
    source = (ROOT / "proctor" / "faces" / "quality.py").read_text() + (ROOT / match.__file__).read_text()
    said = set(re.findall(r'(?:Look|return)\(?\s?"(\w+)"', source)) | {"dark", "no_face", "changing", "too_few"}
    said |= {"needs_camera", "not_sure", "photo_unusable", "no_camera", "no_consent", "turned"}
    acts = set(re.findall(r'"(\w+)"\)?, ""', (ROOT / liveness.__file__).read_text()))
    assert {"turn_more", "wrong_way", "closer_more"} <= acts
    said |= acts
    # Each of them is said to learners in words of what to do better.
    page = (ROOT / "player/src/core/refusals.zh.js").read_text("utf-8")
    assert said - {"no_consent"} <= set(re.findall(r"^  (\w+): '", page, re.M))
    found = re.search(r"`detail` of an unclear burst:(.*?)\n\n", PAGE, re.S)
    assert found and words(found.group(1)) - {"our_fault"} == said
    assert quality.Look("").problem == ""


def test_every_answer_to_an_upload_is_in_the_table_with_its_status() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| (`.*?) \|", part("## 4. Checks of the person"), re.M)
    named: set[str] = set()
    for statuses, codes in rows:
        for code in words(codes):
            assert str(WORDS[code][0]) in statuses.split(", "), code
            named.add(code)
    whys = NotAccepted.__annotations__["why"]
    assert set(re.findall(r"\w+", whys.partition("[")[2])) <= named
    assert {"upload_wrong", "not_jpeg", "no_frames", "too_many_frames", "too_large", "ticket_invalid"} <= named


@pytest.mark.parametrize("row", re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \|$", part("## 7. Limits"), re.M)[2:])
def test_limits_are_those_of_the_settings(row: tuple[str, str, str]) -> None:
    what, value, names = row
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", value)]
    wanted = []
    for name in re.findall(r"`(\w+)`", names):
        number = getattr(DEFAULT, name, None) or getattr(Settings(), name)
        wanted.append(number // 1_000 if name.endswith("_ms") else number)
    if what == "spans of a resume":
        wanted = [wire.SPANS_MAX]
    assert wanted and numbers == wanted, row


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    settings = Settings()
    for text in (
        f"at most {wire.FRAME_BYTES_MAX:,} bytes",
        f"A start ticket lives {settings.start_ticket_ms // 1_000} s",
        f"A resume token lives {settings.resume_token_ms // 3_600_000} h",
        f"(at most {wire.SPANS_MAX} spans)",
        f"`gap_ms_max` ({DEFAULT.gap_ms_max // 1_000} s)",
        f"beat interval ({DEFAULT.beat_ms // 1_000} s)",
        f"send an early beat ({DEFAULT.durable_nudge_ms // 1_000} s), pause yourself and say why "
        f"({DEFAULT.durable_pause_ms // 1_000} s)",
        f"At most {DEFAULT.beats_per_minute_max} beats a minute earn; at {2 * DEFAULT.beats_per_minute_max} the",
        f"One window ({DEFAULT.check_window_ms // 1_000} s) holds up to three tries",
        f"for at most {DEFAULT.check_freeze_ms_max // 60_000} min",
        f"within `in_ms` ({settings.handover_ms} ms)",
        f"# Protocol, version {wire.PROTOCOL_VERSION}",
        f"### First frame, within {settings.hello_ms // 1_000} s",
        f"at most {settings.upload_bytes_max:,} bytes",
    ):
        assert text in PAGE, text


def test_refusals_of_the_ways_in_are_described() -> None:
    """Every path of the page's first table is one of the route table, with its method."""
    from web.routes import TABLE

    known = {(route.method, re.sub(r"\{(\w+):[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", r"{\1}", route.path)) for route in TABLE}
    for method, path in re.findall(r"`(GET|POST) (/[^`]+)`", PAGE):
        assert (method, path) in known, path
