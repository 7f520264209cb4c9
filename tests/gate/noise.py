"""The noise of real shared machines, for simulated gates: what one block's times are multiplied by, as a logarithm.

Every model is a function of a generator that gives a stream of blocks in the order in which they are measured; each
block is an array with one figure a row. What a machine does to a block as a whole hits all of its rows alike.
"""

from collections.abc import Callable, Iterator

import numpy as np

from harness.gate.pairs import Block, Pair

ROWS = tuple(f"row {i}" for i in range(12))
Stream = Iterator[np.ndarray]
Noise = Callable[[np.random.Generator], Stream]


def quiet(sd: float = 0.02) -> Noise:
    """Normal noise, rows apart from each other."""
    def stream(rng):
        while True:
            yield rng.normal(0, sd, len(ROWS))

    return stream


def together(sd: float = 0.02) -> Noise:
    """Half of the variance hits a block as a whole."""
    def stream(rng):
        while True:
            yield (rng.normal(0, sd) + rng.normal(0, sd, len(ROWS))) / np.sqrt(2)

    return stream


def drift(per_block: float = 0.01, sd: float = 0.02) -> Noise:
    """A machine that gets steadily slower, by a percent a block."""
    def stream(rng):
        level = 0.0
        while True:
            level += per_block
            yield level + rng.normal(0, sd, len(ROWS))

    return stream


def wander(step: float = 0.01, sd: float = 0.02) -> Noise:
    """A random walk of the whole machine."""
    def stream(rng):
        level = 0.0
        while True:
            level += rng.normal(0, step)
            yield level + rng.normal(0, sd, len(ROWS))

    return stream


def two_levels(gap: float = 0.1, stay: float = 0.8, sd: float = 0.02) -> Noise:
    """A neighbour that comes and goes: blocks are fast or slow, and mostly like the one before."""
    def stream(rng):
        slow = rng.random() < 0.5
        while True:
            slow = slow if rng.random() < stay else not slow
            yield gap * slow + rng.normal(0, sd, len(ROWS))

    return stream


def coin(gap: float = 0.08, sd: float = 0.01) -> Noise:
    """Every process lands fast or slow, row by row: memory layout."""
    def stream(rng):
        while True:
            yield gap * (rng.random(len(ROWS)) < 0.5) + rng.normal(0, sd, len(ROWS))

    return stream


def heavy_tails(sd: float = 0.015) -> Noise:
    """Student's t with two degrees of freedom: no variance."""
    def stream(rng):
        while True:
            yield sd * rng.standard_t(2, len(ROWS))

    return stream


def spikes(sd: float = 0.02, chance: float = 0.1, most: float = 1.0) -> Noise:
    """One block in ten is up to e times as slow."""
    def stream(rng):
        while True:
            yield rng.normal(0, sd, len(ROWS)) + (rng.random() < chance) * rng.uniform(0, most)

    return stream


MODELS: dict[str, Noise] = {
    "quiet": quiet(), "together": together(), "drift": drift(), "wander": wander(), "two levels": two_levels(),
    "coin": coin(), "heavy tails": heavy_tails(), "spikes": spikes(),
}


def apart(base, candidate):
    """Pairs of blocks of which one ends before the other begins."""
    def measure(rows, base_first):
        if base_first:
            one = base(rows)
            return Pair(one, candidate(rows), base_first)
        other = candidate(rows)
        return Pair(base(rows), other, base_first)

    return measure


def sides(stream: Stream, slower: dict[str, float]):
    """Pairs of a base and a candidate that takes so many times as long on some rows, and pairs of equal sides."""
    def measure(factors):
        def block(rows):
            noise = dict(zip(ROWS, np.exp(next(stream)), strict=True))
            return Block({row: 20 * noise[row] * factors.get(row, 1) for row in rows})

        return block

    return apart(measure({}), measure(slower)), apart(measure({}), measure({}))
