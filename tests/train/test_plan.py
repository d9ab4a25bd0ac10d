"""Sizes of the real models, counted on the meta device, against what their authors publish, and the memory of a step."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("peft", reason="peft is in the [train] extra")

from hannun.errors import InputError, MissingError  # noqa: E402
from hannun.models import adapters  # noqa: E402
from hannun.recipes import jina_clip, jina_v4, kanana_v, kelip, korean_diffusion  # noqa: E402
from hannun.train import plan  # noqa: E402


def test_kelip_is_clips_vit_b_32() -> None:
    """151,277,313 with the temperature: OpenAI's published ViT-B/32, whose vocabulary of 49,408 ours has too."""
    assert plan.size(kelip.PAPER).whole == 151_277_313


def test_jina_clip_is_xlm_roberta_large_and_a_vit_l_14() -> None:
    """559.9 M and 303.2 M on their model cards (with a pooler of 1,024² + 1,024 that is not read), and two heads of 1,024² + 1,024."""
    square = 1024**2 + 1024
    assert plan.size(jina_clip.PAPER).whole == 559_890_432 - square + 303_179_776 + 2 * square


def test_kanana_v_and_jina_v4_are_qwen_2_5_vl_3b() -> None:
    """3.75 billion on its model card; the state is 2,048 wide, so the dense vector needs no head. An adapter as in test_jina_v4."""
    assert plan.size(kanana_v.PAPER).whole / 1e9 == pytest.approx(3.75, abs=0.01)
    names = adapters.adapters(jina_v4.tasks(jina_v4.PAPER))
    size = plan.size(jina_v4.PAPER, names)
    assert size.whole == plan.size(kanana_v.PAPER).whole + 2048 * 128
    assert size.trained == sum(size.adapters.values()) and set(size.adapters.values()) == {jina_v4.adapter_sizes()["code"]}


def test_a_steps_memory_by_hand() -> None:
    recipe = replace(kelip.PAPER, batch=64, chunk=8)
    fp32, bf16, pure = plan.needs(recipe)
    whole = 151_277_313
    assert (fp32.weights, fp32.states) == (4 * whole, 12 * whole) == (bf16.weights, bf16.states)
    assert (pure.weights, pure.states) == (2 * whole, 6 * whole)
    assert fp32.outputs == 64 * 2 * 4 * 2 * 512  # queries and positives of 512 values, and their gradients
    assert bf16.chunks < fp32.chunks <= 8 * plan.needs(recipe, chunks=(1,))[0].chunks
    small = plan.needs(replace(recipe, recompute=1))[0]
    assert small.chunks < fp32.chunks / 3
    assert "GiB" in plan.table([fp32])[0] and len(plan.table([fp32, pure])) == 3


def test_a_frozen_backbone_has_no_moments() -> None:
    recipe = replace(jina_v4.PAPER, batch=8, chunk=1)
    need = plan.needs(recipe, ["retrieval"])[1]
    adapter = jina_v4.adapter_sizes()["retrieval"]
    assert need.precision == "bf16" and need.states == 12 * adapter
    assert need.weights == 4 * adapter + 2 * plan.size(recipe, ["retrieval"]).whole


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(MissingError, match="its sizes are not known here; give the folder"):
        plan.size(replace(kelip.PAPER, backbone="someone/else"))


def test_a_recipe_without_vectors_has_no_such_memory() -> None:
    with pytest.raises(InputError, match="korean_diffusion trains no model that gives vectors"):
        plan.size(korean_diffusion.PAPER)
