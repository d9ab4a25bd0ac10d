"""The adapters, against the real packages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import InputError
from tests.conftest import draw, encoded
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "shop.hannun", Toy(), words=False) as made:
        made.add(
            [
                {"id": "a", "text": "빨간 원피스", "category": "원피스"},
                {"id": "b", "text": "파란 치마", "category": "치마"},
                {"id": "c", "text": "노란 가방", "image": encoded(draw(seed=2))},
            ]
        )
        yield made


def test_langchain(shop: Collection) -> None:
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")
    from langchain_core.documents import Document
    from langchain_core.vectorstores import VectorStore

    from hannun.serve.adapters.langchain import HannunEmbeddings, HannunStore

    store = HannunStore(shop, pictures=True)
    assert isinstance(store, VectorStore)
    (found,) = store.similarity_search("빨간 원피스", k=1)
    assert (found.id, found.page_content, found.metadata) == ("a", "빨간 원피스", {"category": "원피스"})
    assert [d.id for d in store.as_retriever(search_kwargs={"k": 2, "where": "category = 치마"}).invoke("원피스")] == ["b"]
    varied = store.as_retriever(search_type="mmr", search_kwargs={"k": 3, "lambda_mult": 1.0}).invoke("빨간 원피스")
    assert varied[0].id == "a" and len(varied) == 3
    near = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.9}).invoke("빨간 원피스")
    assert [d.id for d in near] == ["a"]  # the others are unrelated to it: the toy's cosines are about 0
    document, score = store.search_with_score({"image": encoded(draw(seed=2))}, k=1)[0]
    assert document.id == "c" and score > 0.5
    assert base64.b64decode(document.metadata["image"].split(",")[1]) == encoded(draw(seed=2))
    ids = store.add_documents([Document(page_content="초록 우산", metadata={"price": 3}, id="u"), Document(page_content="흰 모자")])
    assert ids[0] == "u" and [d.page_content for d in store.get_by_ids([*ids, "nobody"])] == ["초록 우산", "흰 모자"]
    assert store.delete(ids) and not store.get_by_ids(ids)
    made = HannunStore.from_texts(["새 말"], HannunEmbeddings(Toy()), [{"n": 1}], collection=shop, ids=["new"])
    assert made.get_by_ids(["new"])[0].metadata == {"n": 1}
    with pytest.raises(InputError, match="fliter came"):
        store.similarity_search("가", fliter="x")
    embeddings = store.embeddings
    assert embeddings is not None and embeddings.embed_query("가") == pytest.approx(Toy().encode_query(["가"]).dense[0].tolist())
    assert len(HannunEmbeddings(Toy(), 32).embed_documents(["가", "나"])[1]) == 32


def test_llamaindex(shop: Collection, tmp_path: Path) -> None:
    pytest.importorskip("llama_index.core", reason="llama-index-core is not installed")
    from llama_index.core.schema import ImageNode, QueryBundle

    from hannun.serve.adapters.llamaindex import HannunEmbedding, HannunRetriever

    found = HannunRetriever(shop, limit=2).retrieve("빨간 원피스")
    assert found[0].node.id_ == "a" and found[0].node.get_content() == "빨간 원피스" and found[0].node.metadata == {"category": "원피스"}
    assert [n.score for n in found] == [h.score for h in shop.search("빨간 원피스", limit=2)]
    picture = tmp_path / "p.png"
    picture.write_bytes(encoded(draw(seed=2)))
    (seen,) = HannunRetriever(shop, limit=1).retrieve(QueryBundle("노란 가방", image_path=str(picture)))
    assert isinstance(seen.node, ImageNode) and base64.b64decode(seen.node.image or "") == picture.read_bytes()
    assert [n.node.id_ for n in HannunRetriever(shop, where="category = 치마").retrieve("원피스")] == ["b"]
    embedding = HannunEmbedding(Toy())
    assert embedding.get_text_embedding("가") == pytest.approx(Toy().encode_document(["가"]).dense[0].tolist())
    assert embedding.get_query_embedding("가") == embedding.get_text_embedding_batch(["가"])[0]
    assert embedding.get_image_embedding(str(picture)) == pytest.approx(Toy().encode_document([picture]).dense[0].tolist())
