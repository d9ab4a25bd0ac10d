"""The data folder goes in; the log of MovieLens-100k's liked films, and mini's vectors of their titles, come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hannun.embeddings import Floats
from hannun.errors import DependencyError
from hannun.load import load
from hannun.sources.logs import BehaviourLog, of_columns

LIKED = 4  # stars, of five


def liked_films(data: Path, least: int = LIKED) -> tuple[BehaviourLog, Floats]:
    """Ratings of `least` stars or more as events, and content vectors [items, 384] of title and genres. Raises DependencyError."""
    folder = data / "users" / "movielens_100k"
    if not (folder / "u.data").exists():
        raise DependencyError(f"{folder}: no MovieLens-100k there; give its folder with --data, or a log with `hannun users train LOG`")
    rows = np.loadtxt(folder / "u.data", dtype=np.int64)
    rows = rows[rows[:, 2] >= least]
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0], rows[:, 3]))]
    user, film, time, stars = (rows[:, n].tolist() for n in (0, 1, 3, 2))
    log = of_columns(user, film, time, value=stars)
    genres = [line.split("|")[0] for line in (folder / "u.genre").read_text("latin-1").splitlines() if "|" in line]
    films = {f[0]: f for f in (line.split("|") for line in (folder / "u.item").read_text("latin-1").splitlines())}
    titles = {k: f"{f[1]} ({', '.join(g for g, yes in zip(genres, f[5:], strict=False) if yes == '1')})" for k, f in films.items()}
    return log, load("mini").encode_document([titles[name] for name in log.items]).dense
