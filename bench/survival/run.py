#!/usr/bin/env python3
"""Kaplan-Meier and the Weibull cure fit on a million waits: ours against lifelines.

Makes the waits from a fixed seed (30 % ever have the event, Weibull; censored evenly over 600 days), builds
the example `survival_bench` in release, runs both on the same numbers and prints one line of JSON with
CPU seconds, their ratio and both results, which must agree. lifelines: `pip install lifelines`.

Like is compared with like: a fit is one from numbers in memory, on both sides. With `--program` also the whole
way from the file to the curve, each in a process of its own: `throughline method survival FILE --json` (curve with
limits at every event) against Python that reads the file with pandas and fits.

    bench/survival/run.py [--rows 1000000] [--csv FILE] [--program target/release/throughline]
"""

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(path, rows):
    draw = random.Random(20261122)
    with open(path, "w", encoding="ascii") as out:
        out.write("time,event\n")
        for _ in range(rows):
            watched = draw.uniform(1, 600)
            wait = 200 * (-math.log(1 - draw.random())) ** (1 / 1.4) if draw.random() < 0.3 else math.inf
            out.write(f"{min(watched, wait):.9f},{int(wait <= watched)}\n")


def ours(path):
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    build = ["cargo", "build", "--release", "--locked", "-q", "-p", "stats", "--example", "survival_bench"]
    subprocess.run(build, cwd=ROOT, check=True)
    program = os.path.join(target, "release", "examples", "survival_bench")
    return json.loads(subprocess.run([program, path], check=True, capture_output=True).stdout)


def cpu(of):
    """CPU seconds of all threads, and what came out."""
    before = time.process_time()
    found = of()
    return time.process_time() - before, found


def theirs(path):
    import numpy
    from lifelines import KaplanMeierFitter, MixtureCureFitter, WeibullFitter

    table = numpy.loadtxt(path, delimiter=",", skiprows=1)
    waits, events = table[:, 0], table[:, 1]
    km_s, km = min((cpu(lambda: KaplanMeierFitter().fit(waits, events)) for _ in range(3)), key=lambda one: one[0])
    cure_s, cure = cpu(lambda: MixtureCureFitter(base_fitter=WeibullFitter()).fit(waits, events))
    return {
        "km_s": km_s,
        "cure_s": cure_s,
        "tenth": float(km.percentile(0.9)),
        "never": float(cure.cured_fraction_),
        "log_likelihood": float(cure.log_likelihood_),
    }


WHOLE = """
import sys
import pandas
from lifelines import KaplanMeierFitter
table = pandas.read_csv(sys.argv[1])
print(float(KaplanMeierFitter().fit(table["time"], table["event"]).percentile(0.9)))
"""


def whole(command):
    """CPU seconds of a process, and what it printed; the better of two."""
    found = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = subprocess.run(command, check=True, capture_output=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out))
    return min(found, key=lambda one: one[0])


def from_file(program, path):
    own_s, own = whole([program, "method", "survival", path, "--json"])
    other_s, other = whole([sys.executable, "-c", WHOLE, path])
    steps = json.loads(own)["data"]["groups"][0]["steps"]
    tenth = next(step["time"] for step in steps if step["survival"] <= 0.9)
    return {"ours_s": round(own_s, 3), "lifelines_s": round(other_s, 3), "ratio": round(other_s / own_s, 1),
            "agree": abs(tenth - float(other)) < 1e-9}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--csv")
    options.add_argument("--program")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.csv or os.path.join(folder, "waits.csv")
        if not asked.csv:
            make(path, asked.rows)
        own, other = ours(path), theirs(path)
        through = from_file(asked.program, path) if asked.program else None
    agree = abs(own["tenth"] - other["tenth"]) < 1e-9 and abs(own["never"] - other["never"]) < 2e-3
    print(json.dumps({
        "rows": own["n"],
        "kaplan_meier": {"ours_s": own["km_s"], "lifelines_s": round(other["km_s"], 3),
                         "ratio": round(other["km_s"] / own["km_s"], 1)},
        "weibull_cure": {"ours_s": own["cure_s"], "lifelines_s": round(other["cure_s"], 3),
                         "ratio": round(other["cure_s"] / own["cure_s"], 1)},
        "from_file": through,
        "agree": agree,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))
    return 0 if agree and (through is None or through["agree"]) else 1


if __name__ == "__main__":
    sys.exit(main())
