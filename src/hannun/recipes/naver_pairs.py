"""Naver's pair factory as a recipe: the filters in order, each with its number and where the number comes from.

`hannun curate run SOURCES --to OUT` runs it. The numbers with "Naver" are the talk's; those with "ours" were chosen here, and
docs/curate.md says how. `hannun curate sweep` chooses the similarity thresholds for your data.
"""

from __future__ import annotations

from hannun.curate.rules import Rules
from hannun.curate.text.clean import mostly_signs, other_script, readable
from hannun.curate.text.noise import NoiseWords
from hannun.curate.text.profanity import profane
from hannun.curate.verdict import AtLeast, AtMost, Below, real
from hannun.item import MAX_PIXELS

NAVER = "Naver's pair factory"
MIN_SIDE = 200  # pixels
MAX_RATIO = 3.0  # longer side over shorter
MAX_WHITE = 0.9  # share of white pixels
MAX_WATERMARK = 0.9  # ours: of the real photos it was measured on, the head drops 0.57 of the marked and 0.12 of the others here
MAX_BOXES = 12  # ours: text boxes
MAX_TEXT_SHARE = 0.5  # ours: of the picture inside text boxes
MAX_ADULT = 0.5  # ours: even odds of the scorer that is handed in
MIN_TITLE = 0.3  # ours, for mini's cosines, by the sweep in docs/curate.md: choose yours with `hannun curate sweep`
MIN_QUERY = 0.3  # ours, likewise

RULES = Rules(
    name="naver_pairs",
    headers=(
        AtMost("pixels", MAX_PIXELS, "picture_bomb", "Pillow's bound"),
        AtLeast("side", MIN_SIDE, "picture_small", NAVER),
        AtMost("ratio", MAX_RATIO, "picture_long", NAVER),
        real,
    ),
    pictures=(Below("white", MAX_WHITE, "picture_white", NAVER),),
    texts=(other_script, readable, mostly_signs, profane, NoiseWords()),
    scored=(
        AtMost("ocr_boxes", MAX_BOXES, "picture_text_boxes", "ours"),
        AtMost("ocr_share", MAX_TEXT_SHARE, "picture_text_area", "ours"),
        Below("watermark", MAX_WATERMARK, "picture_watermark", "ours"),
        Below("adult", MAX_ADULT, "picture_adult", "ours"),
    ),
    titles=(AtLeast("similarity", MIN_TITLE, "title_disagrees", "ours"),),
    queries=(AtLeast("similarity", MIN_QUERY, "query_disagrees", "ours"),),
)
