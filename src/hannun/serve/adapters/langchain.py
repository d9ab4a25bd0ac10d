"""A collection or an encoder goes in, LangChain's vector store or embeddings come out (needs `langchain-core`).

store = HannunStore(hannun.open("shop.hannun"))
retriever = store.as_retriever(search_kwargs={"k": 5, "where": "category = 원피스"})
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, final

from hannun.collection import Collection
from hannun.collection.remote import Remote
from hannun.encoder import Encoder
from hannun.errors import DependencyError, InputError, MissingError
from hannun.item import Content, Item, content_of, item
from hannun.search.hits import Hit

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore
except ImportError:
    raise DependencyError(
        "this module needs the package langchain-core: pip install -c constraints.txt '.[adapters]' in Hannun's folder"
    ) from None

_OPTIONS = ("mix", "weights", "words", "where", "offset", "group_by", "diversity", "shuffle")


@final
class HannunEmbeddings(Embeddings):
    """LangChain's embeddings by a Hannun encoder."""

    def __init__(self, encoder: Encoder, dim: int | None = None) -> None:
        """`dim` is one of the encoder's dims; the full one when left out."""
        self._encoder, self._dim = encoder, dim or encoder.dims[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors of passages."""
        made: list[list[float]] = self._encoder.encode_document(texts).truncate(self._dim).dense.tolist()
        return made

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        made: list[float] = self._encoder.encode_query([text]).truncate(self._dim).dense[0].tolist()
        return made


@final
class HannunStore(VectorStore):
    """LangChain's vector store over a collection, here or behind a service. The collection encodes; metadata are its items' facts.

    A query may be words, or {"text": …, "image": …} through `search`. An item's first picture is in the document's metadata under
    "image" as a data: URL when the store is made with `pictures`.
    """

    def __init__(self, collection: Collection, *, pictures: bool = False) -> None:
        self._collection, self._pictures = collection, pictures

    @property
    def embeddings(self) -> Embeddings | None:
        """By the collection's encoder; None for a service's, which encodes by itself."""
        return None if isinstance(self._collection, Remote) else HannunEmbeddings(self._collection.encoder)

    def add_texts(
        self, texts: Iterable[str], metadatas: list[dict[str, Any]] | None = None, *, ids: list[str] | None = None, **more: Any
    ) -> list[str]:
        """Add passages with their facts; returns the ids. Raises InputError where one could not be added."""
        _none_of(more)
        items: list[Item] = []
        for n, text in enumerate(texts):
            facts = dict(metadatas[n]) if metadatas else {}
            row = {**{k: v for k, v in facts.items() if k != "id" and k not in content_of(facts)}, "text": text}
            items.append(item(row, id=ids[n] if ids else None))
        report = self._collection.add(items)
        if report.problems:
            raise InputError(f"{report.problems[0].where}: {report.problems[0].reason}")
        return [i.id for i in items]

    def search_with_score(self, query: Content, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """Items nearest to words, a picture, or both, with their scores; options are those of Collection.search."""
        return [(self._document(h.item), h.score) for h in self._hits(query, k, options)]

    def _hits(self, query: Content, k: int, options: dict[str, Any]) -> list[Hit]:
        _none_of(options, _OPTIONS)
        return self._collection.search(query, limit=k, **options)

    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """Items nearest to words, with their scores."""
        return self.search_with_score(query, k, **options)

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """Items nearest to words."""
        return [d for d, _ in self.search_with_score(query, k, **options)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **options: Any
    ) -> list[Document]:
        """Items near and unlike each other. LangChain's `lambda_mult` is 1 for relevance alone; `fetch_k` is the collection's own."""
        return self.similarity_search(query, k, diversity=1 - lambda_mult, **options)

    def _similarity_search_with_relevance_scores(self, query: str, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """Items with a score in 0…1 that means the same in every search: `Hit.relevance`; of encoders without a calibration the score."""
        scored = [(h, h.score if h.relevance is None else h.relevance) for h in self._hits(query, k, options)]
        return [(self._document(h.item), min(max(score, 0.0), 1.0)) for h, score in scored]

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The items with these ids, those that are there."""
        found = []
        for id in ids:
            try:
                found.append(self._document(self._collection.get(id)))
            except MissingError:
                continue
        return found

    def delete(self, ids: list[str] | None = None, **more: Any) -> bool | None:
        """Remove items by id."""
        _none_of(more)
        if ids is None:
            raise InputError("no ids came, and everything is not removed at once; name the items")
        self._collection.delete(ids)
        return True

    @classmethod
    def from_texts(cls, texts: list[str], embedding: Embeddings, metadatas: list[dict[str, Any]] | None = None, **more: Any) -> HannunStore:
        """A store made of passages; `collection=` names where they go. The collection encodes, so `embedding` must be its own."""
        where = more.pop("collection", None)
        ids = more.pop("ids", None)
        _none_of(more)
        if not hasattr(where, "search"):
            raise InputError("collection= is missing, expected what hannun.open gives")
        made = cls(where)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def _document(self, it: Item) -> Document:
        metadata = dict(it.facts)
        if self._pictures and it.images:
            metadata["image"] = "data:;base64," + base64.b64encode(it.images[0].read()).decode()
        return Document(page_content=it.text or "", metadata=metadata, id=it.id)


def _none_of(given: dict[str, Any], known: Sequence[str] = ()) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise InputError(f"{', '.join(unknown)} came; known: {', '.join(known) or 'nothing more'}")
