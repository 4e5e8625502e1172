"""One burst in, one judgement out: decode, look, embed, compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proctor.faces import quality
from proctor.faces.match import SAME_PERSON, Judgement, compare
from proctor.faces.models import Dlib, Embedder, Models, Thresholds

SFACE, DLIB = "sface", "dlib"


class Judge:
    """Synchronous and slow (about 25 ms a frame): call it in a thread, one burst at a time."""

    def __init__(self, models: Models, accept: float, grey: float, embedder: Embedder | None = None) -> None:
        self._models = models
        self._embedder: Embedder = embedder or models
        given = Thresholds(accept=accept, grey=grey, same=SAME_PERSON)
        self._thresholds = self._embedder.own or given
        self.model = self._embedder.name

    @classmethod
    def load(cls, accept: float, grey: float, backend: str = SFACE) -> Judge:
        """`backend`: sface or dlib. Raises Unavailable("models")."""
        assert backend in (SFACE, DLIB), "a backend nobody knows"
        return cls(Models.load(), accept, grey, Dlib() if backend == DLIB else None)

    def judge(self, frames: Sequence[bytes], template: np.ndarray | None, source: str) -> Judgement:
        """`frames`: JPEG bytes; `template`: 128 float32 of length 1, None to enrol; `source`: camera or file."""
        looks = [quality.look(self._models, quality.decode(data)) for data in frames]
        embeddings = [self._embedder.embedding(one.aligned) for one in looks if one.aligned is not None]
        limits = self._thresholds
        return compare(
            looks, embeddings, template, accept=limits.accept, grey=limits.grey, same=limits.same, source=source
        )

    def template_of(self, photo: bytes) -> np.ndarray | None:
        """The template of an enrolled photo, or None when no face in it can be used."""
        one = quality.look(self._models, quality.decode(photo))
        return None if one.aligned is None else self._embedder.embedding(one.aligned)
