"""A task of mteb goes in (`mteb:KLUE-STS`), its main score comes out: our Encoders speak mteb's encoder protocol.

mteb (Muennighoff et al. 2023; Enevoldsen et al. 2025) fetches a task's data from the model hub. A folder `mteb/TASK` below the data
folder serves it instead, where it holds what `datasets.load_dataset` reads (`validation.jsonl`, …).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from hannun.embeddings import Floats
from hannun.errors import DependencyError, InputError, MissingError, neighbours
from hannun.evaluate.figure import Figure, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import Content

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "mteb:"
SAID = ("main_score", "cosine_spearman", "ndcg_at_10", "recall_at_10", "mrr_at_10", "map_at_10", "accuracy", "f1", "v_measure", "max_ap")


@final
class MtebModel:
    """An Encoder as mteb's EncoderProtocol (mteb ≥ 2): batches of texts, pictures or both in, unit rows out."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb wants to know of a model; fields that we do not know stay empty."""
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        e = self._harness.encoder
        known = {
            "name": f"hannun/{Path(e.name).name}",
            "revision": e.fingerprint[:40],
            "embed_dim": self._harness.dim or e.dims[0],
            "similarity_fn_name": ScoringFunction.COSINE,
            "modalities": ["text", "image"] if self._harness.sees else ["text"],
        }
        return ModelMeta.create_empty(overwrites=known)

    def encode(self, inputs: Iterable[Any], *, prompt_type: object = None, **_: object) -> Floats:
        """Vectors [n, dim] of a DataLoader's batches. Documents are encoded as such, all else (queries, symmetric tasks) as queries.

        The signature is mteb's, which passes the task, split and subset by name; none of them changes a vector here.
        """
        contents: list[Content] = []
        for batch in inputs:
            texts, pictures = batch.get("text"), batch.get("image")
            for k in range(len(texts if texts is not None else pictures)):
                text, picture = texts[k] if texts is not None else None, pictures[k] if pictures is not None else None
                contents.append({"text": text or "", "image": picture} if picture is not None else (text or " ").strip() or "-")
        document = str(getattr(prompt_type, "value", prompt_type)) == "document"
        return (self._harness.documents(contents) if document else self._harness.queries(contents)).dense

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines [n, m] as a tensor: rows are unit."""
        import torch

        return torch.as_tensor(np.asarray(embeddings1)) @ torch.as_tensor(np.asarray(embeddings2)).T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines [n] of rows with rows as a tensor."""
        import torch

        return (torch.as_tensor(np.asarray(embeddings1)) * torch.as_tensor(np.asarray(embeddings2))).sum(-1)


def measure_task(harness: Harness, task: Any) -> Measured:
    """A task object's scores, split by split and subset by subset."""
    import mteb

    import datasets

    datasets.disable_progress_bars()
    for noisy in ("mteb", "datasets", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        done = mteb.evaluate(MtebModel(harness), task, cache=None, show_progress_bar=False, co2_tracker=False)
    except (OSError, ConnectionError, RuntimeError) as e:
        name, where = task.metadata.name, harness.data / "mteb" / task.metadata.name
        line = next((x.strip() for x in str(e).splitlines() if x.strip()), type(e).__name__)[:160]
        raise MissingError(
            f"{PREFIX}{name}: its data cannot be had ({line}); check the connection, or put its files into {where}"
        ) from None
    figures: list[Figure] = []
    for result in done.task_results:
        for split, scores in result.scores.items():
            for score in scores:
                subset = "" if score["hf_subset"] == "default" else f" {score['hf_subset']}"
                figures += [value(f"{result.task_name} {split}{subset} {k}", float(score[k])) for k in SAID if score.get(k) is not None]
    return Measured(figures)


def public(name: str) -> Suite:
    """The suite of an mteb task's name, with or without the prefix. An unknown name lists its neighbours."""
    title = name.removeprefix(PREFIX)

    def measure(harness: Harness) -> Measured:
        try:
            import mteb
        except ImportError:
            raise DependencyError(f"{PREFIX}{title} needs mteb; pip install -c constraints.txt '.[eval]' in Hannun's folder") from None
        try:
            task = mteb.get_task(title)
        except (KeyError, ValueError):
            known = {t.metadata.name for t in mteb.get_tasks()}
            raise MissingError(f"{PREFIX}{title}: mteb has no such task; {neighbours(title, known)[:200]}") from None
        local = harness.data / "mteb" / title
        if local.is_dir():
            for path in sorted(p for p in local.rglob("*") if p.is_file()):
                harness.file(path.relative_to(harness.data).as_posix())
            # A copy: the metadata belongs to the class, and the next task of that name would be served from here too.
            task.metadata = task.metadata.model_copy(update={"dataset": {"path": str(local), "revision": "local"}})
            harness.notes.append(f"data served from mteb/{title}, not from the hub")
        if "image" in task.metadata.modalities and not harness.sees:
            raise InputError(f"{PREFIX}{title}: has pictures, and {harness.encoder.name!r} reads text only")
        return measure_task(harness, task)

    return Suite(
        f"{PREFIX}{title}",
        f"mteb's task {title}",
        measure,
        pictures=False,
        no_rows="mteb pairs what it asks with what answers it by itself",
    )
