"""Comparisons for tests of what they look like: one as it comes, and any that hypothesis can think of."""

from hypothesis import strategies as st

from harness.gate.findings import (
    ACCURACY,
    BETTER,
    CANNOT_TELL,
    KINDS,
    MEMORY,
    NOT_COMPARABLE,
    OPERATIONS,
    SAME,
    SPEED,
    VERDICTS,
    WORSE,
    Comparison,
    Finding,
)

MACHINE = {"processor": "AMD EPYC", "cores": 2, "system": "Linux 6.1", "python": "3.12.1"}
BASE = {"name": "HEAD~1", "kind": "revision", "commit": "9485df0c0ffee", "machine": MACHINE}
CANDIDATE = {"name": ".", "kind": "worktree", "commit": "46d5bf2c0ffee", "dirty": True, "machine": MACHINE}
PARTS = ("body", "foot", "face", "lefthand", "righthand", "hand", "wholebody")

SLOWER = Finding("tcformer_small 128x96", "time", SPEED, WORSE, "4.8% slower: more than 3.0%, and significant over 24 "
                 "pairs", 139.2, 145.9, "ms", 0.048, 0.031, 0.062, 0.03, 0.0004, 24, "pairs")
UNCLEAR = Finding("hrnet_small 128x96", "time", SPEED, CANNOT_TELL, "about 46 pairs would tell", 24.1, 24.5, "ms",
                  0.018, -0.012, 0.05, 0.03, 0.21, 12, "pairs", 46)
LEANER = Finding("tcformer_small 128x96", "peak memory", MEMORY, BETTER, "less than before", 1.5e9, 1.2e9, "bytes",
                 -0.2, margin=0.01)
MORE_WORK = Finding("tcformer_small 128x96", "multiply-adds", OPERATIONS, WORSE, "more of them", 35_480_000_000,
                    35_481_000_000, "", 1 / 35480, margin=0.0)
OTHER_DATA = Finding("hrnet_w48", "wholebody AP", ACCURACY, NOT_COMPARABLE, "val2017 and drawn people")
WORSE_FACE = Finding("sbl_small", "face AP", ACCURACY, WORSE, "the whole interval is below", 0.531, 0.519, "", -0.012,
                     -0.019, -0.005, 0.005, 0.001, 300, "images")


def cells(row):
    """The 14 cells of a row that is as accurate as it was."""
    return [Finding(row, f"{part} {metric}", ACCURACY, SAME, "within the margin", 0.531, 0.53, "", -0.001, -0.003,
                    0.002, 0.005, 0.4, 300, "images") for part in PARTS for metric in ("AP", "AR")]


def compare(*findings, **fields):
    """A comparison of two commits."""
    return Comparison(BASE, CANDIDATE, findings, created="2026-11-25T21:43:00.000001+00:00", **fields)


EXAMPLE = compare(*cells("tcformer_small"), SLOWER, UNCLEAR, LEANER, MORE_WORK, OTHER_DATA, WORSE_FACE,
                  notes=("measured once more: tcformer_small 128x96",))

HOSTILE = ("a|b", "<script>alert(1)</script>", "`x`", "a\nb", "a\r\n::error::x", "50%", "a,b:c", "[red]x[/]", "[/nope]",
           "\x1b[2J", "\x00", "\ud800", "\ufffe", "\u2028x", "\u202ex", "1. x", "- x", "+", "# x", "---", "===", "\\",
           "\\|", "&lt;", "]]>", "*a* _b_ ~~c~~ $d$", "![x](http://x)", "</details>", "a" * 5000, "", " ")
MARKUP = "\\`*_{}[]()<>#+-.!|~&$%:,=1 \n\r\t\"'ax"
texts = st.one_of(st.text(max_size=40), st.text(st.sampled_from(MARKUP), max_size=30), st.sampled_from(HOSTILE))
numbers = st.one_of(st.none(), st.floats(), st.floats(-1, 1), st.integers(0, 10**12))
counts = st.one_of(st.none(), st.integers(0, 10**6))
findings = st.builds(Finding, row=texts, metric=texts, kind=st.sampled_from(KINDS), verdict=st.sampled_from(VERDICTS),
                     reason=texts, base=numbers, candidate=numbers, unit=st.sampled_from(("", "ms", "bytes", "s")),
                     change=numbers, low=numbers, high=numbers, margin=numbers, p=numbers, samples=counts,
                     of=st.sampled_from(("", "pairs", "images", "seeds")), needed=counts)
sides = st.fixed_dictionaries({"name": texts}, optional={"commit": texts, "dirty": st.booleans(), "kind": texts,
                                                         "machine": st.one_of(texts, st.just(MACHINE))})
comparisons = st.builds(Comparison, base=sides, candidate=sides, findings=st.lists(findings, max_size=12).map(tuple),
                        notes=st.lists(texts, max_size=3).map(tuple), complete=st.booleans(),
                        created=st.sampled_from(("", "2026-11-25T21:43:00.000001+00:00")))
