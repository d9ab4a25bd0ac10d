"""Scores, ranks, labels or vectors go in, figures come out: retrieval, classification, correlation, variety, likeness of sets, intervals.

    metrics.recall(metrics.by_rank(scores, relevance), 10)

This face hands on every metric; each is written in the file of its family, and `checks` says what all of them accept.

Ranking figures take `relevance`, one row for each query over the documents *in ranked order* (what `by_rank` makes of a
score matrix), and return one value for each query; take the mean for the usual figure, or hand the values to `bootstrap`.
Relevance is 0 or a positive grade.

One rule for ties, everywhere in this folder: **a tie counts against the system.** Of documents with equal scores, the less
relevant comes first, so that an encoder that gives every document the same score cannot look good by the order of a file.
Values that are not finite raise InputError: a NaN compares false with everything and would count as a win or a loss at random.
Everything is computed in float64, whatever comes in.
"""

from hannun.metrics.checks import Array, Ints
from hannun.metrics.classification import accuracy, calibration_error, guess, macro_f1
from hannun.metrics.correlation import average_ranks, spearman
from hannun.metrics.generation import bert_score, bleu, cider_d, clip_score, frechet_distance
from hannun.metrics.late_interaction import maxsim
from hannun.metrics.probing import logistic, shown
from hannun.metrics.ranking import (
    Captions,
    Queries,
    average_precision,
    by_rank,
    hit,
    image_to_text,
    ndcg,
    pessimistic_rank,
    precision,
    recall,
    reciprocal_rank,
    text_to_image,
)
from hannun.metrics.significance import bootstrap, holm, paired
from hannun.metrics.variety import coverage, intra_list_distance

__all__ = [
    "Array",
    "Captions",
    "Ints",
    "Queries",
    "accuracy",
    "average_precision",
    "average_ranks",
    "bert_score",
    "bleu",
    "bootstrap",
    "by_rank",
    "cider_d",
    "clip_score",
    "coverage",
    "frechet_distance",
    "guess",
    "hit",
    "holm",
    "image_to_text",
    "intra_list_distance",
    "logistic",
    "macro_f1",
    "calibration_error",
    "maxsim",
    "ndcg",
    "paired",
    "pessimistic_rank",
    "precision",
    "recall",
    "reciprocal_rank",
    "shown",
    "spearman",
    "text_to_image",
]
