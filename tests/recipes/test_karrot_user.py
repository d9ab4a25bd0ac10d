"""karrot_user as a recipe: whose its numbers are, that it learns content where ids are unknown, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.embeddings import unit
from hannun.errors import DependencyError, InputError
from hannun.recipes import karrot_user
from hannun.recipes.karrot_user import TINY, UserData, build, fitted, judging
from hannun.recipes.skeleton import Training
from hannun.sources.logs import BehaviourLog, of_columns
from hannun.train.own import OwnData
from hannun.users.ranking import left_out
from hannun.users.windows import LogWindows, windows


def topics() -> tuple[BehaviourLog, np.ndarray]:
    """Users that keep to one of four topics, which the items' content vectors tell."""
    rng = np.random.default_rng(0)
    rows = [(f"u{u}", f"{u % 4}-{rng.integers(6)}", n + 1) for u in range(60) for n in range(8)]
    log = of_columns(*map(list, zip(*rows, strict=True)), until=1e9)  # type: ignore[arg-type]
    centres = unit(rng.normal(size=(4, 12)))
    return log, unit(np.stack([centres[int(i[0])] for i in log.items]) + 0.1 * rng.normal(size=(len(log.items), 12)))


def test_numbers_say_whose_they_are() -> None:
    for recipe in karrot_user.SIZES.values():
        told = {name: origin for name, _, origin in recipe.rows()}
        assert told["weights"].startswith(("from the source", "ours")) and told["dims"] == "ours"
    assert TINY.dims == (64, 32) and karrot_user.PAPER.weights["future"] == 10


def test_it_learns_goes_on_and_keeps_the_best(tmp_path: Path) -> None:
    log, content = topics()
    train, dev = left_out(log, 1)
    few = {"steps": "30", "batch": "30", "dims": "16,8", "weights.future": "3", "weights.masked": "0.1", "weights.passes": "5"}
    recipe = TINY.changed(few)
    data = UserData(train, content)
    seen: list[float] = []

    def judge(model: object) -> float:
        seen.append(dev.of_model(model).ndcg)  # type: ignore[arg-type]
        return seen[-1]

    lines: list[str] = []
    model = fitted(recipe, data, Training(recipe, tmp_path, lines.append), judge)
    assert dev.of_model(model).ndcg == pytest.approx(max(seen)) and max(seen) > 2 * dev.popularity().ndcg
    again = fitted(recipe, data, Training(recipe, tmp_path, lines.append), judge)
    assert any("resumed at step 30" in line for line in lines) and dev.of_model(again).ndcg == pytest.approx(max(seen))
    assert len(dev.lines("dev", model)) == 3


def test_a_log_of_many_users_takes_more_steps(tmp_path: Path) -> None:
    log, _ = topics()
    recipe = TINY.changed({"steps": "3", "batch": "20", "dims": "16,8", "weights.passes": "3"})
    lines: list[str] = []
    for _ in range(2):
        fitted(recipe, UserData(log), Training(recipe, tmp_path, lines.append))
    assert any("resumed at step 9" in line for line in lines)  # 60 users, 20 a batch, three passes


def test_content_is_that_of_the_items_in_their_order() -> None:
    log, content = topics()
    model = build(TINY, UserData(log, content))
    row = log.items.index("2-3")
    place = model.known.items.index("2-3") + 1
    assert np.allclose(model.content[place].numpy(), content[row]) and not model.content[0].any() and model.shape.reads == "mini"
    assert build(TINY, UserData(log)).project is None


def test_the_temperature_begins_where_the_recipe_says() -> None:
    log, _ = topics()
    assert build(TINY.changed({"temperature": "0.2"}), UserData(log)).scale.item() == pytest.approx(5.0)
    assert build(TINY, UserData(log)).scale.item() == pytest.approx(1 / 0.14)


def test_a_model_reads_gaps_where_the_recipe_wants_them() -> None:
    log, _ = topics()
    assert build(TINY, UserData(log)).gap is None and build(TINY.changed({"weights.gaps": "1"}), UserData(log)).gap is not None


def test_few_users_choose_by_all_that_they_did() -> None:
    def cut(users: int) -> LogWindows:  # each has four items before the first moment and six after it
        rows = [(f"u{u}", f"i{u}-{n}", n) for u in range(users) for n in range(1, 11)]
        return windows(of_columns(*map(list, zip(*rows, strict=True)), until=1e9), (0.4, 1.0))  # type: ignore[arg-type]

    chosen = [judging(cut(users)) for users in (200, 40, 30)]
    assert [c and len(c) for c in chosen] == [200, 240, None]


def test_what_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pairs came; give it with `hannun users train LOG"):
        karrot_user.own(TINY, OwnData((), (), (), ()), None, Training(TINY, tmp_path))
    with pytest.raises(DependencyError, match="no MovieLens-100k there"):
        karrot_user.run(TINY, tmp_path, tmp_path)
