"""Near duplicates: bands that miss nothing, pairs and clusters."""

from __future__ import annotations

import itertools

import numpy as np

from hannun.curate.pair import near

SEED = ["image_hash", "image_url", "image_size", "title", "query", "title_kelip_score", "query_count", "query_kelip_score",
        "image_white_pixel_ratio", "watermark_score", "ocr_num_box", "ocr_ratio_box"]  # fmt: skip


def test_bands_miss_no_pair_within_the_distance() -> None:
    """Pigeonhole: 3 flipped bits can spoil 3 of 4 bands, never all; measured on 200 hashes with every number of flips up to 3."""
    rng = np.random.default_rng(0)
    for n in range(200):
        one = int(rng.integers(0, 2**63))
        other = one
        for bit in rng.choice(64, n % (near.DISTANCE + 1), replace=False):
            other ^= 1 << int(bit)
        assert set(near.bands(one)) & set(near.bands(other))
    assert len(near.bands(5)) == 4 and len(set(near.bands(0))) == 4  # the same value in another place is another band


def test_near_pairs_are_those_of_all_against_all() -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(0, 2**63, 40, dtype=np.uint64)
    hashes = np.concatenate([base, base ^ np.uint64(0b101), base ^ np.uint64(2**40 - 1)])
    tints = np.full((len(hashes), 8), 128, np.uint8)
    expected = {(a, b) for a, b in itertools.combinations(range(len(hashes)), 2) if int(hashes[a] ^ hashes[b]).bit_count() <= 3}
    assert set(near.near_pairs(hashes, tints)) == expected and len(expected) == 40
    assert set(near.near_pairs(np.repeat(hashes, 6), np.repeat(tints, 6, 0))) >= {(0, 1), (0, 5)}  # more than one chunk


def test_another_colour_is_another_picture() -> None:
    hashes = np.zeros(2, np.uint64)
    tints = np.array([[128] * 8, [128] * 7 + [128 + near.TINT + 1]], np.uint8)
    assert list(near.near_pairs(hashes, tints)) == [] and list(near.near_pairs(hashes, tints, tint=near.TINT + 1)) == [(0, 1)]


def test_clusters_lead_to_the_least_key() -> None:
    assert near.cluster_roots([("b", "c"), ("a", "b"), ("x", "y")]) == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x"}
