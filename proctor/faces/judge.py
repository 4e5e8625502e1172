"""One burst in, one judgement out: decode, look, embed, compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proctor.faces import quality
from proctor.faces.match import Judgement, compare
from proctor.faces.models import NAME, Models


class Judge:
    """Synchronous and slow (about 25 ms a frame): call it in a thread, one burst at a time."""

    model = NAME

    def __init__(self, models: Models, accept: float, grey: float) -> None:
        self._models = models
        self.accept = accept
        self.grey = grey

    @classmethod
    def load(cls, accept: float, grey: float) -> Judge:
        """Raises Unavailable("models")."""
        return cls(Models.load(), accept, grey)

    def judge(self, frames: Sequence[bytes], template: np.ndarray | None, source: str) -> Judgement:
        """`frames`: JPEG bytes; `template`: 128 float32 of length 1, None to enrol; `source`: camera or file."""
        looks = [quality.look(self._models, quality.decode(data)) for data in frames]
        embeddings = [self._models.embedding(one.aligned) for one in looks if one.aligned is not None]
        return compare(looks, embeddings, template, accept=self.accept, grey=self.grey, source=source)

    def template_of(self, photo: bytes) -> np.ndarray | None:
        """The template of an enrolled photo, or None when no face in it can be used."""
        one = quality.look(self._models, quality.decode(photo))
        return None if one.aligned is None else self._models.embedding(one.aligned)
