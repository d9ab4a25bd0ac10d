"""What is measured on pictures' headers and pixels: the decisions at a reduced scale are those at full scale."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun import shards
from hannun.curate.image.header import WHITE, measure_pixels, perceptual_hash, read_header, white_bounds, white_share
from hannun.errors import PictureError
from hannun.item import Image
from tests.conftest import ROOT, bomb, draw, encoded
from tests.curate.world import discs

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
    picture = discs()
    one, other = (
        measure_pixels(encoded(picture, "JPEG", quality=95)),
        measure_pixels(encoded(picture.resize((400, 300)), "JPEG", quality=60)),
    )
    assert (one.phash ^ other.phash).bit_count() <= 3


def test_upright_size_of_a_turned_photo() -> None:
    out = io.BytesIO()
    exif = PIL.Image.Exif()
    exif[274] = 6
    draw(size=(300, 200)).save(out, "JPEG", exif=exif)
    assert (read_header(out.getvalue()).width, read_header(out.getvalue()).height) == (200, 300)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_pictures_are_undecodable_at_every_scale(kind: str) -> None:
    data = encoded(discs(), kind)
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
