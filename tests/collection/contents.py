"""Contents that these tests add, all that a collection holds, and what stops a long task."""

from __future__ import annotations

from typing import Any

from hannun.collection import Collection


def rows(n: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"id": str(i), "text": f"{['빨간', '파란', '노란', '하얀'][i % 4]} 원피스 {i}", "n": i, **facts} for i in range(n)]


def everything(opened: Collection) -> dict[str, tuple[str | None, dict[str, Any]]]:
    found = [(it.id, (it.text, dict(it.facts))) for it in opened]
    assert len(found) == len({i for i, _ in found}) == len(opened)
    return dict(found)


class Stop(Exception):
    pass
