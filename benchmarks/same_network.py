"""A size of BERT goes in, that network under sentence-transformers and under Hannun's cached step comes out, for comparing the two."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hannun.models.backbones import tiny
from hannun.models.features import Features, Vectors


class Same(nn.Module):  # type: ignore[misc]
    """A sentence-transformers model as one of Hannun's networks: the same weights, and the vectors at length 1."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, f: Features) -> Vectors:
        """The vectors [n, dim] of prepared rows."""
        return Vectors(torch.nn.functional.normalize(self.inner(dict(f.rows))["sentence_embedding"], dim=-1))


def network(words: Sequence[str], sizes: Mapping[str, int], device: str) -> Any:
    """A BERT without dropout and with weights drawn anew, as a SentenceTransformer in training."""
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    with tempfile.TemporaryDirectory() as folder:
        tok = tiny.tokenizer(list(words), ["[PAD]", "[SEP]"], pad="[PAD]", eos="[SEP]")
        plain = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        BertModel(BertConfig(vocab_size=len(tok), **sizes, **plain)).save_pretrained(folder)
        tok.save_pretrained(folder)
        return SentenceTransformer(folder, device=device).train()


def inputs(model: Any, texts: Sequence[Sequence[str]], device: str) -> list[dict[str, Tensor]]:
    """The two sides of a batch, as the model's own preparation makes them."""
    return [{k: v.to(device) for k, v in dict(model.preprocess(list(t))).items() if isinstance(v, Tensor)} for t in texts]


def cached_loss(model: Any, chunk: int) -> Any:
    """Their InfoNCE with cached gradients at a temperature of 1/20."""
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    return CachedMultipleNegativesRankingLoss(model, scale=20.0, mini_batch_size=chunk)
