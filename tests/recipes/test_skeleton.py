"""What the runs of all recipes share: of several processes one writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="recipes train with torch")

from hannun.recipes import skeleton


class Trained:
    """A model that is only to be saved."""

    def eval(self) -> Trained:
        return self


@pytest.mark.parametrize(("rank", "processes", "saves"), [(0, 1, 1), (0, 2, 1), (1, 2, 0)])
def test_of_several_processes_the_first_alone_saves_the_model(
    rank: int, processes: int, saves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote: list[tuple[Any, Path]] = []
    monkeypatch.setattr(skeleton, "world", lambda: (rank, processes))
    monkeypatch.setattr(skeleton, "save", lambda model, folder: wrote.append((model, folder)))
    model, recipe = Trained(), next(iter(_sizes().values()))
    skeleton.Training(recipe, tmp_path).keep(model)
    assert wrote == [(model, tmp_path / "model")] * saves


def _sizes() -> dict[str, Any]:
    from hannun.recipes import kelip

    return kelip.SIZES
