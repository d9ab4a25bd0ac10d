"""The imports in src/hannun go in; the plan of rooms and arrows in docs/architecture.md comes out, as Mermaid.

    python docs/plan.py          write the plan into the page
    python docs/plan.py --check  say whether the page has it (the tests ask the same)

A room is a folder or a file right below src/hannun. An arrow that a longer way implies is left out, and so are arrows to the rooms
that most others use.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSE, PAGE = ROOT / "src" / "hannun", ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- plan: written by docs/plan.py -->", "<!-- end of plan -->"


def imported(file: Path) -> set[str]:
    """The rooms that a file imports, imports inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"hannun.{a.name}" for a in node.names] if node.module == "hannun" else [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("hannun.")}
    return found


def uses() -> dict[str, set[str]]:
    """Room → the other rooms that it imports."""
    rooms: dict[str, set[str]] = {}
    for file in sorted(HOUSE.rglob("*.py")):
        room = file.relative_to(HOUSE).parts[0].removesuffix(".py")
        if room not in ("__init__", "__main__"):
            rooms.setdefault(room, set()).update(imported(file))
    return {room: {o for o in others if o in rooms and o != room} for room, others in rooms.items()}


def reduced(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same without arrows that a longer way implies."""
    left = {room: set(others) for room, others in rooms.items()}

    def reaches(start: str, goal: str) -> bool:
        seen, open_now = {start}, [start]
        while open_now:
            new = left[open_now.pop()] - seen
            seen |= new
            open_now += new
        return goal in seen

    for room in sorted(left):
        for other in sorted(left[room]):
            left[room].discard(other)
            if not reaches(room, other):
                left[room].add(other)
    return left


def plan() -> str:
    """The plan as Mermaid, ground first named in words."""
    rooms = uses()
    ground = sorted(r for r in rooms if sum(r in others for others in rooms.values()) > len(rooms) / 2)
    arrows = reduced({room: others - set(ground) for room, others in rooms.items() if room not in ground})
    lines = [f"    {room} --> {other}" for room in sorted(arrows) for other in sorted(arrows[room])]
    alone = sorted(r for r in arrows if not arrows[r] and not any(r in others for others in arrows.values()))
    lines += [f"    {room}" for room in alone]
    used = " and ".join(f"`{g}`" for g in ground)
    return "\n".join([BEGIN, "```mermaid", "flowchart TD", *lines, "```", f"Most rooms use {used}; those arrows are not drawn.", END])


def placed(page: str) -> str:
    """The page with the plan of now in it."""
    before, _, rest = page.partition(BEGIN)
    return before + plan() + rest.partition(END)[2]


def main() -> int:
    """Write, or check; 1 where the page is out of date."""
    page = PAGE.read_text("utf-8")
    if "--check" in sys.argv:
        if placed(page) != page:
            print("docs/architecture.md shows an older plan; run: python docs/plan.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(placed(page), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
