"""Pictures go in as model inputs, class scores as probabilities come out: what every picture scorer shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import PIL.Image

from hannun.embeddings import Floats

#: A scorer of pictures, 0…1 each: the embedded watermark head, LAION's detector, an adult-picture classifier.
Scorer = Callable[[Sequence[PIL.Image.Image]], list[float]]

# ImageNet's, as timm's models want
MEAN, SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def pixels(pictures: Sequence[PIL.Image.Image], side: int, sampling: PIL.Image.Resampling = PIL.Image.Resampling.BICUBIC) -> Floats:
    """Pictures squeezed to squares and normalised as ImageNet's: float32 [n, 3, side, side]."""
    rows = [np.asarray(p.convert("RGB").resize((side, side), sampling), np.float32) / 255 for p in pictures]
    return ((np.stack(rows) - MEAN) / SPREAD).transpose(0, 3, 1, 2).astype(np.float32)


def probability(logits: Floats, positive: Sequence[int]) -> list[float]:
    """From class scores [n, classes] the summed softmax of the positive classes; from [n, 1] the sigmoid."""
    if logits.shape[1] == 1:
        return [float(v) for v in 1 / (1 + np.exp(-logits[:, 0]))]
    e = np.exp(logits - logits.max(1, keepdims=True))
    share = e / e.sum(1, keepdims=True)
    return [float(v) for v in share[:, list(positive)].sum(1)]
