"""Exact removal effects against ChannelAttribution 2.2.5 on a million journeys, CPU for CPU.

    python compare.py [DIR] [EXPECTED.json]

Makes a virtual environment and the journeys in DIR (a temporary folder if none is given), runs
ChannelAttribution and our example binary on the same file, one after the other, three times each,
and prints the least CPU time of both and their ratio. What is timed: for ChannelAttribution,
`pandas.read_csv` and `markov_model` at its defaults (order 1) or `order=4`, imports left out; for
ours, reading the file, parsing it and solving. With EXPECTED.json, our results are checked against
it. CARGO_TARGET_DIR is honoured.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHA256 = "6e597beb2c3d8390cde9ffae8a2471f7e25f0a11d0eccf127f328be2e422fb7b"
PEER = """
import contextlib, io, json, resource, sys
import pandas
with contextlib.redirect_stdout(io.StringIO()):
    from ChannelAttribution import markov_model
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
start = cpu()
table = pandas.read_csv(sys.argv[1])
read = cpu()
with contextlib.redirect_stdout(io.StringIO()):
    result = markov_model(table, "path", "total_conversions", var_value="total_conversion_value",
                          var_null="total_null", order=int(sys.argv[2]), flg_pro=False)
end = cpu()
print(json.dumps({"read": read - start, "model": end - read,
                  "credit": dict(zip(result["channel_name"].astype(str),
                                     map(float, result["total_conversions"])))}))
"""


def python(folder):
    """Return the interpreter of an environment that has the peer."""
    home = folder / "venv"
    executable = home / "bin" / "python"
    if not executable.exists():
        venv.create(home, with_pip=True)
    subprocess.run([executable, "-m", "pip", "install", "-q", "ChannelAttribution==2.2.5",
                    "matplotlib", "numpy", "pandas"], check=True)
    return executable


def ours(binary, file, order):
    out = subprocess.run([binary, file, str(order)], check=True, capture_output=True, text=True)
    reading, solving = (json.loads(line) for line in out.stdout.splitlines())
    return {"read": reading["load_cpu_s"] + reading["parse_cpu_s"], "model": solving["cpu_s"],
            "solving": solving,
            "credit": {name: c["total_conversions"] for name, c in solving["channels"].items()}}


def total(run):
    return run["read"] + run["model"]


def check(solving, expected, order):
    worst = 0.0
    for name, golden in expected["markov_exact"][str(order)].items():
        for key, value in golden.items():
            worst = max(worst, abs(solving["channels"][name][key] / value - 1))
    # The file holds ten digits.
    assert worst < 1e-8, worst
    return worst


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    expected = json.loads(pathlib.Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else None
    peer = python(folder)
    file = folder / "paths_1m.csv"
    if not file.exists():
        subprocess.run([peer, HERE / "gen_paths.py", "20261122", "1000000", file], check=True)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256, "another file of journeys"
    subprocess.run(["cargo", "build", "-q", "--release", "-p", "stats", "--example", "markov_bench"],
                   cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = target / "release" / "examples" / "markov_bench"
    for order in (1, 4):
        theirs, exact = [], []
        for _ in range(3):
            out = subprocess.run([peer, "-c", PEER, file, str(order)], check=True,
                                 capture_output=True, text=True).stdout
            theirs.append(json.loads(out.splitlines()[-1]))
            exact.append(ours(binary, file, order))
        them, us = min(theirs, key=total), min(exact, key=total)
        worst = max(abs(them["credit"][name] / credit - 1) for name, credit in us["credit"].items())
        print(f"order {order}")
        print(f"  ChannelAttribution  read {them['read']:.3f}  model {them['model']:.3f}"
              f"  together {total(them):.3f} CPU s")
        print(f"  ours, exact         read {us['read']:.3f}  model {us['model']:.3f}"
              f"  together {total(us):.3f} CPU s")
        print(f"  ratio               together {total(them) / total(us):.1f}"
              f"  (its model alone against our reading and model: {them['model'] / total(us):.1f})")
        print(f"  its largest difference from the exact credit of a channel: {worst:.1%}")
        if expected:
            worst = check(us["solving"], expected, order)
            print(f"  ours against the expected values, largest relative difference: {worst:.1e}")


if __name__ == "__main__":
    main()
