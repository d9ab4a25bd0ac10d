"""The name of a topic and wishes go in; the annotator that meets them comes out: for the command line and for the service."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from hannun.annotate import schema
from hannun.annotate.annotator import Annotator
from hannun.annotate.region import OfCategory
from hannun.annotate.trained import ATTRIBUTES, WEIGHTS, Tagger, TrainedHeads
from hannun.annotate.zero_shot import ZeroShot
from hannun.errors import MissingError, neighbours
from hannun.load import load
from hannun.mini.model import Mini

FASHION = "fashion"


def topics() -> dict[str, Path]:
    """The topics that come with Hannun, by name: fashion, and each .toml in `hannun/recipes/topics`."""
    folder = Path(str(resources.files("hannun.recipes"))) / "topics"
    return {FASHION: schema.FASHION, **{f.stem: f for f in sorted(folder.glob("*.toml"))}}


def annotator(
    topic: str = FASHION,
    *,
    category: str | None = None,
    weights: Path | None = None,
    zero_shot: bool = False,
    english: bool = False,
    model: str = "mini",
) -> Annotator:
    """What looks at pictures for a topic: trained heads where there are some and they are of this model, else prompts.

    Raises MissingError for a topic that is not there, InputError for a category that the topic does not have.
    """
    known = topics()
    path = known.get(topic, Path(topic))
    if topic not in known and not path.is_file():
        raise MissingError(f"no topic {topic!r}; {neighbours(topic, known)}, or the path of a .toml file")
    whole = schema.read(path)
    wanted = whole.of(category)
    heads = weights or (WEIGHTS if topic == FASHION else None)
    if category is None and not zero_shot and heads is not None and (weights is not None or heads.is_file()) and model == "mini":
        tower = load("mini")
        return Tagger(TrainedHeads.load(heads), tower if isinstance(tower, Mini) else None, wanted, english)
    if category is None:
        return ZeroShot(load(model), wanted, english)
    encoder = load(model)
    trained = TrainedHeads.load(ATTRIBUTES) if topic == FASHION and ATTRIBUTES.is_file() and not zero_shot else None
    if trained is not None and isinstance(encoder, Mini) and encoder.fingerprint == trained.fingerprint:  # mini-free reads prompts
        return OfCategory(Tagger(trained, encoder, wanted, english), encoder, category, whole.categories, trained)
    return OfCategory(ZeroShot(encoder, wanted, english), encoder, category, whole.categories)
