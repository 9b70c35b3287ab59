"""Measures what a load costs that changes one row in a hundred of what is stored, beside the first load of all.

    python3 bench/load/incremental.py PROGRAM [--millions 1] [--kind touches] [--folder DIR]

PROGRAM is a release build of `throughline`. Loads so many million rows into a new company, then, one after the
other: a hundredth of the rows changed, spread at random over all files; the newest hundredth changed; a hundredth
more that is new; the same rows as the first file in a file of other bytes. Prints one line of JSON for each load:
seconds of CPU and by the clock, MiB written, and their part of the first load's. Exits with 1 where a load counts
other rows than it should, or one of the first three changes costs 5 % of the first load or more. The goal is for
ten millions: below, starting the program and flushing files weigh more. Linux; needs the package `duckdb`.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb

from run import KINDS, measured

GOAL = 0.05
# Columns that a correction changes.
CORRECTED = {
    "SystemModstamp": "'2027-01-01T00:00:00.000+0000'",
    "Status": "'Corrected'",
    "NextStep": "'Corrected'",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--millions", type=float, default=1)
    parser.add_argument("--kind", choices=KINDS, default="touches")
    parser.add_argument("--folder", type=pathlib.Path, help="where to work; a new temporary folder unless said")
    given = parser.parse_args()
    program, n = given.program.resolve(), int(given.millions * 1_000_000)
    part = n // 100
    base = given.folder.resolve() if given.folder else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="incremental-", dir=base))
    company = folder / "company"
    subprocess.run([program, "init", company], check=True, stdout=subprocess.DEVNULL)
    # Each: name, rows of the model, whether they are corrected, rows that must be loaded.
    spread = f"SELECT n FROM range({n}) t(n) WHERE hash(n * 31 + 77) % 100 = 0"
    steps = [
        ("all new", f"SELECT n FROM range({n}) t(n)", False, lambda read: read),
        ("1 % changed at random", spread, True, lambda read: read),
        ("1 % changed, the newest", f"SELECT n FROM range({n - part}, {n}) t(n)", True, None),
        ("1 % new", f"SELECT n FROM range({n}, {n + part}) t(n)", False, lambda read: read),
        ("the same rows again", f"SELECT n FROM range({n}) t(n) ORDER BY n DESC", False, lambda read: 0),
    ]
    right, first = True, None
    try:
        for name, rows, corrected, expected in steps:
            file = folder / "rows.csv"
            make(given.kind, rows, corrected, file)
            taken, out = load(program, company, file)
            file.unlink()
            rows = json.loads(out)["data"]["rows"]
            line = {"load": name, "kind": given.kind, "read": rows["read"], "loaded": rows["loaded"], **taken}
            if first is None:
                first = taken
            else:
                line["part_cpu"] = round(taken["cpu_s"] / first["cpu_s"], 4)
                line["part_wall"] = round(taken["wall_s"] / first["wall_s"], 4)
            # Some of the newest rows are among those that were changed before.
            line["right"] = rows["loaded"] == expected(rows["read"]) if expected else rows["loaded"] > part * 0.98
            right &= line["right"]
            if first is not taken and "1 %" in name:
                right &= line["part_cpu"] < GOAL
            print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(folder)
    return 0 if right else 1


def make(kind, rows, corrected, file):
    columns = []
    for name, value, _ in KINDS[kind]:
        if corrected:
            value = CORRECTED.get(name, value)
        columns.append(f'{value} AS "{name}"')
    sql = f"SELECT {', '.join(columns)} FROM ({rows})"
    duckdb.connect().execute(f"COPY ({sql}) TO '{file}' (HEADER, DELIMITER ',')")


def load(program, company, file):
    """Loads a file; what is said of the time is the child's own."""
    with open(file, "rb") as opened:
        while opened.read(1 << 24):
            pass
    start = time.time()
    taken, out = measured([program, "load", file, "--json"], cwd=company)
    new = [path for path in company.rglob("*") if path.is_file() and path.stat().st_mtime >= start]
    taken = {name: round(taken[name], 3) for name in ("cpu_s", "wall_s", "peak_mib")}
    taken["new_mib"] = round(sum(path.stat().st_size for path in new) / (1 << 20), 2)
    taken["stored_mib"] = round(stored(company), 2)
    taken["n_new_files"] = len(new)
    return taken, out


def stored(company):
    return sum(path.stat().st_size for path in company.rglob("*") if path.is_file()) / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
