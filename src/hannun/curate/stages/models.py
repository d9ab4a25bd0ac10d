"""The names of models in a plan go in; what they measure with comes out, loaded once in each worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hannun.curate.image import classifier
from hannun.curate.image.ocr import TextDetector
from hannun.curate.image.scorer import Scorer
from hannun.curate.image.watermark import Watermarks
from hannun.curate.pair.score import requires_parts
from hannun.curate.stages.plan import RunPlan
from hannun.encoder import Encoder
from hannun.load import load


@dataclass(frozen=True)
class StageModels:
    """What a run measures pictures and pairs with; None for what its plan leaves out."""

    boxes: TextDetector | None
    watermark: Scorer | None
    adult: Scorer | None
    encoder: Encoder | None


def models_of(plan: RunPlan) -> StageModels:
    """The models that a plan names. Raises MissingError or InputError for what cannot be loaded."""
    return _loaded(plan.ocr, plan.watermark, plan.adult, plan.model)


@cache
def _loaded(ocr: bool, watermark: str | None, adult: str | None, model: str | None) -> StageModels:
    encoder = requires_parts(load(model)) if model else None
    marks: Scorer | None = Watermarks() if watermark == "head" else classifier.classifier(watermark) if watermark else None
    return StageModels(TextDetector() if ocr else None, marks, classifier.classifier(adult) if adult else None, encoder)
