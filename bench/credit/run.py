"""Compares our credit with DuckDB's: the same table to the cent, and the CPU seconds of both.

    python3 bench/credit/run.py [--touches 1 10] [--no-peer] [--runs 3] [--dir target/bench-credit]

Builds the example `credit_bench`, generates Parquet files (kept in DIR), makes a virtual environment
with DuckDB from PyPI, runs both with two threads, compares the result tables and prints one line of
JSON for each size. Of several runs the one with the least CPU counts, for both. Exits with 1 where the
tables differ. Linux.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DUCKDB = "duckdb==2.0.0"
MODELS = ["first", "last", "linear", "time_decay", "w_shaped"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--touches", type=int, nargs="+", default=[1, 10], help="in millions")
    parser.add_argument("--dir", type=pathlib.Path, help="default: bench-credit in the target folder")
    parser.add_argument("--exe", type=pathlib.Path, help="a built credit_bench; none is built then")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-mib", type=int, default=1024, help="memory for touches, ours")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="only our run")
    given = parser.parse_args()

    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folder = given.dir or target / "bench-credit"
    exe = given.exe.resolve() if given.exe else built(target)
    python = None if given.no_peer else environment(folder / "venv")
    same = True
    for millions in given.touches:
        data = folder / f"{millions}m"
        if not (data / "touches.parquet").exists():
            subprocess.run([exe, "generate", data, str(millions * 1_000_000)], check=True)
        ours_csv, peer_csv = data / "ours.csv", data / "peer.csv"
        options = ["--threads", str(given.threads), "--limit-mib", str(given.limit_mib)]
        ours = best([exe, "run", data, *options, "--out", ours_csv], given.runs)
        line = {"touches_millions": millions, "ours": ours}
        if python:
            command = [python, HERE / "run.py", "peer", data, str(given.threads), peer_csv]
            peer = best(command, given.runs)
            agree = tables_agree(ours_csv, peer_csv, int(ours["amount_minor"]))
            same &= agree
            line |= {
                "peer": peer,
                "tables_agree": agree,
                "cpu_ours_by_peer": round(ours["cpu_s"] / peer["cpu_s"], 3),
                "peak_ours_by_peer": round(ours["peak_mib"] / peer["peak_mib"], 3),
            }
        print(json.dumps(line), flush=True)
    return 0 if same else 1


def built(target):
    command = ["cargo", "build", "--release", "-p", "lake", "--example", "credit_bench"]
    subprocess.run(command, cwd=ROOT, check=True)
    return target / "release" / "examples" / "credit_bench"


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", DUCKDB], check=True)
    return python


def best(command, n_runs):
    runs = []
    for _ in range(n_runs):
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        runs.append(json.loads(done.stdout))
    return min(runs, key=lambda run: run["cpu_s"])


def tables_agree(ours_csv, peer_csv, amount_minor):
    def table(path):
        with open(path, newline="") as file:
            return {
                (int(row["channel"]), int(row["campaign"])): [int(row[model]) for model in MODELS]
                for row in csv.DictReader(file)
            }

    ours, peer = table(ours_csv), table(peer_csv)
    # Every deal with a touch has a first one, so what the first model does not give away is unknown.
    unknown = amount_minor - sum(row[0] for row in peer.values())
    peer[-1, -1] = [unknown] * len(MODELS)
    differing = [key for key in sorted(ours.keys() | peer.keys()) if ours.get(key) != peer.get(key)]
    for key in differing[:10]:
        print(f"channel, campaign {key}: ours {ours.get(key)}, peer {peer.get(key)}", file=sys.stderr)
    return not differing


def peer_run(data, n_threads, out):
    """Runs in the virtual environment, in a process of its own so that its peak is its own."""
    import resource

    import duckdb

    start = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(n_threads)}")
    connection.execute("SET preserve_insertion_order = false")
    for name in ["touches", "opportunities"]:
        path = str(pathlib.Path(data) / f"{name}.parquet").replace("'", "''")
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")
    result = connection.execute((HERE / "credit.sql").read_text())
    names = [column[0] for column in result.description]
    rows = result.fetchall()
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    line = {
        "engine": f"duckdb {duckdb.__version__}",
        "threads": int(n_threads),
        "rows": len(rows),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "wall_s": round(wall, 3),
        "peak_mib": used.ru_maxrss >> 10,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        peer_run(*sys.argv[2:])
    else:
        sys.exit(main())
