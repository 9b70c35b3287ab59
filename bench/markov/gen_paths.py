"""Write the journeys of the speed case: python gen_paths.py SEED N OUT.csv

Journeys walk a fixed table of transitions between ten channels. Draws come from SplitMix64, 80 per
journey, so that any language can write the same file: for seed 20261122 and 1,000,000 journeys its
sha256 is 6e597beb2c3d8390cde9ffae8a2471f7e25f0a11d0eccf127f328be2e422fb7b.
"""

import sys

import numpy as np

CHANNELS = ["paid_search", "paid_social", "organic", "direct", "email",
            "webinar", "event", "partner", "sdr", "review_site"]
START = np.array([18, 16, 14, 6, 8, 9, 7, 5, 10, 7], float)
CONVERT = np.array([.020, .008, .030, .045, .025, .060, .055, .070, .040, .050])
LEAVE = np.array([.34, .40, .30, .28, .33, .22, .24, .20, .36, .26])
STEPS = 40
BLOCK = 50_000


def uniforms(seed, first, n):
    """Return draws number first + 1 to first + n of the seed."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(1, n + 1, dtype=np.uint64) + np.uint64(first)) * np.uint64(
            0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(float) * 2.0**-53


def journeys(u):
    """Return the paths, whether each converted, and what it is worth if so."""
    k = len(CHANNELS)
    table = np.array([[1 + (7 * i + 3 * j + (i * j) % 5) % 11 + (4 if i == j else 0)
                       for j in range(k)] for i in range(k)], float)
    start = np.cumsum(START / START.sum())
    go = np.cumsum(table / table.sum(1, keepdims=True), 1)
    now = np.minimum(np.searchsorted(start, u[:, 0], side="right"), k - 1)
    paths = [[c] for c in now]
    alive = np.ones(len(u), bool)
    converted = np.zeros(len(u), int)
    for step in range(1, STEPS):
        stop, move = u[:, 2 * step], u[:, 2 * step + 1]
        wins = alive & (stop < CONVERT[now])
        loses = alive & ~wins & (stop < CONVERT[now] + LEAVE[now])
        converted[wins] = 1
        alive &= ~(wins | loses)
        walking = np.nonzero(alive)[0]
        if step == STEPS - 1 or not len(walking):
            break
        now[walking] = np.minimum((go[now[walking]] <= move[walking, None]).sum(1), k - 1)
        for i in walking:
            paths[i].append(now[i])
    return paths, converted, np.round(1000 * (1 + 9 * u[:, 1]), 2)


def main():
    seed, n, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with open(out, "w") as file:
        file.write("path,total_conversions,total_conversion_value,total_null\n")
        for first in range(0, n, BLOCK):
            rows = min(BLOCK, n - first)
            u = uniforms(seed, first * 2 * STEPS, rows * 2 * STEPS).reshape(rows, 2 * STEPS)
            for path, converted, value in zip(*journeys(u)):
                names = " > ".join(CHANNELS[c] for c in path)
                file.write(f"{names},{converted},{value if converted else 0},{1 - converted}\n")


if __name__ == "__main__":
    main()
