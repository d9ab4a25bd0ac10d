"""The cluster's address, settings and errors. What it stores and finds is in tests/contracts, by the client's local mode."""

from __future__ import annotations

import socket
import warnings
from pathlib import Path

import pytest

from hannun.errors import InputError, MissingError, StorageError
from hannun.index.engine import Layout

qdrant_client = pytest.importorskip("qdrant_client", reason="needs hannun[cluster]")
from hannun.index.cluster import Cluster, connect, vector_params  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("url", ["qdrant://", "qdrant://host", "qdrant://host/a/b", "http://host/a", "host/a", "qdrant:///a"])
def test_addresses_that_cannot_be_read(url: str) -> None:
    with pytest.raises(InputError, match="expected qdrant://host:port/collection"):
        connect(url)


@pytest.mark.parametrize("rest", ["shards=0", "shards=a", "copies=2"])
def test_what_may_stand_after_the_address(rest: str) -> None:
    with pytest.raises(InputError, match="shards=NUMBER"):
        connect(f"qdrant://host/shop?{rest}")


def test_shards_and_replicas_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = qdrant_client.QdrantClient(":memory:"), {}
    make = client.create_collection
    monkeypatch.setattr(client, "create_collection", lambda name, **rest: (asked.update(rest), make(name, **rest)))
    Cluster(client, "shop", Layout(("joint",), (8,)), shards=6, replicas=2)
    assert (asked["shard_number"], asked["replication_factor"]) == (6, 2)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(StorageError, match="cannot be reached"):
            connect(f"qdrant://127.0.0.1:{port}/shop")


def test_settings_are_kept_with_the_collection(tmp_path: Path) -> None:
    layout = Layout(("text", "image"), (16, 8), tokens=4, quantise="int8", prefix=8)
    store = Cluster(qdrant_client.QdrantClient(path=str(tmp_path)), "shop", layout)
    assert store.read_settings() is None
    store.write_settings({"a": {"x": 1}, "b": "가"})
    store.write_settings({"a": {"y": [2]}})
    store.close()
    again = Cluster(qdrant_client.QdrantClient(path=str(tmp_path)), "shop")
    assert again.read_settings() == {"a": {"y": [2]}} and again.layout == layout
    again.close()


def test_collections_that_are_not_there_or_not_ours(tmp_path: Path) -> None:
    client = qdrant_client.QdrantClient(":memory:")
    with pytest.raises(MissingError, match="hannun copy"):
        Cluster(client, "none")
    client.create_collection("foreign", vectors_config={})
    with pytest.raises(InputError, match="not made by Hannun"):
        Cluster(client, "foreign")


def test_what_the_server_is_told_of_the_vectors() -> None:
    """As in Qdrant's REST reference: HNSW is off (m = 0) for what only rescores, and that lies on the disk."""
    plain = vector_params(Layout(("joint",), (16, 8)))
    assert plain == {"joint": {"size": 16, "distance": "Dot"}}
    told = vector_params(Layout(("joint",), (16, 8), tokens=4, quantise="int8", prefix=8))
    assert told.keys() == {"joint", "joint-8", "tokens"}
    assert told["joint"] == {"size": 16, "distance": "Dot", "hnsw_config": {"m": 0}, "on_disk": True}
    assert told["joint-8"]["size"] == 8 and told["joint-8"]["quantization_config"]["scalar"]["type"] == "int8"
    assert told["tokens"]["multivector_config"] == {"comparator": "max_sim"} and told["tokens"]["datatype"] == "float16"
    for params in told.values():
        qdrant_client.models.VectorParams(**params)
