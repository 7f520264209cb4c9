"""Simulated histories: noise of all kinds around one level or several, values in units of the noise's deviation."""

from collections.abc import Callable

import numpy as np

Noise = Callable[[np.random.Generator, int], np.ndarray]


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Nothing special."""
    return rng.normal(size=n)


def heavy_tails(rng: np.random.Generator, n: int) -> np.ndarray:
    """Student's t with two degrees of freedom: no variance; in units of what the middle 68 % of values deviate by."""
    return rng.standard_t(2, n) / 1.32


def spikes(rng: np.random.Generator, n: int) -> np.ndarray:
    """One value in ten is up to 20 too high."""
    return rng.normal(size=n) + (rng.random(n) < 0.1) * rng.uniform(0, 20, n)


def coin(gap: float = 8.0, chance: float = 0.5) -> Noise:
    """Two modes, picked anew for each value; in units of its own standard deviation."""
    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        return (gap * (rng.random(n) < chance) + rng.normal(size=n)) / np.sqrt(1 + gap**2 * chance * (1 - chance))

    return noise


def moody(stay: float, gap: float = 8.0) -> Noise:
    """Two modes, each mostly that of the value before."""
    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        flips = rng.random(n) > stay
        flips[0] = rng.random() < 0.5
        return (gap * (np.cumsum(flips) % 2) + rng.normal(size=n)) / np.sqrt(1 + gap**2 / 4)

    return noise


def ramp(rise: float) -> Noise:
    """A drift by `rise` in all."""
    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.linspace(0, rise, n) + rng.normal(size=n)

    return noise


def walk(step: float) -> Noise:
    """A random walk under the noise."""
    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.cumsum(rng.normal(size=n)) * step + rng.normal(size=n)

    return noise


def wave(height: float) -> Noise:
    """One slow wave."""
    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        return height * np.sin(2 * np.pi * (np.arange(n) / n + rng.random())) + rng.normal(size=n)

    return noise


LEVEL: dict[str, Noise] = {"normal": normal, "heavy tails": heavy_tails, "spikes": spikes, "two modes": coin(),
                           "two modes, one rare": coin(chance=0.2)}
"""Noise of values that do not depend on each other, around one level: nothing is to be found."""

DRIFTING: dict[str, Noise] = {
    "rises by 2": ramp(2), "rises by 4": ramp(4), "rises by 8": ramp(8), "wanders by 0.1": walk(0.1),
    "wanders by 0.3": walk(0.3), "wanders by 1": walk(1), "a wave of ±2": wave(2),
    "stays in its mode, 7 of 10": moody(0.7), "stays in its mode, 8 of 10": moody(0.8),
    "stays in its mode, 9 of 10": moody(0.9)}
"""Not level, and without a step; values depend on their neighbours."""


def stepped(rng: np.random.Generator, noise: Noise, lengths: tuple[int, ...], sizes: tuple[float, ...]) -> np.ndarray:
    """So many values at each level, each level above the one before by a size."""
    values = noise(rng, sum(lengths))
    for start, size in zip(np.cumsum(lengths), sizes, strict=False):
        values[start:] += size
    return values
