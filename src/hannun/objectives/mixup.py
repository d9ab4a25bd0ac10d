"""A student's and a teacher's vectors of pairs go in, read alone, mixed or in the light of each other; OneR's contrastive losses come out.

OneR (Jang et al. 2023, arXiv:2211.11153) trains one Transformer F on pictures I and texts T. ctr(a, b) is MoCo v3's loss (Chen et al. 2021,
arXiv:2104.02057, algorithm 1): InfoNCE of the student's a against the teacher's b, times 2τ. Everything is symmetric:
⟨a, b⟩ = ctr(a, b) + ctr(b, a).

    ITC   ⟨F(I|I), F(T|T)⟩                                       image–text contrast
    XMC   ½ ⟨M, F(I|I)⟩ + ½ ⟨M, F(T|T)⟩, M = λ F(I|I) + (1−λ) F(T|T)   cross-modal mixup contrast
    CIC   ½ ⟨F(I|T), F(I|I)⟩ + ½ ⟨F(T|I), F(T|T)⟩                  contextual invariance contrast
    CMC   ½ ⟨F(I,T|I,T), F(I|I)⟩ + ½ ⟨F(I,T|I,T), F(T|T)⟩          contextual mixup contrast

"ITC with two heads" is ITC over projectors and predictors of each kind's own. The ½ are ours: each loss counts as much as ITC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor
from torch.nn.functional import normalize

from hannun.objectives.infonce import infonce

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class TaughtViews(NamedTuple):
    """Unit rows of the same n things: `asked` [n, d] by the student behind its predictor, `known` [n, d] by the teacher."""

    asked: Float[Tensor, "n d"]
    known: Float[Tensor, "n d"]


def ctr(
    asked: Float[Tensor, "n d"], known: Float[Tensor, "n d"], temperature: float, ignore: Bool[Tensor, "n n"] | None = None
) -> Float[Tensor, ""]:
    """2τ · the mean cross-entropy of finding known i for asked i; scalar. No gradient goes to what is known.

    `ignore` is True where a key answers a query although it is not its own. Raises ValueError when the shapes do not fit.
    """
    if asked.shape != known.shape:
        raise ValueError(f"asked {tuple(asked.shape)} and known {tuple(known.shape)} came, expected rows of the same things")
    return 2 * temperature * infonce(asked, known.detach(), 1 / temperature, ignore=ignore, symmetric=False)


def symmetric(a: TaughtViews, b: TaughtViews, temperature: float, ignore: Bool[Tensor, "n n"] | None = None) -> Float[Tensor, ""]:
    """⟨a, b⟩."""
    return ctr(a.asked, b.known, temperature, ignore) + ctr(b.asked, a.known, temperature, ignore)


def itc(image: TaughtViews, text: TaughtViews, temperature: float, ignore: Bool[Tensor, "n n"] | None = None) -> Float[Tensor, ""]:
    """Image–text contrast: ⟨F(I|I), F(T|T)⟩."""
    return symmetric(image, text, temperature, ignore)


def mixed(image: TaughtViews, text: TaughtViews, share: Float[Tensor, " n"]) -> TaughtViews:
    """M: pictures and texts of the same pairs mixed by `share` [n] of the picture, 0 … 1 (Zhang et al. 2018), unit rows again."""
    part = share[:, None]
    return TaughtViews(*(normalize(part * a + (1 - part) * b, dim=-1) for a, b in zip(image, text, strict=True)))


def xmc(
    image: TaughtViews, text: TaughtViews, share: Float[Tensor, " n"], temperature: float, ignore: Bool[Tensor, "n n"] | None = None
) -> Float[Tensor, ""]:
    """Cross-modal mixup contrast: the mixture is a view of the pair like its picture and its text."""
    m = mixed(image, text, share)
    return (symmetric(m, image, temperature, ignore) + symmetric(m, text, temperature, ignore)) / 2


def cic(
    image: TaughtViews,
    text: TaughtViews,
    image_by_text: TaughtViews,
    text_by_image: TaughtViews,
    temperature: float,
    ignore: Bool[Tensor, "n n"] | None = None,
) -> Float[Tensor, ""]:
    """Contextual invariance contrast: a thing is the same whatever context its queries look at."""
    return (symmetric(image_by_text, image, temperature, ignore) + symmetric(text_by_image, text, temperature, ignore)) / 2


def cmc(
    image: TaughtViews, text: TaughtViews, both: TaughtViews, temperature: float, ignore: Bool[Tensor, "n n"] | None = None
) -> Float[Tensor, ""]:
    """Contextual mixup contrast: both as one sequence is a view of the pair like its picture and its text."""
    return (symmetric(both, image, temperature, ignore) + symmetric(both, text, temperature, ignore)) / 2
