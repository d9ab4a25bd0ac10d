"""Picture classifiers of three kinds, and which of their classes count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import draw


def test_classifiers_from_onnx_transformers_and_laion(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is in hannun[train]")
    import torch
    from onnx import save
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    from hannun.curate.image.classifier import classifier, positives
    from hannun.curate.image.laion import network
    from hannun.curate.image.scorer import probability
    from hannun.errors import InputError, MissingError
    from hannun.mini.graph import Graph

    pictures = [draw((255, 255, 255), (50, 50)), draw((0, 0, 0), (60, 40))]
    graph = Graph()
    graph.node("GlobalAveragePool", ["pixels"], "mean")
    graph.node("Flatten", ["mean"], "flat")
    weight = graph.constant(np.array([[0, 1], [0, 1], [0, 1]], np.float32), "w")
    graph.node("MatMul", ["flat", weight], "logits")
    save(graph.model("brightness", [("pixels", "FLOAT", ["n", 3, 32, 32])], [("logits", "FLOAT", ["n", 2])]), str(tmp_path / "c.onnx"))
    bright, dark = classifier(str(tmp_path / "c.onnx"))(pictures)
    assert bright > 0.9 and dark < 0.1

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
                       id2label={0: "normal", 1: "nsfw"}, label2id={"normal": 0, "nsfw": 1})  # fmt: skip
    ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "vit")
    assert all(0 < s < 1 for s in classifier(str(tmp_path / "vit"))(pictures))

    net = network()
    # The documented count for EfficientNet-B3 with 1,000 classes is 12,233,232, of which 1,537,000 are the classifier's.
    body = sum(p.numel() for n, p in net.named_parameters() if not n.startswith("classifier"))
    assert body == 12_233_232 - 1536 * 1000 - 1000
    torch.save(net.state_dict(), tmp_path / "laion.pt")
    assert all(0 < s < 1 for s in classifier(str(tmp_path / "laion.pt"))(pictures[:1]))
    torch.save({"conv_stem.weight": torch.zeros(1)}, tmp_path / "wrong.pt")
    with pytest.raises(InputError, match="LAION's watermark detector"):
        classifier(str(tmp_path / "wrong.pt"))
    with pytest.raises(MissingError):
        classifier(str(tmp_path / "none.onnx"))
    assert positives(["drawings", "hentai", "neutral", "porn", "sexy"], "x") == [1, 3, 4]
    with pytest.raises(InputError, match="expected one named like"):
        positives(["a", "b", "c"], "x")
    assert probability(np.array([[0.0, 0.0]], np.float32), [1]) == [0.5] and probability(np.array([[0.0]], np.float32), [0]) == [0.5]
