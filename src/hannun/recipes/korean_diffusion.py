"""Parallel prompts, a text model that pictures are drawn by, and drawn pictures go in; a Korean reader and a small painter come out.

The source (Naver's Korean text-to-image) gives the outline: a multilingual text encoder is distilled into the latent space that an
English-trained latent diffusion model is conditioned on, so that Korean and English prompts coincide. Its numbers are not published; those
here are ours, and `origins` says so. In parts, each of which resumes by itself:

    teacher   a small English-only text model of CLIP's class, where none is given (`--teacher`): by contrast with what pictures look like
    align     the student: a frozen multilingual encoder under a head of 77 queries, held to the teacher's token states and pooled vector
    contrast  the same with a contrast of pooled vectors; 0 steps leave it out
    paint     a small latent diffusion Transformer on drawn garments, on the teacher's states; not made for a given teacher

`--pairs` trains the student alone, on parallel texts of your own, for the teacher that `--teacher` names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.errors import InputError
from hannun.metrics.significance import bootstrap
from hannun.models import published
from hannun.models.backbones import tiny, tiny_autoencoder
from hannun.models.diffusion_transformer import Painter, PainterShape
from hannun.models.export.painter import LatentCodec, write_painter
from hannun.models.state_head import StateHead, StateShape
from hannun.objectives.infonce import infonce
from hannun.processes import alone
from hannun.prompts.alignment import Outcomes, alignment
from hannun.prompts.clip import ClipTexts, open_clip_texts
from hannun.prompts.states import LENGTH, PromptReader, RememberingReader
from hannun.prompts.student import KeptStates, Student, open_student, padded, text_states
from hannun.recipe import Recipe, Stage
from hannun.recipes.data import drawn_prompts, parallel
from hannun.recipes.data.drawn_prompts import DrawnSet
from hannun.recipes.skeleton import Training
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.diffusion import LatentBatches, painted
from hannun.train.steps.distillation import Distillation, Parallel, ParallelBatches, distilled

_OURS = "ours"

PAPER = Recipe(
    name="korean_diffusion",
    about="Korean prompts where an English picture model expects English ones (Naver's Korean text-to-image)",
    sources={"drawn": 1.0, "emoji": 1.0, "sentences": 8.0},
    restricted=frozenset({"sentences"}),
    steps=0,
    batch=256,
    learning_rate=1e-4,
    dims=(),
    temperature=0.05,
    backbone=published.XLMR,
    teacher=published.CLIP_L,
    weights={"tokens": 1.0, "pooled": 1.0, "contrast": 0.0, "layers": 4, "inside": 768, "heads": 12},
    stages=(
        Stage("align", {"drawn": 1.0, "emoji": 1.0, "sentences": 8.0}, 100_000, 256, 1e-4),
        Stage("contrast", {"drawn": 1.0, "emoji": 1.0, "sentences": 8.0}, 10_000, 256, 3e-5),
    ),
    origins={
        "backbone": f"from the source: multilingual; {_OURS} which one",
        "teacher": "from the source: the text encoder that latent diffusion is conditioned on (Rombach et al. 2022)",
        "sources": f"{_OURS}: parallel Korean–English texts that are at hand; bring millions with --pairs",
        "weights": f"{_OURS}: token states and pooled vector alike; the shape of the head",
        "stages": _OURS,
        "temperature": _OURS,
        "batch": _OURS,
        "learning_rate": _OURS,
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    sources={"drawn": 3.0, "emoji": 1.0, "sentences": 1.0},
    batch=32,
    learning_rate=1e-3,
    backbone="mini",
    teacher="",
    ema=0.99,
    precision="bf16",
    weight_decay=0.01,
    weights={
        "tokens": 1.0, "pooled": 1.0, "contrast": 0.0, "layers": 2, "inside": 128, "heads": 4,
        "teacher_width": 128, "teacher_layers": 3, "pictures": 2_400,
        "painter_width": 256, "painter_layers": 6, "painter_patch": 2, "empty": 0.1, "guidance": 2.0,
    },
    stages=(
        Stage("teacher", {"drawn": 1.0}, 600, 128, 1e-3),
        Stage("align", {"drawn": 3.0, "emoji": 1.0, "sentences": 1.0}, 2_500, 32, 1e-3),
        Stage("contrast", {"drawn": 3.0, "emoji": 1.0, "sentences": 1.0}, 0, 32, 3e-4),
        Stage("decode", {"drawn": 1.0}, 800, 16, 5e-4),
        Stage("paint", {"drawn": 1.0}, 14_000, 32, 1e-3),
    ),
    origins={
        **PAPER.origins,
        "backbone": f"{_OURS}: what is in the package",
        "teacher": f"{_OURS}: made by the recipe, English alone, since no weights of CLIP install offline",
        "ema": _OURS,
        "weight_decay": _OURS,
    },
)  # fmt: skip
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}
_EMPTY = 0.03  # ours: the share of empty prompts that the student is held to
VECTOR = 384  # of mini's joint space, which the small teacher's pooled vectors lie in


def stage(recipe: Recipe, name: str) -> Stage | None:
    """A part of the recipe; None where it has no such part, or no step of it."""
    return next((s for s in recipe.stages if s.name == name and s.steps > 0), None)


def begin_teacher(texts: Sequence[str], width: int, layers: int, seed: int) -> ClipTexts:
    """A new text model of CLIP's class, and a tokenizer learned from English texts; it knows nothing yet."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    words = tiny.CLIP_NAMES
    made = tiny.tokenizer(texts, tiny.CLIP_SPECIAL, pad=words["pad"], bos=words["bos"], eos=words["eos"], length=LENGTH)
    config = CLIPTextConfig(
        vocab_size=len(made), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=4,
        projection_dim=VECTOR, max_position_embeddings=LENGTH, attn_implementation="eager",
        **{f"{k}_token_id": getattr(made, f"{k}_token_id") for k in words},
    )  # fmt: skip
    return ClipTexts(CLIPTextModelWithProjection(config), made, f"teacher-{width}x{layers}-{seed}")


def taught(recipe: Recipe, shown: DrawnSet, training: Training) -> ClipTexts:
    """The English-only teacher: prompts by contrast with mini's vectors of the pictures they show, as CLIP's text tower is trained."""
    part, w = stage(recipe, "teacher"), recipe.weights
    if part is None:
        raise InputError(f"{recipe.name} has neither a teacher nor steps to make one; give a text model with --teacher")
    ways = [[english for _, english in drawn_prompts.asked(p)] for p in shown.products]
    teacher = begin_teacher([t for some in ways for t in some], int(w["teacher_width"]), int(w["teacher_layers"]), recipe.seed)
    vectors = normalize(torch.from_numpy(shown.states[:, :VECTOR]), dim=-1)
    vectors = normalize(vectors - vectors.mean(0), dim=-1)  # pictures of one studio have most in common; that is no word's business
    kinds = {p: n for n, p in enumerate(dict.fromkeys(shown.products))}
    numbers = torch.tensor([[kinds[p]] for p in shown.products])
    stream = LatentBatches(torch.arange(len(shown))[:, None], ways, part.batch, empty=0.0, seed=recipe.seed + 1)

    def step(module: nn.Module, number: int) -> dict[str, Tensor]:
        rows, asked, _, _ = stream.next()
        at = rows[:, 0].long()
        said = normalize(teacher.forward(asked)[1], dim=-1)
        return {"contrast": infonce(said, vectors[at], 1 / recipe.temperature, labels=(numbers[at], numbers[at]))}

    teacher.network.train()
    training.fit(teacher.network, step, stream, replace(Schedule.of(recipe, part), ema=0.0), "teacher")
    teacher.network.eval().requires_grad_(False)
    teacher.save(training.work / "english")
    return open_clip_texts(str(training.work / "english"))


def aligned(
    recipe: Recipe,
    teacher: ClipTexts,
    sources: Mapping[str, Sequence[Parallel]],
    training: Training,
    folder: str = "",
    start: Path | None = None,
) -> Student:
    """The student of a teacher. `start` is the folder of a student to go on from. Raises InputError where that has another shape."""
    w, encoder = recipe.weights, text_states(recipe.backbone)
    torch.manual_seed(recipe.seed)
    shape = StateShape(encoder.width, teacher.width, teacher.pooled_width, int(w["inside"]), int(w["layers"]), int(w["heads"]))
    begun = open_student(start) if start is not None else None
    if begun is not None and (begun.width, begun.pooled_width) != (teacher.width, teacher.pooled_width):
        raise InputError(f"{start}: gives states of {begun.width} values, and the teacher's have {teacher.width}; begin without --start")
    head, encoder = (StateHead(shape), encoder) if begun is None else (begun.head, begun.encoder)
    kept, known = RememberingReader(teacher), KeptStates(encoder)

    def reads(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return padded(known.read(texts)[0])

    def teaches(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        made = kept.states(texts)
        return made.tokens, made.pooled

    if begun is None:
        some = [b for v in sources.values() for _, b in v][:: max(1, sum(map(len, sources.values())) // 256)]
        made = kept.states(some)
        head.measure(made.tokens, made.pooled)
    for name in ("align", "contrast"):
        if (part := stage(recipe, name)) is None:
            continue
        # A prompt of nothing is what guidance pulls away from, so it must be where the teacher has it.
        weights = {**part.sources, "empty": _EMPTY * sum(part.sources.get(k, 1.0) for k in sources)}
        stream = ParallelBatches({**sources, "empty": [("", "")]}, weights, part.batch, recipe.seed)
        contrast = w["contrast"] if name == "align" else max(w["contrast"], 1.0)

        settings = Distillation(w["tokens"], w["pooled"], contrast, recipe.temperature)
        fitted = training.fit(head, distilled(stream, reads, teaches, settings), stream, Schedule.of(recipe, part), folder + name)
        assert isinstance(fitted, StateHead)
        head = fitted
    return Student(encoder, head.eval(), teacher.version)


def autoencoder(data: Path, shown: DrawnSet) -> tuple[LatentCodec, Tensor]:
    """The tiny autoencoder, and the latents [2 n, 32, 8, 8] of pictures and then of their mirror images, of mean 0 and deviation 1."""
    encoder, decoder = tiny_autoencoder.encoder(data / "vae"), tiny_autoencoder.decoder(data / "vae")
    with torch.no_grad():
        pixels = torch.from_numpy(mirrored(shown.pixels)).permute(0, 3, 1, 2)
        latents = torch.cat([encoder(some.float() / 255) for some in pixels.split(32)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp(min=1e-3)
    return LatentCodec(encoder, decoder, mean, deviation), (latents - mean[:, None, None]) / deviation[:, None, None]


def decoded(recipe: Recipe, parts: LatentCodec, latents: Tensor, shown: DrawnSet, training: Training) -> LatentCodec:
    """The autoencoder with a decoder that has learned drawings: at 64 × 64 stars and hearts are of two or three pixels, and taef2, which
    learned large pictures, blurs them. Latents stay what they are. The same where the recipe has no steps for it."""
    part = stage(recipe, "decode")
    if part is None:
        return parts
    pixels = torch.from_numpy(mirrored(shown.pixels)).permute(0, 3, 1, 2)
    stream = LatentBatches(torch.arange(len(latents))[:, None], [["-"]] * len(latents), part.batch, empty=0.0, seed=recipe.seed + 2)
    mean, deviation = parts.mean[:, None, None], parts.deviation[:, None, None]

    def step(module: nn.Module, number: int) -> dict[str, Tensor]:
        rows = stream.next()[0][:, 0].long()
        made, wanted = module(latents[rows] * deviation + mean).float(), pixels[rows].float() / 255
        edges = sum((made.diff(dim=d) - wanted.diff(dim=d)).abs().mean() for d in (2, 3))
        return {"pixels": (made - wanted).abs().mean(), "edges": edges}

    schedule = replace(Schedule.of(recipe, part), ema=0.99, save_every=100, log_every=50)
    decoder = training.fit(parts.decoder.requires_grad_(True), step, stream, schedule, "decode")
    return replace(parts, decoder=decoder.eval().requires_grad_(False))


def mirrored(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Pictures [n, h, w, 3], and then their mirror images."""
    return np.concatenate([pixels, pixels[:, :, ::-1]])


def paint(recipe: Recipe, teacher: ClipTexts, latents: Tensor, shown: DrawnSet, training: Training) -> Painter | None:
    """The painter, on latent pictures and English prompts; None where the recipe has no steps for it."""
    part, w = stage(recipe, "paint"), recipe.weights
    if part is None:
        return None
    torch.manual_seed(recipe.seed)
    width = int(w["painter_width"])
    inside = (width, int(w["painter_layers"]), width // 32, int(w["painter_patch"]))
    shape = PainterShape(latents.shape[-1], latents.shape[1], teacher.width, teacher.pooled_width, *inside)
    ways = [[english for _, english in drawn_prompts.asked(p)] for p in shown.products] * (len(latents) // len(shown))
    stream = LatentBatches(latents, ways, part.batch, w["empty"], recipe.seed)
    kept = RememberingReader(teacher)

    def conditions(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        made = kept.states(texts)
        return made.tokens, made.pooled

    schedule = replace(Schedule.of(recipe, part), ema=0.999, save_every=200, log_every=50)
    fitted = training.fit(Painter(shape), painted(stream, conditions), stream, schedule, "paint")
    assert isinstance(fitted, Painter)
    fitted.eval()
    return fitted


def told(name: str, after: Mapping[str, Outcomes], before: Mapping[str, Outcomes]) -> list[str]:
    """Lines of a table: each figure of the student's and of the teacher's own reading, with the paired 95 % interval of the difference."""
    lines = [f"{name:36} {'student':>8}  {'teacher':>8}   difference [95 %]"]
    for key in after:
        apart = after[key] - before[key]
        low, high = bootstrap(apart)
        lines.append(f"  {key:34} {after[key].mean():8.3f}  {before[key].mean():8.3f}   {apart.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
    return lines


def compared(student: PromptReader, teacher: PromptReader, sets: Mapping[str, Sequence[Parallel]]) -> list[str]:
    """The table of each set of parallel prompts that has two or more."""
    return [
        line
        for name, pairs in sets.items()
        if len(pairs) > 1
        for line in told(f"{name} ({len(pairs)})", alignment(student, teacher, pairs), alignment(teacher, teacher, pairs))
    ]


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """All parts; the student goes to `work`/model, the teacher to `work`/english where it is made, the painter to `work`/painter."""
    alone(f"the recipe {recipe.name}")  # its parts hand states and whole batches on, each in one process
    training = Training(recipe, work, tell, watch)
    known = parallel.prompts(data)
    shown: DrawnSet | None = None
    if recipe.teacher:
        teacher = open_clip_texts(recipe.teacher)
    else:
        shown = drawn_prompts.drawn(work / "drawn", int(recipe.weights["pictures"]), recipe.seed, False, tell)
        teacher = taught(recipe, shown, training)
    student = aligned(recipe, teacher, known.train, training)
    student.save(work / "model")
    lines = compared(student, teacher, {"held-out combinations": known.held, "sentences": known.sentences})
    if shown is None or stage(recipe, "paint") is None:
        return lines
    parts, latents = autoencoder(data, shown)
    parts = decoded(recipe, parts, latents, shown, training)
    painter = paint(recipe, teacher, latents, shown, training)
    assert painter is not None
    english = (teacher.network, teacher.tokenizer)
    guidance = recipe.weights["guidance"]
    draws = drawn_prompts.things()
    write_painter(work / "painter", recipe.name, painter, parts, english, student.head, student.encoder.name, guidance, draws)
    size = sum(f.stat().st_size for f in (work / "painter").iterdir())
    return [
        *lines,
        f"painter: {sum(p.numel() for p in painter.parameters()) / 1e6:.2f} M parameters, {size / 1e6:.1f} MB in {work / 'painter'}",
    ]


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The student alone, on a user's own parallel texts; measured on those that were held out. Raises InputError without a teacher."""
    alone(f"the recipe {recipe.name}")
    if not recipe.teacher:
        raise InputError("own pairs came without a teacher; name the text model that they are to be read for: --teacher FOLDER")
    sides = [[(p.query.text or "", p.positive.text or "") for p in side] for side in (data.train, data.dev)]
    for line in data.said:
        training.tell(line)
    train, dev = ([p for p in side if all(p)] for side in sides)
    if len(train) < len(data.train):
        training.tell(f"{len(data.train) - len(train)} pairs have a picture on one side, and are left out; both sides are texts here")
    if len(train) < 2:
        raise InputError("no parallel texts came, expected pairs of a text (query) and its English (positive)")
    teacher = open_clip_texts(recipe.teacher)
    chosen = replace(recipe, stages=tuple(replace(s, sources={"own": 1.0}) for s in recipe.stages))
    student = aligned(chosen, teacher, {"own": train}, training, "run-", start)
    student.save(training.work / "model")
    return compared(student, teacher, {"held-out pairs": dev})


def projected(readers: Mapping[str, PromptReader], texts: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray[Any, Any]]:
    """Pooled vectors of each reader and language on the two main axes of the first reader's first texts, [n, 2] by "reader language"."""
    made = {f"{r} {lang}": reader.states(some).pooled for r, reader in readers.items() for lang, some in texts.items()}
    first = next(iter(made.values()))
    middle = first.mean(0)
    axes = torch.linalg.svd(first - middle, full_matrices=False).Vh[:2]
    return {name: ((v - middle) @ axes.T).numpy() for name, v in made.items()}
