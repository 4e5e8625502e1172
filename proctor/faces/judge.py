"""One burst in, one judgement out: decode, look, embed, compare."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from proctor.core.facts import CheckWay
from proctor.faces import backends, engines, quality
from proctor.faces.match import Judgement, compare
from proctor.faces.models import SFACE, Face, FaceModel
from proctor.faces.passive import CUE, Passive, passive_of
from proctor.faces.replay import Trace
from proctor.ports import Shot
from proctor.settings import Settings


class Judge:
    """Synchronous and slow (about 10 ms a frame): call it in a thread, one burst at a time.

    `model`, `version` and `precision` go into every verdict. `passive`: a net that may only raise a doubt.
    """

    def __init__(self, models: FaceModel, accept: float, grey: float, passive: Passive | None = None) -> None:
        self._models = models
        self._passive = passive
        self._thresholds = models.own or msgspec.structs.replace(SFACE, accept=accept, grey=grey)
        self.model = models.name
        self.version = models.version
        self.precision = models.precision

    @classmethod
    def load(cls, settings: Settings) -> Judge:
        """The models that the settings name. Raises Unavailable("models")."""
        models = backends.load(
            settings.face_backend, settings.face_engine, settings.face_precision, settings.face_recipe
        )
        passive = passive_of(settings.face_passive, engines.choose(settings.face_engine, settings.face_precision))
        return cls(models, settings.match_accept, settings.match_grey, passive)

    def judge(
        self, frames: Sequence[bytes], template: np.ndarray | None, source: str, *, way: CheckWay = CheckWay.ROUTINE,
        actions: Sequence[str] = (), shots: Sequence[Shot] = (), earlier: Sequence[Trace] = (), open_ms: int = 0,
    ) -> Judgement:  # fmt: skip
        """`frames`: JPEG bytes; `template`: 128 float32 of length 1, None to enrol; `source`: camera or file.

        `actions` were asked of an active burst, `shots` says when each frame was taken and for which of them;
        `earlier` are traces of this learner's other captures. `open_ms`: how long the server had been waiting for it.
        """
        pictures = [quality.decode(data) for data in frames]
        looks = [quality.look(self._models, picture) for picture in pictures]
        faces = {
            index: one.aligned
            for index, one in enumerate(looks)
            if one.aligned is not None and (not one.problem or way is CheckWay.ACTIVE)
        }
        vectors = dict(zip(faces, self._models.embeddings(list(faces.values())), strict=True))
        limits = self._thresholds
        return compare(
            looks, vectors, template, accept=limits.accept, grey=limits.grey, same=limits.same, kin=limits.kin,
            source=source, way=way, actions=actions, shots=shots, earlier=earlier, cues=self._doubts(pictures, looks),
            open_ms=open_ms,
        )  # fmt: skip

    def _doubts(self, pictures: Sequence[np.ndarray | None], looks: Sequence[quality.Look]) -> tuple[str, ...]:
        if self._passive is None:
            return ()
        seen: list[tuple[np.ndarray, Face]] = []
        for index in sorted(range(len(looks)), key=lambda index: -looks[index].quality):
            picture, face = pictures[index], looks[index].face
            if picture is not None and face is not None and not looks[index].problem:
                seen.append((picture, face))
        return (CUE,) if self._passive.doubts(seen) else ()

    def template_of(self, photo: bytes) -> np.ndarray | None:
        """The template of an enrolled photo, or None when no face in it can be used."""
        one = quality.look(self._models, quality.decode(photo))
        return None if one.aligned is None or one.problem else self._models.embeddings([one.aligned])[0]
