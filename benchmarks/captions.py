"""What prompt_coca's tiny size says of pictures, beside the most similar training caption; its tokens, losses and kept keys, each alone.

    python benchmarks/captions.py --data ../shared/data [--work build/captions] [--only PART…]

Parts: captions, styles, zero_shot, retrieval, speed, embedded, ablation.

`--work` is the folder of `hannun train prompt_coca --to …`; it is trained where it is not there. Photos of Flickr8k's test (English, five
references) and the 198 that are held out with Korean captions; styles on held-out photos, products and emoji. Brackets are 95 % bootstrap
intervals over pictures; differences are paired. Seeds: 0. The ablation is of short runs of equal steps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("captions", "styles", "zero_shot", "retrieval", "speed", "embedded", "ablation")
STEPS = 150  # of each short run
MOST = 200  # pictures of each set in the table of styles
SHOWN = 4  # texts that are printed


def opened(data: Path, work: Path) -> Any:
    """The trained captioner, its eyes' values kept in `work`; trained first where it is not there."""
    from hannun.models.checkpoint import open_model
    from hannun.recipes import prompt_coca as recipe

    if not (work / "model").exists():
        for line in recipe.run(recipe.TINY, data, work, said):
            print(line, flush=True)
    model = open_model(work / "model")
    model.remember(work / "states")
    return model


def captions(data: Path, work: Path) -> None:
    """CIDEr-D, BLEU-4 and BERTScore of greedy and of beamed captions beside the nearest training caption's, in both languages."""
    from hannun import metrics
    from hannun.continuation import Manner
    from hannun.models.captioner import speaking
    from hannun.recipes import prompt_coca as recipe
    from hannun.recipes.data import pairs, told

    model, made = opened(data, work), told.by_style(data)
    for lang, split in (("en", "test"), ("ko", "ko")):
        photos = pairs.photos(data, split)
        references = [told.captions_of(p, "en") if lang == "en" else [told.sentence(t) for t in p.facts["captions_ko"]] for p in photos]
        texts = {
            name: [c[0][0] for c in speaking.captions(model, [p.image for p in photos], told.CAPTION, lang, manner)]
            for name, manner in (("greedy", Manner()), ("4 beams", Manner(beams=4)))
        }
        texts["nearest caption"] = nearest(
            [p.query.text or "" for p in made[f"{told.CAPTION}_{lang}"]], photos, work / f"nearest-{lang}.json"
        )
        right = [recipe.words(r, lang) for r in references]
        near = metrics.cider_d(recipe.words(texts["nearest caption"], lang), right)
        print(f"\n{lang}: {len(photos)} photos, {sum(map(len, references))} references")
        for name, group in texts.items():
            split_up = recipe.words(group, lang)
            cider = metrics.cider_d(split_up, right)
            alike = bert(group, references)
            low, high = metrics.bootstrap(cider)
            line = f"{name:16} CIDEr-D {cider.mean():.3f} [{low:.3f}, {high:.3f}]  BLEU-4 {metrics.bleu(split_up, right):.3f}"
            line += f"  BERTScore F1, e5's tokens {alike.mean():.3f}  different texts {len(set(group))}"
            if name != "nearest caption":
                lead = metrics.paired(cider, near, rounds=1000, swaps=1)
                line += f"  CIDEr-D over the nearest {lead[0]:+.3f} [{lead[1]:+.3f}, {lead[2]:+.3f}]"
            print(line, flush=True)
        if lang == "ko":
            for kind, known in (("object", OBJECTS), ("colour", COLOURS)):
                for name, group in texts.items():
                    print(f"{kind} words of the references said, {name}: {found_words(group, references, known)}")
        for p, *each in list(zip(photos, *texts.values(), strict=True))[:SHOWN]:
            print(f"  {p.key}: " + " | ".join(each))


def nearest(captions: list[str], photos: Sequence[Any], kept: Path) -> list[str]:
    """The most similar training caption of each photo, by mini's vectors; kept in a file, since it takes longer than all else here."""
    from hannun.recipes import prompt_coca as recipe

    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(recipe.nearest(captions, photos), ensure_ascii=False), "utf-8")
    found: list[str] = json.loads(kept.read_text("utf-8"))
    return found


OBJECTS = ("남자", "여자", "소년", "소녀", "아이", "아기", "개", "고양이", "말", "공", "자전거", "물", "눈", "잔디", "해변", "거리", "산")
COLOURS = ("빨간", "파란", "노란", "초록", "검은", "하얀", "흰", "갈색", "주황", "분홍", "보라", "회색")
#: What Kiwi makes of colours that are verbs.
STEMS = {"빨간": "빨갛", "파란": "파랗", "노란": "노랗", "하얀": "하얗", "검은": "검", "흰": "희"}


def found_words(texts: Sequence[str], references: Sequence[Sequence[str]], known: Sequence[str]) -> str:
    """Of these words those that a reference has, how many its picture's text has too; and of those said how many a reference has."""
    from hannun.recipes.data import told

    both = [({w for w in told.morphemes(t)}, {w for r in rs for w in told.morphemes(r)}) for t, rs in zip(texts, references, strict=True)]
    stems = {w: {w, STEMS.get(w, w)} for w in known}
    hit = sum(bool(s & mine) and bool(s & right) for mine, right in both for s in stems.values())
    asked, said_ = (sum(bool(s & side[n]) for side in both for s in stems.values()) for n in (1, 0))
    return f"{hit} of {asked} ({hit / max(1, asked):.3f}); of those said {hit / max(1, said_):.3f} are right"


def bert(texts: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
    """BERTScore's F1 of each text with its best reference, on the last states of multilingual-e5-small (mini's text network)."""
    from hannun import metrics

    flat = [r for rs in references for r in rs]
    owner = [n for n, rs in enumerate(references) for _ in rs]
    vectors = states([*texts, *flat])
    f1 = metrics.bert_score([vectors[n] for n in owner], vectors[len(texts) :])[:, 2]
    best = np.zeros(len(texts))
    np.maximum.at(best, owner, f1)
    return best


def states(texts: Sequence[str]) -> list[Any]:
    """Token vectors [t, 384] of each text."""
    import torch

    from hannun.mini.model import HERE
    from hannun.models.backbones import e5

    network, words = e5.model(HERE), e5.tokenizer(HERE)
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    out: list[Any] = [None] * len(texts)
    for at in range(0, len(order), 64):
        rows = order[at : at + 64]
        batch = words([texts[n] or "." for n in rows], padding=True, return_tensors="pt")
        with torch.inference_mode():
            hidden = network(**batch).last_hidden_state.float().numpy()
        for n, states_, mask in zip(rows, hidden, batch["attention_mask"].numpy(), strict=True):
            out[n] = states_[mask.astype(bool)][1:-1]
    return out


def held_out(data: Path) -> dict[str, list[Any]]:
    """Pictures that no style was trained on: photos, products, emoji."""
    from hannun.datasets import pictures
    from hannun.recipes import table

    return {
        "photos": pictures.flickr8k_test(data)[:MOST],
        "products": pictures.fashion(data, "test")[:MOST],
        "emoji": table.emoji_test(data)[:MOST],
    }


class Judge:
    """Which style a text is of, by letters: a logistic regression on the sequences of 1 … 4 characters, learned from training texts."""

    def __init__(self, made: dict[str, Any]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        from hannun.datasets.split import share
        from hannun.recipes.data import told

        rows = [(p.query.text, told.style_of(name), share(p.positive.id) < 20) for name, v in made.items() for p in v]
        rows = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
        kept, held = ([r for r in rows if r[2] == out] for out in (False, True))
        self.model = make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, max_features=50_000),
            LogisticRegression(max_iter=300, class_weight="balanced"),
        )
        self.model.fit([r[0] for r in kept[:20_000]], [r[1] for r in kept[:20_000]])
        self.sure = float(np.mean(self.model.predict([r[0] for r in held[:5000]]) == np.array([r[1] for r in held[:5000]])))

    def right(self, texts: Sequence[str], style: str) -> Any:
        """1 for each text of that style, 0 for any other."""
        return (self.model.predict([t or " " for t in texts]) == style).astype(float)


#: The styles that each kind of picture was trained with.
TRAINED = {"photos": ("caption", "query"), "products": ("caption", "query", "product"), "emoji": ("caption", "query")}


def styles(data: Path, work: Path) -> None:
    """Of generated texts how many are of the style that was asked for: with its token, with another one's, and with none."""
    from hannun import metrics
    from hannun.continuation import Manner
    from hannun.models.captioner import speaking
    from hannun.recipes.data import told

    model, judge = opened(data, work), Judge(told.by_style(data))
    print(f"\nstyles, by a classifier that is right about {judge.sure:.3f} of held-out people's texts; on held-out pictures")
    all_right: dict[str, list[Any]] = {"on": [], "wrong": [], "off": []}
    for kind, group in held_out(data).items():
        images = [p.image for p in group]
        for lang in ("ko", "en"):
            texts = {s: [c[0][0] for c in speaking.captions(model, images, s, lang, Manner(beams=2))] for s in TRAINED[kind]}
            texts[""] = [c[0][0] for c in speaking.captions(model, images, "", lang, Manner(beams=2))]
            for style in TRAINED[kind]:
                other = TRAINED[kind][(TRAINED[kind].index(style) + 1) % len(TRAINED[kind])]
                rows = {"on": texts[style], "wrong": texts[other], "off": texts[""]}
                got = {name: judge.right(t, style) for name, t in rows.items()}
                for name, values in got.items():
                    all_right[name].append(values)
                print(
                    f"{kind:9} {lang} {style:8} " + "  ".join(f"{n} {v.mean():.3f}" for n, v in got.items()) + f"   {rows['on'][:3]}",
                    flush=True,
                )
    for name, values in all_right.items():
        every = np.concatenate(values)
        low, high = metrics.bootstrap(every)
        print(f"all, token {name:6} {every.mean():.3f} [{low:.3f}, {high:.3f}] of {len(every)} texts")


def zero_shot(data: Path, work: Path) -> None:
    """Fashion's article types by prompts in each style, the style's token on (query), wrong (caption, product) and off; mini beside it."""
    from hannun import load
    from hannun.recipes import table

    model = opened(data, work)
    print("\nzero-shot: article type of 1,000 products among the types of the test, by names in each language")
    print(
        typed(data, {**{s: table.of_model(model, s) for s in ("query", "caption", "product", "")}, "mini": table.of_encoder(load("mini"))})
    )


def typed(data: Path, embeds: dict[str, Any]) -> str:
    """A line for each language: accuracy by way to embed, and the lead of the first over the second."""
    from hannun.datasets import pictures, sentences
    from hannun.recipes import table
    from hannun.recipes.data.pairs import worded

    group = pictures.fashion(data, "test")
    words = sentences.table("fashion_words.json")["types"]
    kinds = sorted({p.facts["articleType"] for p in group})
    answers = [kinds.index(p.facts["articleType"]) for p in group]
    lines = []
    for lang in ("ko", "en"):
        columns = {}
        for name, embed in embeds.items():
            asked = embed([worded(k, words[k][lang][0]) for k in kinds], "query")
            columns[name] = table.found(embed([p.item for p in group], "document") @ asked.T, answers, 1)
        shown = "  ".join(f"{n or 'off'} {v.mean():.3f}" for n, v in columns.items())
        first, second = list(columns.values())[:2]
        over = " over ".join([*columns][:2])
        lines.append(f"{lang}, {len(kinds)} types: {shown}   {over}: {table.lead(first, second)}")
    return "\n".join(lines)


def retrieval(data: Path, work: Path) -> None:
    """Flickr8k in both languages and directions, the token on (caption), wrong (query) and off; mini beside it."""
    from hannun import load
    from hannun.recipes import table

    model, photos = opened(data, work), table.Photos.read(data)
    columns = {"caption": table.of_model(model, "caption"), "query": table.of_model(model, "query"), "off": table.of_model(model)}
    figures = {name: photos.measure(embed) for name, embed in {**columns, "mini": table.of_encoder(load("mini"))}.items()}
    print(f"\nretrieval {'':19} " + "  ".join(f"{n:>8}" for n in figures) + "   caption over query [95 %]")
    for name in figures["caption"]:
        print(table.line(name, [f[name] for f in figures.values()]), flush=True)


def speed(data: Path, work: Path) -> None:
    """Tokens a second with keys and values kept and without, for the same texts, and onnxruntime's int8 beside torch."""
    import torch

    from hannun.continuation import Manner, utterances
    from hannun.models.captioner import speaking
    from hannun.models.captioner.network import END
    from hannun.recipes.data import pairs

    model = opened(data, work).eval()
    images = [p.image for p in pairs.photos(data, "test")[:32]]
    with torch.inference_mode():
        seen, _ = model.look(model.source.collate(images))
    told, end = model.told("caption", "en"), model.ids[END]
    print("\ngeneration of 32 photos' captions, one thread")
    for manner in (Manner(), Manner(beams=4)):
        rates = {}
        for name, kind in (("kept", speaking.KeptSpeaker), ("anew", speaking.ForgettingSpeaker)):
            best, made = np.inf, []
            for _ in range(3):
                began = time.perf_counter()
                made = utterances(kind(model, seen, told), end, manner)
                best = min(best, time.perf_counter() - began)
            rates[name] = sum(len(u.tokens) + 1 for each in made for u in each[:1]) / best
            rates[f"{name} texts"] = [each[0].tokens for each in made]
        same = np.mean([a == b for a, b in zip(rates.pop("kept texts"), rates.pop("anew texts"), strict=True)])
        ratio = rates["kept"] / rates["anew"]
        print(
            f"beams {manner.beams}: kept {rates['kept']:.0f} tokens/s, anew {rates['anew']:.0f}: {ratio:.1f} ×; same texts {same:.3f}",
            flush=True,
        )


def embedded(data: Path, work: Path) -> None:
    """The captioner in the package (int8, onnxruntime) beside the network it was exported from: CIDEr-D of 300 photos, and its time."""
    from hannun import load, metrics
    from hannun.continuation import Manner
    from hannun.models.captioner import speaking
    from hannun.recipes import prompt_coca as recipe
    from hannun.recipes import table
    from hannun.recipes.data import pairs, told

    model, mini = opened(data, work), load("mini")
    photos = pairs.photos(data, "test")[:300]
    images = [p.image for p in photos]
    right = [recipe.words(told.captions_of(p, "en"), "en") for p in photos]
    began = time.perf_counter()
    mine = [c[0].text for c in mini.caption(images, "caption", "en", Manner(beams=4))]
    took = (time.perf_counter() - began) / len(images)
    theirs = [c[0][0] for c in speaking.captions(model, images, "caption", "en", Manner(beams=4))]
    scores = [metrics.cider_d(recipe.words(t, "en"), right) for t in (mine, theirs)]
    print("\n" + table.line("CIDEr-D, int8 | network", scores) + f"   {took * 1000:.0f} ms a picture, decoding and 4 beams included")


def ablation(data: Path, work: Path) -> None:
    """Short runs of equal steps: contrast alone, captions alone, both; and both without the style's token on the same mixed sources."""
    from hannun import metrics
    from hannun.continuation import Manner
    from hannun.models.captioner import speaking
    from hannun.recipes import prompt_coca as recipe
    from hannun.recipes import table
    from hannun.recipes.data import pairs, told
    from hannun.recipes.skeleton import Training
    from hannun.train.batches import Mixture

    made = told.by_style(data)
    short = replace(recipe.TINY, steps=STEPS, stages=(), ema=0.98)
    photos, held = pairs.photos(data, "test")[:300], table.Photos.read(data)
    right = [recipe.words(told.captions_of(p, "en"), "en") for p in photos]
    judge = Judge(made)
    kept: dict[str, dict[str, Any]] = {}
    runs = {"both": {}, "contrast": {"caption": 0.0}, "captions": {"contrast": 0.0}, "no token": {}}
    for name, weights in runs.items():
        chosen = replace(short, weights={**short.weights, **weights})
        training = Training(chosen, work / "ablation" / name.replace(" ", "_"), said)
        model = recipe.begin(chosen, made, work)
        batches = recipe.mixture(chosen, made)
        if name == "no token":  # every text begins alike
            sources = [replace(source, task="") for source in batches.sources.values()]
            batches = Mixture(sources, chosen.batch, seed=chosen.seed, temperature=chosen.source_temperature)
        recipe.fit(model, batches, training)
        style = "" if name == "no token" else "caption"
        out: dict[str, Any] = {}
        if name != "captions":
            out |= held.measure(table.of_model(model, style))
        if name != "contrast":
            texts = [c[0][0] for c in speaking.captions(model, [p.image for p in photos], style, "en", Manner())]
            out["CIDEr-D en, 300 photos"] = metrics.cider_d(recipe.words(texts, "en"), right)
            out["of the style caption, photos"] = judge.right(texts, "caption")
            goods = [p.image for p in held_out(data)["products"]]
            names = [c[0][0] for c in speaking.captions(model, goods, "" if style == "" else "product", "en", Manner())]
            out["of the style product, products"] = judge.right(names, "product")
        kept[name] = out
        print(f"  {name}: " + ", ".join(f"{k} {table.figure(v):.3f}" for k, v in out.items()), flush=True)
    print(f"\nablation: {STEPS} steps each of {short.batch} pairs")
    for other in ("contrast", "captions", "no token"):
        for k in kept["both"]:
            if k in kept[other]:
                print(f"both over {other:9} {table.line(k, [kept['both'][k], kept[other][k]])}", flush=True)


def said(line: str) -> None:
    """Progress goes with the figures."""
    print(f"  … {line}", flush=True)


def main() -> None:
    """Run the parts named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/captions"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    measured: dict[str, Callable[[Path, Path], None]] = {
        "captions": captions, "styles": styles, "zero_shot": zero_shot, "retrieval": retrieval, "speed": speed, "embedded": embedded,
        "ablation": ablation,
    }  # fmt: skip
    for part in given.only:
        began = time.monotonic()
        measured[part](given.data, given.work)
        print(f"  ({part}: {(time.monotonic() - began) / 60:.1f} minutes)", flush=True)


if __name__ == "__main__":
    main()
