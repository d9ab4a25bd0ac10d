"""A collection or an encoder goes in, LlamaIndex's retriever or embeddings come out (needs `llama-index-core`).

retriever = HannunRetriever(hannun.open("shop.hannun"), limit=5, where="category = 원피스")
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, final

from hannun.collection import Collection
from hannun.encoder import Encoder
from hannun.errors import DependencyError
from hannun.item import Content, Item
from hannun.search.options import Share

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.embeddings import MultiModalEmbedding
    from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode
    from pydantic import PrivateAttr
except ImportError:
    raise DependencyError(
        "this module needs the package llama-index-core: pip install -c constraints.txt '.[adapters]' in Hannun's folder"
    ) from None


@final
class HannunRetriever(BaseRetriever):
    """LlamaIndex's retriever over a collection, here or behind a service; items with a picture come as ImageNodes."""

    def __init__(
        self,
        collection: Collection,
        *,
        limit: int = 10,
        where: str | None = None,
        mix: float = 0.5,
        words: Share = "auto",
        diversity: float = 0.0,
    ) -> None:
        """The options are those of Collection.search; `mix` counts where a query has words and a picture."""
        super().__init__()
        self._collection = collection
        self._limit, self._where, self._mix, self._words, self._diversity = limit, where, mix, words, diversity

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        image = {"image": Path(query_bundle.image_path)} if query_bundle.image_path else {}
        query: Content = {"text": query_bundle.query_str or "", **image}
        hits = self._collection.search(
            query, limit=self._limit, where=self._where, mix=self._mix, words=self._words, diversity=self._diversity
        )
        return [NodeWithScore(node=_node(h.item), score=h.score) for h in hits]


@final
class HannunEmbedding(MultiModalEmbedding):
    """LlamaIndex's embeddings of texts and pictures by a Hannun encoder."""

    _encoder: Encoder = PrivateAttr()
    _dim: int = PrivateAttr()

    def __init__(self, encoder: Encoder, dim: int | None = None) -> None:
        """`dim` is one of the encoder's dims; the full one when left out."""
        super().__init__(model_name=encoder.name)
        self._encoder, self._dim = encoder, dim or encoder.dims[0]

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex names it."""
        return "HannunEmbedding"

    def _documents(self, contents: list[Any]) -> list[list[float]]:
        made: list[list[float]] = self._encoder.encode_document(contents).truncate(self._dim).dense.tolist()
        return made

    def _get_query_embedding(self, query: str) -> list[float]:
        made: list[float] = self._encoder.encode_query([query]).truncate(self._dim).dense[0].tolist()
        return made

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._documents(texts)

    def _get_image_embedding(self, img_file_path: str | Path | io.BytesIO) -> list[float]:
        return self._documents([{"image": img_file_path.getvalue() if isinstance(img_file_path, io.BytesIO) else Path(img_file_path)}])[0]

    async def _aget_image_embedding(self, img_file_path: str | Path | io.BytesIO) -> list[float]:
        return self._get_image_embedding(img_file_path)


def _node(it: Item) -> TextNode:
    if it.images:
        image = base64.b64encode(it.images[0].read()).decode()
        return ImageNode(id_=it.id, text=it.text or "", image=image, metadata=dict(it.facts))
    return TextNode(id_=it.id, text=it.text or "", metadata=dict(it.facts))
