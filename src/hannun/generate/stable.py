"""A local folder of Stable Diffusion goes in; a Generator over diffusers' pipelines comes out (needs the `[imagine]` extra).

Prompts are read by the folder's own text model, or by a student that was distilled into it (`hannun train korean_diffusion`): the pipeline
is handed the states either way, so whatever reads them, all else is the same. A folder that brings a safety checker keeps it.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import PIL.Image
import torch

from hannun.errors import HannunError, InputError, MissingError
from hannun.generate.generator import GUIDANCE, DrawnPicture, DrawSettings, Told, checked_side, chosen
from hannun.models.saving import quiet
from hannun.prompts.clip import ClipTexts, version_of
from hannun.prompts.states import PromptReader, PromptStates
from hannun.prompts.student import open_student

INDEX = "model_index.json"
CLASSES = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
_BLANKED = "blanked by the model's own safety checker"


def _ddim(config: Any) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler.from_config(config)


def _dpm(config: Any) -> Any:
    from diffusers import DPMSolverMultistepScheduler

    # final_sigmas_type: some folders' configurations set "sigma_min", which dpmsolver++ takes too; "zero" ends without noise.
    return DPMSolverMultistepScheduler.from_config(config, algorithm_type="dpmsolver++", final_sigmas_type="zero")


def _lcm(config: Any) -> Any:
    from diffusers import LCMScheduler

    return LCMScheduler.from_config(config)


#: DDIM (Song et al. 2021), DPM-Solver++ (Lu et al. 2022), LCM (Luo et al. 2023; for models that were distilled for it).
SCHEDULERS: dict[str, Callable[[Any], Any]] = {"ddim": _ddim, "dpm": _dpm, "lcm": _lcm}


@final
class StableDiffusion:
    """A pipeline of the Stable Diffusion class. `lean` takes little memory and more time: attention in slices, parts on the CPU."""

    def __init__(self, pipeline: Any, reader: PromptReader, version: str, lean: bool = False) -> None:
        self.name, self.version = version.partition("@")[0], version
        self._pipeline, self._reader, self._lean = pipeline, reader, lean
        if reader.width != (wanted := int(pipeline.unet.config.cross_attention_dim)):
            raise InputError(
                f"{reader.version}: gives states of {reader.width} values, and {self.name} is conditioned on {wanted}; distil its own model"
            )
        pipeline.set_progress_bar_config(disable=True)
        if lean:
            self._slice()

    @property
    def sides(self) -> tuple[int, int]:
        """What its UNet was trained at."""
        side = int(self._pipeline.unet.config.sample_size) * int(self._pipeline.vae_scale_factor)
        return side, side

    @property
    def schedulers(self) -> tuple[str, ...]:
        """DDIM first."""
        return tuple(SCHEDULERS)

    @property
    def guidance(self) -> float:
        """Stable Diffusion's usual one."""
        return GUIDANCE

    def generate(
        self,
        texts: Sequence[str],
        seed: int,
        settings: DrawSettings,
        start: PIL.Image.Image | None = None,
        told: Told = lambda done, of: None,
    ) -> list[DrawnPicture]:
        """A picture for each text. Out of memory, it tries once more one at a time with sliced attention; then it raises HannunError."""
        scheduler = SCHEDULERS[chosen("the scheduler", settings.scheduler, self.schedulers)]
        self._pipeline.scheduler = scheduler(self._pipeline.scheduler.config)
        words, against = self._reader.states(list(texts)), self._reader.states([settings.negative])
        size = settings.together or len(texts)
        try:
            return self._drawn(texts, seed, settings, start, told, (words, against), 1 if self._lean else size)
        except (MemoryError, RuntimeError) as e:
            if not _out_of_memory(e):
                raise
        self._slice()
        try:
            return self._drawn(texts, seed, settings, start, told, (words, against), 1)
        except (MemoryError, RuntimeError) as e:
            if not _out_of_memory(e):
                raise
            width, height = self._size(settings, start)
            raise HannunError(
                f"out of memory at {width} × {height} pixels, one picture at a time; ask for a smaller one, or close other programs"
            ) from None

    def _drawn(
        self,
        texts: Sequence[str],
        seed: int,
        settings: DrawSettings,
        start: PIL.Image.Image | None,
        told: Told,
        states: tuple[PromptStates, PromptStates],
        size: int,
    ) -> list[DrawnPicture]:
        width, height = self._size(settings, start)
        words, against = states
        batches = [list(range(n, min(n + size, len(texts)))) for n in range(0, len(texts), size)]
        made: list[DrawnPicture] = []
        for done, rows in enumerate(batches):
            pipeline = self._pipeline
            more: dict[str, Any] = {"width": width, "height": height}
            if start is not None:
                pipeline = self._changing()
                more = {"image": [start.resize((width, height), PIL.Image.Resampling.LANCZOS)] * len(rows), "strength": settings.strength}

            def stepped(pipe: Any, step: int, time: Any, kept: dict[str, Any], done: int = done) -> dict[str, Any]:
                of = max(1, int(pipe.num_timesteps))
                told(done * of + step + 1, of * len(batches))
                return kept

            out = pipeline(
                prompt_embeds=words.tokens[rows].to(self._pipeline.device, self._pipeline.unet.dtype),
                negative_prompt_embeds=against.tokens.expand(len(rows), -1, -1).to(self._pipeline.device, self._pipeline.unet.dtype),
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                generator=[torch.Generator("cpu").manual_seed(seed + n) for n in rows],
                output_type="pil",
                callback_on_step_end=stepped,
                **more,
            )
            flagged = out.nsfw_content_detected or [False] * len(rows)
            for n, picture, unsafe in zip(rows, out.images, flagged, strict=True):
                notes = [note for note in (words.cut[n], _BLANKED if unsafe else "") if note]
                made.append(DrawnPicture(picture.convert("RGB"), texts[n], seed + n, tuple(notes)))
        return made

    def _size(self, settings: DrawSettings, start: PIL.Image.Image | None) -> tuple[int, int]:
        """Width and height: as given, or as the picture that is changed has them (the nearest ones that can be made), or its own."""
        if start is None or settings.width or settings.height:
            return settings.width or self.sides[0], settings.height or self.sides[1]
        scale = min(1.0, (self.sides[0] * self.sides[1] / (start.width * start.height)) ** 0.5)
        width, height = (max(8, round(s * scale / 8) * 8) for s in start.size)
        for name, side in (("width", width), ("height", height)):
            checked_side(name, side)
        return width, height

    def _changing(self) -> Any:
        """The same parts as a pipeline that begins at a picture."""
        from diffusers import StableDiffusionImg2ImgPipeline

        pipeline = StableDiffusionImg2ImgPipeline(**self._pipeline.components, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _slice(self) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._pipeline.enable_attention_slicing()
        for part in ("enable_slicing", "enable_tiling"):
            if hasattr(self._pipeline.vae, part):
                getattr(self._pipeline.vae, part)()


@contextmanager
def _still() -> Iterator[None]:
    """diffusers without its progress bars and advice."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.enable_progress_bar()
        logging.set_verbosity(before)


def _out_of_memory(e: BaseException) -> bool:
    said = str(e).lower()
    return (
        isinstance(e, MemoryError | torch.OutOfMemoryError)
        or "out of memory" in said
        or "not enough memory" in said
        or "can't allocate" in said
    )


def open_stable(folder: Path, text: Path | None = None, lean: bool = False) -> StableDiffusion:
    """The generator of a folder; `text` is the folder of a student that reads its prompts. Raises MissingError, InputError."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
        kind = str(index.get("_class_name"))
    except (OSError, ValueError, AttributeError):
        raise MissingError(
            f"{folder / INDEX}: cannot be read; give the folder of a Stable Diffusion model, as diffusers saves it"
        ) from None
    if kind not in CLASSES:
        raise InputError(
            f"{folder}: is a {kind}, expected {CLASSES[0]}; other classes are conditioned on other states than 77 of one text model"
        )
    from diffusers import StableDiffusionPipeline

    here = torch.cuda.is_available()
    # A folder that was saved without a checker says so by [null, null]; it is opened as it is.
    bare = {"safety_checker": None, "requires_safety_checker": False} if (index.get("safety_checker") or [None])[0] is None else {}
    try:
        with quiet(), _still():
            pipeline = StableDiffusionPipeline.from_pretrained(
                str(folder), dtype=torch.float16 if here else torch.float32, local_files_only=True, **bare
            )
    except Exception as e:  # diffusers raises anything for half a folder
        said = " ".join(str(e).split())[:200]
        raise InputError(f"{folder}: cannot be opened as Stable Diffusion ({said}); copy it again") from None
    if here and lean:
        pipeline.enable_model_cpu_offload()
    elif here:
        pipeline.to("cuda")
    version = version_of(folder)
    reader: PromptReader = ClipTexts(pipeline.text_encoder, pipeline.tokenizer, version)
    if text is not None:
        reader = open_student(text)
        version = f"{version}+{reader.version}"
    return StableDiffusion(pipeline, reader, version, lean)
