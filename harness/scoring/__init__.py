"""OKS precision and recall by part, equal to xtcocotools 1.14.3, and intervals for them."""

from harness.scoring.bootstrap import Difference, Interval, bootstrap, intervals, paired
from harness.scoring.definition import METRICS
from harness.scoring.results import load_results, write_results
from harness.scoring.score import match_parts, score
from harness.scoring.scored import SCORE_KEYS, Scored, ScoreKey

__all__ = ["METRICS", "SCORE_KEYS", "Difference", "Interval", "ScoreKey", "Scored", "bootstrap", "intervals",
           "load_results", "match_parts", "paired", "score", "write_results"]
