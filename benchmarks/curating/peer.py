"""An interpreter with data-juicer goes in; the seconds that its operators take, in a process of their own, come out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from hannun.curate.text import profanity

#: The peer: reads commands on standard input, prints seconds and how many it kept. It runs in the peer's own environment.
PEER = r"""
import json, logging, sys, time
logging.disable(logging.CRITICAL)
real, sys.stdout = sys.stdout, sys.stderr
from loguru import logger
logger.remove()
from data_juicer.ops.filter.image_shape_filter import ImageShapeFilter
from data_juicer.ops.filter.image_aspect_ratio_filter import ImageAspectRatioFilter
from data_juicer.ops.deduplicator.image_deduplicator import ImageDeduplicator
from data_juicer.ops.filter.flagged_words_filter import FlaggedWordFilter
from data_juicer.ops.filter.special_characters_filter import SpecialCharactersFilter
from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
from data_juicer.ops.mapper.clean_email_mapper import CleanEmailMapper
from data_juicer.ops.mapper.clean_links_mapper import CleanLinksMapper
from data_juicer.ops.mapper.pii_redaction_mapper import PiiRedactionMapper
from data_juicer.utils.constant import Fields
given = json.load(open(sys.argv[1]))
shape = ImageShapeFilter(min_width=200, min_height=200, any_or_all="all")
ratio = ImageAspectRatioFilter(min_ratio=1 / 3, max_ratio=3.0, any_or_all="all")
dedup = ImageDeduplicator(method="phash")
flagged = FlaggedWordFilter(lang="ko", flagged_words_dir=given["words"], max_ratio=0.0)
signs, repeated = SpecialCharactersFilter(max_ratio=0.5), CharacterRepetitionFilter(rep_len=5, max_ratio=0.5)
mappers, redact = [CleanLinksMapper(), CleanEmailMapper()], PiiRedactionMapper()

def images():
    kept = 0
    for path in given["pictures"]:
        sample = {"text": "", "images": [path], Fields.stats: {}, Fields.context: {}}
        sample = shape.compute_stats_single(sample, context=True)
        if not shape.process_single(sample):
            continue
        many = {"images": [[path]], Fields.stats: [sample[Fields.stats]], Fields.context: [sample[Fields.context]]}
        many = ratio.compute_stats_batched(many, context=True)
        if list(ratio.process_batched(many))[0]:
            dedup.compute_hash(sample, context=True)
            kept += 1
    return kept

def texts(private=True):
    samples = {"text": list(given["texts"])}
    for op in mappers:
        samples = op.process_batched(samples)
    if private:
        samples["text"] = [redact.process_single({"text": t})["text"] for t in samples["text"]]
    samples[Fields.stats] = [{} for _ in samples["text"]]
    samples[Fields.context] = [{} for _ in samples["text"]]
    keep = [True] * len(samples["text"])
    for op in (repeated, signs, flagged):
        samples = op.compute_stats_batched(samples)
        keep = [a and b for a, b in zip(keep, op.process_batched(samples))]
    return sum(keep)

def bare():
    return texts(private=False)

for line in sys.stdin:
    started = time.process_time()
    try:
        kept = {"images": images, "texts": texts, "bare": bare}[line.strip()]()
        print(json.dumps([time.process_time() - started, kept]), file=real, flush=True)
    except Exception as e:
        import traceback

        print(json.dumps([0, traceback.format_exc()[-600:]]), file=real, flush=True)
"""


class Peer:
    """data-juicer in a process of its own; None where it was not given."""

    def __init__(self, python: Path, given: dict[str, object], folder: Path) -> None:
        (folder / "given.json").write_text(json.dumps(given, ensure_ascii=False), "utf-8")
        (folder / "peer.py").write_text(PEER, "utf-8")
        self.process = subprocess.Popen(
            [str(python), str(folder / "peer.py"), str(folder / "given.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )  # fmt: skip

    def __call__(self, what: str) -> tuple[float, int]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        seconds, kept = json.loads(self.process.stdout.readline() or '[0, "the peer died"]')
        if not seconds:
            raise SystemExit(f"data-juicer failed: {kept}")
        return seconds, kept

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def flagged_words(folder: Path) -> str:
    """Our list as data-juicer wants it."""
    place = folder / "words"
    place.mkdir(exist_ok=True)
    words = [e.word for e in profanity.entries()]
    (place / "flagged_words.json").write_text(json.dumps({"ko": words, "en": words}, ensure_ascii=False), "utf-8")
    return str(place)
