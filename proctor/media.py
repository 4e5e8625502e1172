"""Lesson media: turn any video file into HLS, draw demonstration lessons, measure what is really in a file.

A lesson is one flat folder: `index.m3u8`, `init.mp4`, `seg-00000.m4s` …, `poster.jpg`. Segments are 4 s of
H.264 and AAC. The duration always comes from the packets, never from a header or from the person uploading.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from proctor.errors import Refused

SEGMENT_S = 4
PLAYLIST = "index.m3u8"
POSTER = "poster.jpg"
AUDIO_RATE = 48_000
HEIGHT_MAX = 720
RATE_MAX = 30
DURATION_MS_MAX = 6 * 3_600_000
_POSTER_AT_S = 3.0


@dataclass(frozen=True, slots=True)
class Media:
    """One finished lesson folder. `sha256` covers every file of it, names included."""

    duration_ms: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A demonstration lesson to draw: `seconds` long, its `number` in the corner, `tint` as a hue 0-179."""

    number: str
    seconds: int
    tint: int
    width: int = 640
    height: int = 360
    rate: int = 25


class _HlsWriter:
    """H.264 and AAC into the folder's HLS; key frames stand at the segments' beginnings."""

    def __init__(self, folder: Path, *, width: int, height: int, rate: Fraction, preset: str, crf: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        options = {
            "hls_time": str(SEGMENT_S),
            "hls_list_size": "0",
            "hls_playlist_type": "vod",
            "hls_segment_type": "fmp4",
            "hls_fmp4_init_filename": "init.mp4",
            "hls_segment_filename": str(folder / "seg-%05d.m4s"),
            "hls_flags": "independent_segments",
        }
        self.container = av.open(str(folder / PLAYLIST), "w", format="hls", options=options)
        self.video = self.container.add_stream("libx264", rate=rate)
        self.video.width, self.video.height, self.video.pix_fmt = width, height, "yuv420p"
        gop = max(1, round(rate * SEGMENT_S))
        self.video.codec_context.thread_count = 1
        self.video.options = {
            "preset": preset, "crf": str(crf), "g": str(gop), "keyint_min": str(gop), "sc_threshold": "0",
            "bf": "0",
        }  # fmt: skip
        self.audio = self.container.add_stream("aac", rate=AUDIO_RATE, layout="stereo")
        self.audio.bit_rate = 64_000

    def picture(self, frame: av.VideoFrame | None) -> None:
        """None flushes."""
        self.container.mux(self.video.encode(frame))

    def sound(self, frame: av.AudioFrame | None) -> None:
        """None flushes."""
        self.container.mux(self.audio.encode(frame))

    def close(self) -> None:
        self.picture(None)
        self.sound(None)
        self.container.close()


def draw_lesson(folder: Path, wanted: Drawn) -> Media:
    """Make a lesson whose picture and tone change every second, so that seconds can be told apart."""
    shutil.rmtree(folder, ignore_errors=True)
    out = _HlsWriter(
        folder, width=wanted.width, height=wanted.height, rate=Fraction(wanted.rate), preset="ultrafast", crf=30
    )
    for second in range(wanted.seconds):
        picture = _second_picture(wanted, second)
        if second == int(_POSTER_AT_S):
            _write_poster(folder, picture)
        yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        for part in range(wanted.rate):
            # A light that wanders along the lower edge makes each frame differ from the one before.
            left = wanted.width * part // wanted.rate
            shown = yuv.copy()
            shown[wanted.height - 6 : wanted.height, left : left + 24] = 235
            frame = av.VideoFrame.from_ndarray(shown.astype(np.uint8, copy=False), format="yuv420p")
            frame.pts, frame.time_base = second * wanted.rate + part, Fraction(1, wanted.rate)
            out.picture(frame)
        out.sound(_second_tone(second))
    out.close()
    return measure(folder)


def _second_picture(wanted: Drawn, second: int) -> np.ndarray:
    """Colour bars that move on by one each second, a clock, and the lesson's number (BGR)."""
    height, width = wanted.height, wanted.width
    hsv = np.empty((height, width, 3), np.uint8)
    hsv[...] = (wanted.tint, 90, 56)
    bar = width // 8
    for index in range(8):
        hue = ((index + second) * 22) % 180
        hsv[height - 60 : height - 12, index * bar : (index + 1) * bar] = (hue, 130, 190)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    clock = f"{second // 60:02d}:{second % 60:02d}"
    (wide, tall), _ = cv2.getTextSize(clock, cv2.FONT_HERSHEY_DUPLEX, 5.0, 8)
    place = ((width - wide) // 2, (height - 60 + tall) // 2)
    cv2.putText(picture, clock, place, cv2.FONT_HERSHEY_DUPLEX, 5.0, (245, 245, 245), 8, cv2.LINE_AA)
    cv2.putText(picture, wanted.number, (20, 44), cv2.FONT_HERSHEY_DUPLEX, 1.1, (225, 225, 225), 2, cv2.LINE_AA)
    return picture


def _second_tone(second: int) -> av.AudioFrame:
    """One second of a soft tone; neighbours differ by at least a tone of the pentatonic scale."""
    steps = (0, 4, 9, 2, 7, 12, 16, 14)
    pitch = 220.0 * 2 ** (steps[second % len(steps)] / 12)
    at = np.arange(AUDIO_RATE) / AUDIO_RATE
    swell = np.minimum(1.0, np.minimum(at, 1.0 - at) / 0.02)
    wave = (0.08 * swell * np.sin(2 * np.pi * pitch * at)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate = AUDIO_RATE
    frame.pts, frame.time_base = second * AUDIO_RATE, Fraction(1, AUDIO_RATE)
    return frame


def convert(source: Path, folder: Path) -> Media:
    """A video file as a lesson folder. Raises Refused: media_unreadable, media_no_picture, media_too_long.

    Nothing is left behind when it fails. A file without sound gets silence, for players want both tracks.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with av.open(str(source)) as given:
            if not given.streams.video:
                raise Refused("media_no_picture")
            if (given.duration or 0) // 1_000 > DURATION_MS_MAX:
                raise Refused("media_too_long", hours=DURATION_MS_MAX // 3_600_000)
            _transcode(given, folder)
        return measure(folder)
    except (FFmpegError, OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refused("media_unreadable", reason=type(error).__name__) from error
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _transcode(given: av.container.InputContainer, folder: Path) -> None:
    video = given.streams.video[0]
    sound = given.streams.audio[0] if given.streams.audio else None
    width, height = _fitted(video.codec_context.width, video.codec_context.height)
    rate = min(Fraction(video.average_rate or 25), Fraction(RATE_MAX))
    out = _HlsWriter(folder, width=width, height=height, rate=rate, preset="veryfast", crf=24)
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE)
    shown, heard = 0, 0
    for frame in given.decode(*([video, sound] if sound else [video])):
        if isinstance(frame, av.AudioFrame):
            heard = _put_sound(out, resampler.resample(frame), heard)
            continue
        # Frames are laid on an even grid from zero: repeated or dropped where the source stumbles.
        due = int((frame.time or 0.0) * rate) + 1 if frame.time is not None else shown + 1
        picture = frame.reformat(width=width, height=height, format="yuv420p")
        if not shown or (shown <= _POSTER_AT_S * rate < due):
            _write_poster(folder, picture.to_ndarray(format="bgr24"))
        while shown < due:
            picture.pts, picture.time_base = shown, 1 / rate
            out.picture(picture)
            shown += 1
        if sound is None:
            heard = _put_silence(out, heard, int(shown / rate * AUDIO_RATE))
    if sound is not None:
        _put_sound(out, resampler.resample(None), heard)
    out.close()


def _put_sound(out: _HlsWriter, frames: list[av.AudioFrame], heard: int) -> int:
    for frame in frames:
        frame.pts, frame.time_base = heard, Fraction(1, AUDIO_RATE)
        heard += frame.samples
        out.sound(frame)
    return heard


def _put_silence(out: _HlsWriter, heard: int, until: int) -> int:
    if until > heard:
        silence = np.zeros((2, until - heard), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = AUDIO_RATE
        return _put_sound(out, [frame], heard)
    return heard


def _fitted(width: int, height: int) -> tuple[int, int]:
    """At most 720 lines, even numbers, same shape."""
    scale = min(1.0, HEIGHT_MAX / height)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _write_poster(folder: Path, picture: np.ndarray) -> None:
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert done, "a picture in memory always encodes"
    (folder / POSTER).write_bytes(jpeg.tobytes())


def measure(folder: Path) -> Media:
    """Duration of the pictures by walking all packets, and the digest of all files.

    Raises Refused("media_unreadable") when this is no lesson folder.
    """
    try:
        with av.open(str(folder / PLAYLIST)) as given:
            stream = given.streams.video[0]
            first, last = None, 0
            for packet in given.demux(stream):
                if packet.pts is None:
                    continue
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
            assert stream.time_base is not None
            duration_ms = int((last - (first or 0)) * stream.time_base * 1_000)
    except (FFmpegError, OSError, IndexError) as error:
        raise Refused("media_unreadable", reason=type(error).__name__) from error
    if duration_ms <= 0:
        raise Refused("media_unreadable", reason="empty")
    return Media(duration_ms, digest(folder))


def digest(folder: Path) -> str:
    """SHA-256 over names and contents of the folder's files in the order of their names."""
    found = hashlib.sha256()
    for file in sorted(item for item in folder.iterdir() if item.is_file()):
        found.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()
