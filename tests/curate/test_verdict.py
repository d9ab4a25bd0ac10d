"""Bounds on figures: what they keep, and what they say of what they drop."""

from __future__ import annotations

from hannun.curate.verdict import AtLeast, AtMost, Below, pair_of


def test_bounds_keep_what_was_not_measured() -> None:
    pair = pair_of("글", {"a": 1.0}, {"b": 2.0})
    assert AtLeast("b", 2.0, "r")(pair).kept and not AtLeast("a", 1.5, "r")(pair).kept and AtLeast("c", 1, "r")(pair).kept
    assert AtMost("a", 1.0, "r")(pair).kept and not Below("a", 1.0, "r")(pair).kept
    assert AtMost("b", 1.0, "high")(pair).figures == {"b": 2.0}
