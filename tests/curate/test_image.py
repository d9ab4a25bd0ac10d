"""What is measured on pictures: the decisions at a reduced scale are those at full scale, and each constant is the source's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun import shards
from hannun.curate.image.header import WHITE, measure_pixels, perceptual_hash, read_header, white_bounds, white_share
from hannun.curate.verdict import AtLeast, AtMost, Below, judge, pair_of
from hannun.errors import PictureError
from hannun.item import MAX_PIXELS, Image
from hannun.recipes import naver_pairs
from tests.conftest import ROOT, bomb, draw, encoded

DATA = ROOT.parent / "shared" / "data"


def whitish(share: float, size: tuple[int, int] = (640, 480), seed: int = 0, ground: int = 255) -> PIL.Image.Image:
    """White (or nearly) with a noisy block over 1 − share of the area."""
    rng = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), ground, np.uint8)
    rows = round(size[1] * (1 - share))
    if rows:
        pixels[:rows] = rng.integers(0, 256, (rows, size[0], 3))
    return PIL.Image.fromarray(pixels)


@pytest.mark.parametrize("quality", [60, 95])
@pytest.mark.parametrize("ground", [255, 252, 250, 249, 246])
def test_the_white_decision_at_a_reduced_scale_is_the_one_at_full_scale(quality: int, ground: int) -> None:
    for n, share in enumerate(np.linspace(0.75, 1.0, 11)):
        data = encoded(whitish(float(share), seed=n, ground=ground), "JPEG", quality=quality)
        assert (measure_pixels(data, 0.9).white < 0.9) == (white_share(data) < 0.9), (share, ground, quality)


def test_white_decisions_on_photos_products_and_scans() -> None:
    if not (DATA / "receipts").exists():
        pytest.skip(f"no {DATA}")
    files = [DATA / "receipts/all-000.tar", DATA / "watermark/all-000.tar", DATA / "fashion/dev-000.tar"]
    pictures = [Image(r.pictures[0]).read() for f in files for n, r in enumerate(shards.read(f)) if n < 120]
    looks = [measure_pixels(p, 0.9) for p in pictures]
    assert [x.white < 0.9 for x in looks] == [white_share(p) < 0.9 for p in pictures]


def test_bounds_hold_whatever_is_in_a_block() -> None:
    """64 pixels of any kind: the true share lies within the bounds that their mean gives."""
    rng = np.random.default_rng(0)
    for _ in range(500):
        block = rng.choice([0, 100, 200, 249, 250, 255], size=64, p=rng.dirichlet(np.ones(6)))
        low, high = white_bounds(np.array([[round(float(block.mean()))]], np.uint8))
        assert low - 1e-6 <= (block >= WHITE).mean() <= high + 1e-6


def test_only_a_picture_near_the_bound_is_decoded_in_full() -> None:
    assert not measure_pixels(encoded(draw((90, 120, 60), (800, 600)), "JPEG")).exact
    assert not measure_pixels(encoded(whitish(0.6), "JPEG")).exact
    assert measure_pixels(encoded(whitish(0.9), "JPEG")).exact  # at the bound it must be


def test_the_perceptual_hash_is_imagehashs() -> None:
    imagehash = pytest.importorskip("imagehash", reason="imagehash is in hannun[peers]")
    rng = np.random.default_rng(1)
    for n in range(20):
        picture = PIL.Image.fromarray(rng.integers(0, 256, (40 + n, 60, 3), dtype=np.uint8)).resize((300, 200))
        assert perceptual_hash(picture.convert("L")) == int(str(imagehash.phash(picture)), 16)


def test_a_picture_saved_smaller_and_worse_keeps_its_hash_nearly() -> None:
    picture = scene()
    one, other = (
        measure_pixels(encoded(picture, "JPEG", quality=95)),
        measure_pixels(encoded(picture.resize((400, 300)), "JPEG", quality=60)),
    )
    assert (one.phash ^ other.phash).bit_count() <= 3


def scene(seed: int = 0) -> PIL.Image.Image:
    rng = np.random.default_rng(seed)
    picture = PIL.Image.new("RGB", (800, 600), tuple(int(c) for c in rng.integers(0, 255, 3)))
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, r = (int(v) for v in rng.integers(0, 600, 3))
        pen.ellipse((x, y, x + r, y + r), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    return picture


def headers(picture: PIL.Image.Image) -> str | None:
    head = read_header(encoded(picture))
    return judge(pair_of("", {"side": head.side, "ratio": head.ratio, "pixels": head.pixels}), naver_pairs.RULES.headers).reason


@pytest.mark.parametrize(
    ("size", "reason"),
    [((200, 200), None), ((199, 400), "picture_small"), ((600, 200), None), ((601, 200), "picture_long"), ((200, 601), "picture_long")],
)
def test_200_pixels_and_3_to_1(size: tuple[int, int], reason: str | None) -> None:
    assert headers(draw(size=size)) == reason


@pytest.mark.parametrize(("white", "reason"), [(0.8999, None), (0.9, "picture_white"), (1.0, "picture_white")])
def test_white_must_be_under_0_9(white: float, reason: str | None) -> None:
    assert judge(pair_of("", {"white": white}), naver_pairs.RULES.pictures).reason == reason
    assert naver_pairs.RULES.white == 0.9


def test_every_bound_names_its_source() -> None:
    bounds = {b.reason: b for b in naver_pairs.RULES.bounds()}
    assert {r: (b.bound, b.source) for r, b in bounds.items() if b.source == naver_pairs.NAVER} == {
        "picture_small": (200, naver_pairs.NAVER),
        "picture_long": (3.0, naver_pairs.NAVER),
        "picture_white": (0.9, naver_pairs.NAVER),
    }
    assert all(b.source for b in bounds.values()) and bounds["picture_bomb"].bound == MAX_PIXELS


def test_bounds_keep_what_was_not_measured() -> None:
    pair = pair_of("글", {"a": 1.0}, {"b": 2.0})
    assert AtLeast("b", 2.0, "r")(pair).kept and not AtLeast("a", 1.5, "r")(pair).kept and AtLeast("c", 1, "r")(pair).kept
    assert AtMost("a", 1.0, "r")(pair).kept and not Below("a", 1.0, "r")(pair).kept
    assert AtMost("b", 1.0, "high")(pair).figures == {"b": 2.0}


def test_upright_size_of_a_turned_photo() -> None:
    out = io.BytesIO()
    exif = PIL.Image.Exif()
    exif[274] = 6
    draw(size=(300, 200)).save(out, "JPEG", exif=exif)
    assert (read_header(out.getvalue()).width, read_header(out.getvalue()).height) == (200, 300)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_pictures_are_undecodable_at_every_scale(kind: str) -> None:
    data = encoded(scene(), kind)
    with pytest.raises(PictureError):
        measure_pixels(data[: len(data) // 2])
    with pytest.raises(PictureError):
        read_header(b"nothing")
    with pytest.raises(PictureError, match="empty"):
        read_header(b"")


def test_a_bomb_is_known_by_its_header() -> None:
    with pytest.raises(PictureError, match="bomb"):
        read_header(bomb())


def test_transparent_and_grey_pictures() -> None:
    clear = PIL.Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    assert measure_pixels(encoded(clear, "PNG")).white == 1.0
    assert measure_pixels(encoded(PIL.Image.new("L", (300, 300), 255), "JPEG")).white == 1.0
    assert measure_pixels(encoded(PIL.Image.new("CMYK", (300, 300)), "JPEG")).white == 1.0


def test_text_boxes_are_found_and_things_are_not_text() -> None:
    pytest.importorskip("rapidocr", reason="rapidocr is in hannun[curate]")
    from hannun.curate.image.ocr import TextDetector
    from hannun.recipes.watermark import _font

    page = PIL.Image.new("RGB", (480, 480), (255, 255, 255))
    pen = PIL.ImageDraw.Draw(page)
    for row in range(6):
        pen.text((40, 30 + 70 * row), f"{row + 1}번째 줄 안내문 {row}", font=_font(30), fill=(0, 0, 0))
    detector = TextDetector()
    found, thing = detector.find(page), detector.find(scene())
    assert found.count >= 5 and 0.05 < found.share < 0.6
    assert thing.share < 0.2 and detector.find(draw((90, 90, 90), (300, 300))).count == 0


def test_the_share_of_boxes_counts_overlap_once() -> None:
    from hannun.curate.image.ocr import covered

    half = np.array([[0, 0], [100, 0], [100, 50], [0, 50]])
    assert covered([half, half], (100, 100)) == pytest.approx(0.5, abs=0.02)
    assert covered([], (100, 100)) == 0.0


@pytest.mark.parametrize("path", [None])
def test_watermark_scores_and_their_tower(path: None, tmp_path: Path) -> None:
    from dataclasses import replace

    from hannun.curate.image.watermark import Head, Watermarks
    from hannun.errors import EncoderMismatch, MissingError
    from hannun.mini.model import Mini

    with pytest.raises(MissingError, match=r"hannun\.recipes\.watermark"):
        Head.load(tmp_path / "none.npz")
    wide = 2 * 9 * 384
    rng = np.random.default_rng(0)
    head = Head(np.zeros(wide, np.float32), np.ones(wide, np.float32), rng.normal(size=(wide, 4)).astype(np.float32),
                np.zeros(4, np.float32), np.ones(4, np.float32), 0.0, Mini().fingerprint)  # fmt: skip
    head.save(tmp_path / "head.npz")
    again = Head.load(tmp_path / "head.npz")
    assert again.fingerprint == head.fingerprint and np.allclose(again.inner, head.inner, atol=1e-2)
    with pytest.raises(EncoderMismatch, match="train it again"):
        Watermarks(replace(head, fingerprint="another"))
    assert all(0 <= s <= 1 for s in Watermarks(head)([scene(), draw(size=(30, 200))]))


def test_marks_are_drawn_where_they_should_be() -> None:
    from hannun.recipes import watermark

    picture = scene()
    for kind in watermark.KINDS:
        marked = watermark.draw(picture, np.random.default_rng(3), kind)
        changed = np.abs(np.asarray(marked, np.int16) - np.asarray(picture)).max(-1) > 8
        assert marked.size == picture.size and 0.0005 < changed.mean() < 0.6, kind


def test_the_auc_by_hand() -> None:
    from hannun.recipes.watermark import auc

    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 3 / 4
    assert auc(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5


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
    assert positives(["drawings", "hentai", "neutral", "porn", "sexy"], "x") == [3, 4]
    with pytest.raises(InputError, match="expected one named like"):
        positives(["a", "b", "c"], "x")
    assert probability(np.array([[0.0, 0.0]], np.float32), [1]) == [0.5] and probability(np.array([[0.0]], np.float32), [0]) == [0.5]


def test_the_shipped_watermark_head_belongs_to_the_shipped_tower() -> None:
    """When mini's weights change: python -m hannun.recipes.watermark --data FOLDER."""
    from hannun.curate.image.watermark import Head
    from hannun.mini.model import Mini

    assert Head.load().fingerprint == Mini().fingerprint
