"""Texts and what they tell of (pictures, signals) go in; a vector of each, and how likely each text is told of it, come out: CoCa.

Contrastive captioner (Yu et al. 2022, arXiv:2205.01917). A token source sees; one attentional pooler makes `queries` tokens of what it
saw, a second one makes a single vector of these. The decoder is cut in half: its lower layers read the text alone, and the state of a
[CLS] that stands at the text's end is the text's vector; its upper layers look at the pooled tokens too and say the next word.

A text begins with two tokens that say what kind of text it is: its style, as Prompt-CoCa's [PROMPT], [QUERY] and [SHOPPING], and its
language. In training a pair's source says the style (`task`) and the text's own script the language; later the caller says both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.embeddings import Embeddings
from hannun.errors import InputError, neighbours
from hannun.hangul import hangul_ratio, normalise
from hannun.item import Item
from hannun.models.adapters import Role, Task
from hannun.models.captioner.layers import DecoderLayer, KeysAndValues, Pooler
from hannun.models.features import Features, Vectors, embeddings
from hannun.objectives import sigmoid
from hannun.objectives.caption import counted, said
from hannun.part import AnyPart

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

PAD, END, UNKNOWN_STYLE = "<pad>", "</s>", "[NONE]"
LANGUAGES = {"ko": "[KO]", "en": "[EN]"}
TOLD = 2  # tokens that a text begins with: its style, its language
PAIR = "pair"  # the role of rows that hold a text and what it tells of, to be contrasted and told
APART = "apart"  # the same, to be contrasted alone


class TokenSource(Protocol):
    """An nn.Module that sees one kind of part (`item.KINDS`): `collate` makes tensors [parts, …], `forward` tokens of these.

    Tokens are [parts, t, width] in the width of the source's own; the mask [parts, t] is True for those that may be read, one of them at
    least. `side` is the pixels of a picture's side; 0 for what has none. `path` is a file of frozen weights that belongs to it, or None.
    """

    kind: str
    side: int
    width: int
    path: Path | None

    def collate(self, parts: Sequence[Any]) -> dict[str, Tensor]: ...

    def __call__(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]: ...

    def remember(self, folder: Path) -> None:
        """Keep what frozen layers say in a folder, where there are some."""
        ...


@dataclass(frozen=True)
class CaptionerShape:
    """The numbers of a captioner; all of them are saved with it.

    `alone` layers read the text alone, `joint` ones look at what is seen; `inner` is the width inside them. `queries` tokens of the seen
    are made for captioning. `context` tokens of a text are read, the first two and the last among them. `styles` are the tokens of the
    styles by the name of their task, the first of them the one that is meant where none is named; with none every text begins with
    UNKNOWN_STYLE. `tied` 1 uses one matrix for words that are read and words that are said.
    """

    dim: int
    width: int
    heads: int
    inner: int
    alone: int
    joint: int
    queries: int = 256
    vocabulary: int = 64_000
    context: int = 64
    drop: float = 0.0
    tied: int = 0
    smoothing: float = 0.0
    styles: Mapping[str, str] = field(default_factory=dict)
    dims: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the checkpoint's own file."""
        return {**asdict(self), "styles": dict(self.styles)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> CaptionerShape:
        """The inverse of `to_json`."""
        return CaptionerShape(**{**data, "dims": tuple(data["dims"])})


#: The decoders of the paper (table 1): 297, 484 and 1,100 million parameters; their pictures' ViTs are in `models.backbones.vit`.
BASE = CaptionerShape(dim=768, width=768, heads=12, inner=3072, alone=12, joint=12)
LARGE = CaptionerShape(dim=1024, width=1024, heads=16, inner=4096, alone=12, joint=12)
HUGE = CaptionerShape(dim=1408, width=1408, heads=16, inner=5632, alone=18, joint=18)


def special_tokens(styles: Mapping[str, str]) -> list[str]:
    """The tokens that a captioner's tokenizer has beside its words: padding first, then the end, styles and languages."""
    return [PAD, END, UNKNOWN_STYLE, *styles.values(), *LANGUAGES.values()]


def language_of(text: str) -> str:
    """ "ko" for a text with Hangul in a tenth of its letters or more, "en" for any other."""
    return "ko" if hangul_ratio(text) >= 0.1 else "en"


@final
class Captioner(nn.Module):  # type: ignore[misc]
    """See the module's first lines. `source` is a `TokenSource`, `tokenizer` a transformers one with the `special_tokens`."""

    sees = True

    def __init__(self, source: Any, tokenizer: Any, shape: CaptionerShape) -> None:
        super().__init__()
        if shape.context <= TOLD + 1 or shape.alone < 1:
            raise InputError(f"context={shape.context} and alone={shape.alone} came, expected above {TOLD + 1} and at least one layer")
        self.source, self.tokenizer, self.shape = source, tokenizer, shape
        self.kinds: tuple[str, ...] = ("text", source.kind)
        width = shape.width
        self.words, self.place = nn.Embedding(shape.vocabulary, width), nn.Parameter(torch.randn(shape.context, width) * 0.01)
        self.whole = nn.Parameter(torch.randn(width) * 0.02)  # [CLS]: at the text's end, wherever that is
        self.lower = nn.ModuleList(DecoderLayer(width, shape.heads, shape.inner, shape.drop, False) for _ in range(shape.alone))
        self.upper = nn.ModuleList(DecoderLayer(width, shape.heads, shape.inner, shape.drop, True) for _ in range(shape.joint))
        self.apart, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.say = None if shape.tied else nn.Linear(width, shape.vocabulary, bias=False)
        self.many, self.one = Pooler(shape.queries, width, shape.heads, source.width), Pooler(1, width, shape.heads, width)
        self.text_out, self.seen_out = nn.Linear(width, shape.dim), nn.Linear(width, shape.dim)
        self.loose = nn.Dropout(shape.drop)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        self.bias = nn.Parameter(torch.tensor(sigmoid.START_BIAS))  # of SigLIP's loss alone
        for module in [self.words, *(m for m in self.modules() if isinstance(m, nn.Linear) and m is not self.say)]:
            nn.init.trunc_normal_(module.weight, std=0.02 if isinstance(module, nn.Embedding) else module.weight.shape[1] ** -0.5 * 0.7)
        self.ids = {} if tokenizer is None else {t: self._id(t) for t in special_tokens(shape.styles)}  # without one on the meta device

    def _id(self, token: str) -> int:
        found = self.tokenizer.convert_tokens_to_ids(token)
        if found is None or found == getattr(self.tokenizer, "unk_token_id", None):
            raise InputError(f"the tokenizer has no token {token!r}; make it with the captioner's special_tokens")
        return int(found)

    # ------------------------------------------------------------------------------------------------------- what it says of itself

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return self.shape.dim

    @property
    def dims(self) -> tuple[int, ...]:
        """The nested dimensions of its training, besides the full one."""
        return self.shape.dims

    @property
    def side(self) -> int:
        """Pixels of the side that its source looks at; 1 where it looks at no pictures."""
        return self.source.side or 1

    @property
    def token_dim(self) -> int:
        """0: one vector for each part."""
        return 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Its styles: the name of each stands for the token that texts begin with."""
        return tuple(Task(name, {}, {}) for name in self.shape.styles)

    @property
    def reads_pixels(self) -> bool:
        """Whether pictures may come decoded: what a frozen network says is kept by a picture's bytes."""
        return getattr(self.source, "path", None) is None

    def remember(self, folder: Path) -> None:
        """Keep what the source's frozen layers say in `folder`."""
        self.source.remember(folder)

    # -------------------------------------------------------------------------------------------------------------------- features

    def told(self, task: str, language: str) -> tuple[int, int]:
        """The two tokens that a text of this style and language begins with. Raises InputError for an unknown one, with its neighbours.

        "" is the style of a text of which none is known.
        """
        if task and task not in self.shape.styles:
            raise InputError(f"no style {task!r} in this model; {neighbours(task, [*self.shape.styles])}")
        if language not in LANGUAGES:
            raise InputError(f"language {language!r} came; {neighbours(language, [*LANGUAGES])}")
        return self.ids[self.shape.styles[task] if task else UNKNOWN_STYLE], self.ids[LANGUAGES[language]]

    def collate(self, items: Sequence[Item], role: Role | str, *, instruction: str | None = None, task: str = "") -> Features:
        """Features of items that hold texts, what the source sees, or both; `task` is the texts' style.

        `role` PAIR or APART makes rows for training, each with a text and one part of the source's kind. `instruction` changes nothing: a
        style is a token.
        """
        parts = [[p for p in it.parts if p.kind == self.source.kind] for it in items]
        return self._features([it.text or "" for it in items], parts, role, task)

    def _features(self, texts: Sequence[str], parts: Sequence[Sequence[AnyPart | Any]], role: str, task: str) -> Features:
        counts = tuple(map(len, parts))
        if role in (PAIR, APART) and (any(c != 1 for c in counts) or not all(texts)):
            raise InputError(
                f"a pair to learn from came with {[c for c in counts if c != 1][:1] or 'no'} {self.source.kind} or text, expected one each"
            )
        flat = [p for row in parts for p in row]
        return Features(
            {"worded": torch.tensor([bool(t) for t in texts]), **self.tokens(texts, task)}, counts, self._collated(flat), None, task, role
        )

    def _collated(self, flat: Sequence[Any]) -> dict[str, Tensor]:
        return dict(self.source.collate(flat)) if flat else {}

    def tokens(self, texts: Sequence[str], task: str = "") -> dict[str, Tensor]:
        """`input_ids` [n, t] and their mask `real` [n, t]: style, language, words, end; a text that is too long loses its last words."""
        room = self.shape.context - TOLD - 1
        clean = [normalise(t) for t in texts]
        words = self.tokenizer(clean, add_special_tokens=False, truncation=True, max_length=room)["input_ids"] if clean else []
        rows = [[*self.told(task, language_of(t)), *ids, self.ids[END]] for t, ids in zip(clean, words, strict=True)]
        longest = max(map(len, rows), default=TOLD + 1)
        ids = torch.full((len(rows), longest), self.ids[PAD])
        real = torch.zeros(len(rows), longest, dtype=torch.bool)
        for n, row in enumerate(rows):
            ids[n, : len(row)], real[n, : len(row)] = torch.tensor(row), True
        return {"input_ids": ids, "real": real}

    # --------------------------------------------------------------------------------------------------------------------- network

    def read(self, ids: Int[Tensor, "n t"], real: Bool[Tensor, "n t"]) -> tuple[Float[Tensor, "n t width"], Float[Tensor, "n dim"]]:
        """The lower half: states of the tokens, none of which sees what comes after it nor [CLS], and the texts' unit vectors, [CLS]'s."""
        n, t = ids.shape
        x = self.words(ids) + self.place[:t]
        x = self.loose(torch.cat([x, self.whole.to(x.dtype).expand(n, 1, -1)], dim=1))
        before = torch.ones(t + 1, t + 1, dtype=torch.bool, device=ids.device).tril()
        there = torch.cat([real.bool(), torch.ones(n, 1, dtype=torch.bool, device=ids.device)], dim=1)
        mask = (before & there[:, None, :])[:, None]
        mask = mask | torch.eye(t + 1, dtype=torch.bool, device=ids.device)  # a padding token looks at itself: no row is empty
        for layer in self.lower:
            x, _ = layer(x, mask)
        return x[:, :-1], normalize(self.text_out(self.apart(x[:, -1])).float(), dim=-1)

    def look(self, inputs: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n queries width"], Float[Tensor, "n dim"]]:
        """The pooled tokens of what is seen, for the upper half, and its unit vectors."""
        tokens, mask = self.source(inputs)
        seen = self.many(tokens, mask)
        return seen, normalize(self.seen_out(self.one(seen)[:, 0]).float(), dim=-1)

    def known(self, seen: Float[Tensor, "n queries width"]) -> list[KeysAndValues]:
        """Keys and values of what is seen, for each layer of the upper half."""
        return [layer.across.known(seen) for layer in self.upper]

    def scores(self, states: Float[Tensor, "*n width"]) -> Float[Tensor, "*n vocabulary"]:
        """Next-token scores of the upper half's states."""
        x = self.last(states)
        return nn.functional.linear(x, self.words.weight) if self.say is None else self.say(x)

    def tell(self, states: Float[Tensor, "n t width"], seen: Float[Tensor, "n queries width"]) -> Float[Tensor, "n t width"]:
        """The upper half over whole texts: states in which each token has seen what stands before it and what is told of."""
        mask = torch.ones(states.shape[1], states.shape[1], dtype=torch.bool, device=states.device).tril()[None, None]
        for layer, kept in zip(self.upper, self.known(seen), strict=True):
            states, _ = layer(states, mask, None, kept)
        return states

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim]: normalise the vectors of a row's text and of its parts, average, renormalise; one without the other is it alone.

        Of rows of the role PAIR or APART `dense` are the texts' vectors and `others` hold `seen` [n, dim]; of PAIR also, of each row,
        `caption` [n], −log p of its text summed over its tokens, and `count` [n], how many these are.
        """
        rows = features.rows
        if features.role in (PAIR, APART):
            return self._pairs(features)
        worded = rows["worded"]
        total = torch.zeros(len(features), self.shape.dim, device=self.log_scale.device)
        if bool(worded.any()):
            _, vectors = self.read(rows["input_ids"][worded], rows["real"][worded])
            total = total.index_put((worded.nonzero().squeeze(1),), vectors, accumulate=True)
        if features.pixels:
            _, vectors = self.look(features.pixels)
            owner = torch.repeat_interleave(torch.arange(len(features)), torch.tensor(features.pictures)).to(total.device)
            total = total + normalize(torch.zeros_like(total).index_put((owner,), vectors, accumulate=True), dim=-1)
        return Vectors(normalize(total, dim=-1))

    def _pairs(self, features: Features) -> Vectors:
        ids, real = features.rows["input_ids"], features.rows["real"].bool()
        states, texts = self.read(ids, real)
        seen, vectors = self.look(features.pixels)
        if features.role == APART:
            return Vectors(texts, others={"seen": vectors})
        places = counted(ids, real, TOLD)[:, 1:].nonzero()  # a token is said at the place before it
        at = self.tell(states, seen)[places[:, 0], places[:, 1]]
        sums, counts = said(self.scores(at), ids[places[:, 0], places[:, 1] + 1], places[:, 0], len(ids), self.shape.smoothing)
        return Vectors(texts, others={"seen": vectors, "caption": sums, "count": counts})

    def vectors(self, rows: Sequence[tuple[Any, ...]], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Vectors [n, dim] of rows of texts and of decoded pictures (or other parts of the source's kind)."""
        texts = ["\n".join(p for p in row if isinstance(p, str)) for row in rows]
        parts = [[p for p in row if not isinstance(p, str)] for row in rows]
        with torch.inference_mode():
            return embeddings(self(self._features(texts, parts, role, task).to(self.log_scale.device)))
