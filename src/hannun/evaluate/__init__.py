"""An Encoder and the name of a suite go in; figures with intervals, reports, comparisons and model cards come out."""
