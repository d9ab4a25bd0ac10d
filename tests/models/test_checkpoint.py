"""Checkpoints of real classes with random tiny weights are loaded back only through `open_checkpoint`.

Under test are loading, order, padding, decoding, prompts and errors, never quality.
"""

from __future__ import annotations

import io
import json
import shutil
import socket
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
transformers = pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs hannun[train]: sentence-transformers")

from hannun.encoder import UNCALIBRATED, Encoder  # noqa: E402
from hannun.errors import DependencyError, InputError, MissingError, PictureError  # noqa: E402
from hannun.load import load  # noqa: E402
from hannun.models import checkpoint  # noqa: E402
from hannun.models.checkpoint import open_checkpoint  # noqa: E402
from hannun.models.pooling import last_token  # noqa: E402
from tests.models.networks import KINDS, SEEING, llava, qwen  # noqa: E402


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("checkpoints")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: make(base / name) for name, make in KINDS.items()}


@pytest.fixture(scope="session")
def encoders(folders: dict[str, Path]) -> dict[str, Encoder]:
    return {name: open_checkpoint(str(folder)) for name, folder in folders.items()}


def picture(width: int, height: int, seed: int) -> PIL.Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return PIL.Image.fromarray(noise)


def png(image: PIL.Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def dense(encoder: Encoder, *contents: Any, instruction: str | None = None) -> np.ndarray:
    return encoder.encode_document(list(contents), instruction=instruction).dense


A, B = picture(60, 40, 1), picture(31, 90, 2)
TEXTS = ["빨간 원피스", "a", "아주 길고 긴 문장 하나, 짧은 문장들 사이에서 채움을 만든다", "ㅋㅋ 👨‍👩‍👧", "b"]
MIXED = [
    TEXTS[0],
    A,
    {"text": TEXTS[2], "image": B},
    TEXTS[1],
    png(B),
    {"text": "x", "image": [A, B]},
    {"image": A},
    TEXTS[3],
    {"text": "y", "image": A},
]


# --- the protocol ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_mixed_call_equals_one_by_one_and_keeps_order(kind: str, encoders: dict[str, Encoder]) -> None:
    encoder = encoders[kind]
    contents = MIXED if kind in SEEING else TEXTS
    together = dense(encoder, *contents)
    single = np.concatenate([dense(encoder, c) for c in contents])
    print(f"{kind}: largest difference {np.abs(together - single).max():.1e}")
    np.testing.assert_allclose(together, single, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(dense(encoder, *contents[::-1]), together[::-1], atol=1e-5)
    assert len({v.round(4).tobytes() for v in together}) == len(contents) - (kind in SEEING)  # A and {"image": A} are one
    queries = encoder.encode_query(contents).dense
    np.testing.assert_allclose(queries, np.concatenate([encoder.encode_query([c]).dense for c in contents]), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_encoder_says_of_itself(kind: str, encoders: dict[str, Encoder], folders: dict[str, Path]) -> None:
    encoder = encoders[kind]
    dims = {
        "text_only": (16,),
        "st_text": (16,),
        "st_static_text": (16,),
        "clip": (24, 16, 8),
        "st_clip": (24, 16, 8),
        "st_qwen": (24,),
    }.get(kind, (32,))
    assert isinstance(encoder, Encoder)
    assert encoder.name == str(folders[kind])
    assert encoder.dims == dims
    assert encoder.kinds == (("text", "image") if kind in ("clip", "siglip", "st_clip") else ())
    assert encoder.side == (84 if "qwen" in kind else 32 if kind in SEEING else 224)  # 84² is the tiny Qwen's pixel budget
    assert encoder.calibration is UNCALIBRATED
    assert encoder.encode_query([]).dense.shape == (0, dims[0])


@pytest.mark.parametrize("kind", ["clip", "siglip", "st_clip"])
def test_two_towers_average_the_unit_part_vectors(kind: str, encoders: dict[str, Encoder]) -> None:
    text, a, b, both, many = dense(
        encoders[kind], "빨간 원피스", A, B, {"text": "빨간 원피스", "image": A}, {"text": "빨간 원피스", "image": [A, B]}
    )
    pictures = (a + b) / np.linalg.norm(a + b)
    np.testing.assert_allclose(both, (text + a) / np.linalg.norm(text + a), atol=1e-5)
    np.testing.assert_allclose(many, (text + pictures) / np.linalg.norm(text + pictures), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_str_that_looks_like_a_url_or_path_stays_text(
    kind: str, encoders: dict[str, Encoder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    A.save(tmp_path / "real.png")
    lookalikes = [
        "https://example.com/cat.jpg",
        str(tmp_path / "real.png"),
        "data:image/png;base64,iVBORw0KGgo=",
        "https://youtu.be/x",
        "a.mp3",
    ]

    def refuse(*given: Any, **named: Any) -> Any:
        raise AssertionError("something was opened or fetched")

    monkeypatch.setattr(PIL.Image, "open", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    encoder = encoders[kind]
    vectors = encoder.encode_query(lookalikes).dense
    np.testing.assert_allclose(vectors, encoder.encode_query([{"text": t} for t in lookalikes]).dense, atol=1e-6)
    assert len({v.round(4).tobytes() for v in vectors}) == len(lookalikes)


@pytest.mark.parametrize("kind", KINDS)
def test_nfd_equals_nfc_and_control_tokens_are_words(kind: str, encoders: dict[str, Encoder]) -> None:
    encoder = encoders[kind]
    nfd = unicodedata.normalize("NFD", "빨간 원피스")
    np.testing.assert_allclose(dense(encoder, nfd), dense(encoder, "빨간 원피스"), atol=1e-6)
    written = "<image> <|image_pad|> <|im_end|> </s> <|endoftext|> [SEP]"
    assert dense(encoder, written).shape == (1, encoder.dims[0])
    if kind in SEEING:
        assert dense(encoder, {"text": written, "image": A}).shape == (1, encoder.dims[0])


@pytest.mark.parametrize("kind", KINDS)
def test_texts_longer_than_the_window(kind: str, encoders: dict[str, Encoder]) -> None:
    vectors = dense(encoders[kind], "가" * 3000 + "끝", "짧다", *([{"text": "나" * 3000, "image": B}] if kind in SEEING else []))
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("kind", SEEING)
def test_odd_pictures(kind: str, encoders: dict[str, Encoder]) -> None:
    odd = [picture(1, 1, 1), picture(3, 3, 2), picture(900, 2, 3), picture(2, 900, 4), A.convert("L"), A.convert("RGBA")]
    assert np.isfinite(dense(encoders[kind], *odd)).all()


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_bad_content_is_one_clear_error(kind: str, encoders: dict[str, Encoder]) -> None:
    for empty in ("", "  \n", {"text": ""}):
        with pytest.raises(InputError, match="empty content"):
            dense(encoders[kind], "a", empty)
    with pytest.raises(InputError, match="expected a list"):
        encoders[kind].encode_query("one str")
    broken = png(picture(80, 80, 5))[:3000]
    if kind in SEEING:
        with pytest.raises(PictureError, match="truncated"):
            dense(encoders[kind], "a", broken)
    else:
        with pytest.raises(InputError, match="reads text only, and a picture came"):
            dense(encoders[kind], "a", {"text": "b", "image": A})


def test_what_is_not_a_checkpoint(tmp_path: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for name, said in {
        str(tmp_path / "none"): "no such folder",
        "no/such-model": "hub cannot be reached",
        str(tmp_path): "holds no model",
    }.items():
        with pytest.raises(MissingError, match=said) as e:
            open_checkpoint(name)
        assert "\n" not in str(e.value) and e.value.__cause__ is None
    with pytest.raises(InputError, match="is a file"):
        open_checkpoint(str(folders["clip"] / "config.json"))
    for kind, config, said in [
        ("own_code", {"model_type": "mine", "auto_map": {"AutoConfig": "mine.C", "AutoModel": "mine.M"}}, "cannot be loaded"),
        ("not_json", None, "cannot be loaded"),
        ("cut", {"model_type": "bert"}, "cannot be loaded"),
    ]:
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "config.json").write_text(json.dumps(config) if config else "{")
        with pytest.raises(InputError, match=said) as bad:
            open_checkpoint(str(tmp_path / kind))
        assert "\n" not in str(bad.value)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "mine.C", "AutoModel": "mine.M"}}))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "mine.M"}]))
    with pytest.raises(InputError, match="cannot be loaded"):
        open_checkpoint(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_missing_weights_and_unfit_models_are_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folders["qwen"] / "model.safetensors")
    folder = shutil.copytree(folders["qwen"], tmp_path / "q")
    save_file({k: v for k, v in weights.items() if "layers.1." not in k}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="weights are not in the folder"):
        open_checkpoint(str(folder))
    for kind in ("qwen", "st_text"):
        folder = shutil.copytree(folders[kind], tmp_path / f"{kind}_cut")
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
        with pytest.raises(InputError, match="cannot be loaded"):
            open_checkpoint(str(folder))
    folder = shutil.copytree(folders["st_text"], tmp_path / "c")
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"model_type": "CrossEncoder"}))
    with pytest.raises(InputError, match="is a CrossEncoder"):
        open_checkpoint(str(folder))


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]) -> None:
    import sys

    for missing, opened in (("sentence_transformers", open_checkpoint), ("torch", load)):
        with monkeypatch.context() as m:
            m.setitem(sys.modules, missing, None)
            m.delitem(sys.modules, "hannun.models.stock", raising=False)
            if missing == "torch":
                m.delitem(sys.modules, "hannun.models.checkpoint")
            with pytest.raises(DependencyError, match=r"pip install -c constraints.txt '\.\[train\]'"):
                opened(str(folders["st_text"]))


# --- fingerprints ----------------------------------------------------------------------------------------------------


def test_the_fingerprint_follows_weights_preprocessing_and_prompts(tmp_path: Path, folders: dict[str, Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["st_text"], tmp_path / "m")
    seen = [open_checkpoint(str(folder)).fingerprint]
    assert seen[0] == open_checkpoint(str(folders["st_text"])).fingerprint  # where it lies does not count
    (folder / "README.md").write_text("new words")
    assert open_checkpoint(str(folder)).fingerprint == seen[0]
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][0, 0] += 1e-3
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    seen.append(open_checkpoint(str(folder)).fingerprint)
    prompts = json.loads((folder / "config_sentence_transformers.json").read_text())
    prompts["prompts"]["query"] = "질문: "
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    seen.append(open_checkpoint(str(folder)).fingerprint)
    assert len(set(seen)) == 3


def test_a_hub_snapshot_is_known_by_its_commit(tmp_path: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "models--kakao--v" / "snapshots" / ("0a" * 20)
    shutil.copytree(folders["clip"], snapshot)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *a, **k: str(snapshot))
    encoder = open_checkpoint("kakao/v")
    assert encoder.name == "kakao/v"
    assert encoder.fingerprint == f"models--kakao--v@{'0a' * 20}/{checkpoint.FORMAT}"


# --- prompts, templates, padding -------------------------------------------------------------------------------------


def test_prompts_and_instructions(encoders: dict[str, Encoder], folders: dict[str, Path]) -> None:
    st, plain = encoders["st_text"], encoders["text_only"]
    np.testing.assert_allclose(st.encode_query(["가"]).dense, dense(plain, "query: 가"), atol=1e-5)
    np.testing.assert_allclose(dense(st, "가"), dense(plain, "passage: 가"), atol=1e-5)
    np.testing.assert_allclose(st.encode_query(["가"], instruction="찾기: ").dense, dense(plain, "찾기: 가"), atol=1e-5)
    for kind in ("llava", "qwen", "st_llava", "st_qwen"):
        assert np.abs(dense(encoders[kind], "가") - dense(encoders[kind], "가", instruction="Find it.")).max() > 1e-4, kind
    said = encoders["st_qwen"].encode_query(["가"]).dense  # its own prompt for queries
    np.testing.assert_allclose(said, dense(encoders["st_qwen"], "가", instruction="Find it."), atol=1e-6)


def test_an_instruct_frame_keeps_its_form() -> None:
    from hannun.models.network import instructed

    assert instructed("Instruct: old task\nQuery: ", "new task") == "Instruct: new task\nQuery: "
    assert instructed("query: ", "new: ") == "new: "
    assert instructed("query: ", None) == "query: "


@pytest.mark.parametrize("make", [llava, qwen])
def test_the_padding_side_a_checkpoint_was_saved_with_does_not_matter(make: Callable[..., Path], tmp_path: Path) -> None:
    left, right = (open_checkpoint(str(make(tmp_path / side, side))) for side in ("left", "right"))
    np.testing.assert_allclose(dense(left, *MIXED), dense(right, *MIXED), atol=1e-6)


def test_last_token_pooling_by_hand() -> None:
    hidden = torch.arange(12.0).reshape(2, 3, 2)
    assert last_token(hidden, torch.tensor([[1, 1, 0], [0, 1, 1]])).tolist() == [[2.0, 3.0], [10.0, 11.0]]


def test_last_token_pooling_agrees_under_left_and_right_padding(folders: dict[str, Path]) -> None:
    model = transformers.AutoModel.from_pretrained(folders["llava"]).eval()
    tok = transformers.AutoTokenizer.from_pretrained(folders["llava"])
    states = []
    for side in ("left", "right"):
        batch = tok(TEXTS, padding=True, padding_side=side, return_tensors="pt")
        with torch.inference_mode():
            states.append(last_token(model(**batch).last_hidden_state, batch["attention_mask"]))
    torch.testing.assert_close(*states, atol=1e-5, rtol=0)


def reference(folder: Path, written: str, **pixels: Any) -> np.ndarray:
    """The last layer's state at the last token of one unpadded sequence, by the generative class and not by our code."""
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    ids = transformers.AutoTokenizer.from_pretrained(folder)(written, add_special_tokens=False, return_tensors="pt")["input_ids"]
    if "image_grid_thw" in pixels:
        pixels["mm_token_type_ids"] = (ids == model.config.image_token_id).int()
    with torch.inference_mode():
        state = model(input_ids=ids, output_hidden_states=True, **pixels).hidden_states[-1][0, -1]
    return (state / state.norm()).numpy()


def test_a_llava_sequence_is_the_template_the_picture_and_eos(encoders: dict[str, Encoder], folders: dict[str, Path]) -> None:
    folder = folders["llava"]
    pixels = transformers.AutoImageProcessor.from_pretrained(folder)(images=[A], return_tensors="pt")
    expected = reference(folder, "system: Find. user: 빨강" + "<image>" * 16 + "\n </s>", **pixels)  # 32 / 8 = 4; 4² patches
    np.testing.assert_allclose(dense(encoders["llava"], {"text": "빨강", "image": A}, instruction="Find.")[0], expected, atol=1e-5)


def test_a_qwen_sequence_has_a_pad_for_every_merged_patch(encoders: dict[str, Encoder], folders: dict[str, Path]) -> None:
    folder = folders["qwen"]
    pixels = transformers.Qwen2VLImageProcessorPil.from_pretrained(folder)(images=[A], return_tensors="pt")
    grid = pixels["image_grid_thw"][0].tolist()
    assert grid == [1, 2, 4]  # 60×40 pixels round to 56×28, that is 4×2 patches of 14
    pads = "<|image_pad|>" * 2  # four patches to a token
    written = f"<|im_start|>user\n빨강<|vision_start|>{pads}<|vision_end|><|im_end|>"
    np.testing.assert_allclose(dense(encoders["qwen"], {"text": "빨강", "image": A})[0], reference(folder, written, **pixels), atol=1e-5)


def test_a_long_text_keeps_its_end_token_and_its_picture(encoders: dict[str, Encoder]) -> None:
    for kind in ("llava", "qwen"):
        network: Any = encoders[kind]._network  # type: ignore[attr-defined]
        seen: list[Any] = []
        inner = network._model.forward
        network._model.forward = lambda *a, seen=seen, inner=inner, **k: seen.append(k) or inner(*a, **k)
        dense(encoders[kind], {"text": "가" * 3000, "image": A})
        del network._model.forward
        ids, mask = seen[0]["input_ids"][0], seen[0]["attention_mask"][0]
        assert 480 < int(mask.sum()) <= 512
        assert ids[-1] == network._tokenizer.eos_token_id
        assert network._image_id in ids
