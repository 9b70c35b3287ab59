"""Measures `throughline load` of large CSV files beside DuckDB's `INSERT … SELECT … FROM read_csv` of the same files.

    python3 bench/load/run.py PROGRAM [--millions 1 10] [--kinds touches deals] [--runs 5] [--folder DIR] [--threads 2]

PROGRAM is a release build of `throughline`. Makes the files (once; `--folder` keeps them), then lets both load
each file into a place of its own, in turns, as often as `--runs` says, and prints one line of JSON for each
file: medians of CPU seconds, wall seconds and peak memory of both, and their ratios. Exits with 1 where a load
does not hold every row, or the sum of the amounts is another one than DuckDB's. Linux; needs the package
`duckdb` in the Python that runs it.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

# A Salesforce id of 18 characters with right check characters: they tell which letters are capitals.
ID = "format('{}Hs{:010d}IAA', '%s', %s)"
LEAD = "format('00QHs{:010d}MAA', %s)"
AT = "strftime(TIMESTAMP '2024-01-01 08:00:00' + INTERVAL (%s) SECOND, '%%Y-%%m-%%dT%%H:%%M:%%S.000+0000')"


def one_of(seed, *texts):
    listed = ", ".join("NULL" if text is None else f"'{text}'" for text in texts)
    return f"[{listed}][1 + (hash(n * 31 + {seed}) % {len(texts)})::INTEGER]"


def pick(seed, most):
    return f"(hash(n * 31 + {seed}) % {most})::BIGINT"


MEMBER = pick(1, 1_000_000)
# Columns in the order of the export: name, how DuckDB makes it, the type that DuckDB reads it as.
KINDS = {
    "touches": [
        ("Id", ID % ("00v", "n"), "VARCHAR"),
        ("IsDeleted", "'false'", "BOOLEAN"),
        ("CampaignId", ID % ("701", pick(2, 600)), "VARCHAR"),
        ("LeadId", f"CASE WHEN {MEMBER} % 3 = 0 THEN {LEAD % MEMBER} END", "VARCHAR"),
        ("ContactId", f"CASE WHEN {MEMBER} % 3 > 0 THEN {ID % ('003', MEMBER)} END", "VARCHAR"),
        ("Status", one_of(3, "Sent", "Sent", "Responded", "Attended", "Registered", "No Show"), "VARCHAR"),
        ("HasResponded", one_of(4, "true", "false", "false"), "BOOLEAN"),
        ("CreatedDate", AT % pick(5, 60_000_000), "TIMESTAMPTZ"),
        ("FirstRespondedDate", f"CASE WHEN n % 3 = 0 THEN {AT % pick(5, 60_000_000)} END", "TIMESTAMPTZ"),
        ("SystemModstamp", AT % f"60000000 + {pick(6, 20_000_000)}", "TIMESTAMPTZ"),
    ],
    "deals": [
        ("Id", ID % ("006", "n"), "VARCHAR"),
        ("IsDeleted", "'false'", "BOOLEAN"),
        ("AccountId", ID % ("001", pick(2, 200_000)), "VARCHAR"),
        ("Name", f"format('Renewal, {{}} {{}}', {one_of(3, 'Acorn', 'Birch', 'Cedar', 'Duck')}, n)", "VARCHAR"),
        ("StageName", one_of(4, "Prospecting", "Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost"), "VARCHAR"),
        ("Amount", f"format('{{}}.{{:02d}}', {pick(5, 500_000)}, {pick(6, 100)})", "DECIMAL(18,2)"),
        ("Probability", one_of(7, "10", "20", "50", "75", "100", "0"), "DECIMAL(9,2)"),
        ("CloseDate", f"strftime(DATE '2024-01-01' + {pick(8, 1000)}::INTEGER, '%Y-%m-%d')", "DATE"),
        ("Type", one_of(9, "New Business", "Renewal", "Upsell"), "VARCHAR"),
        ("NextStep", one_of(10, None, None, "Call the buyer", "Send the offer, then wait"), "VARCHAR"),
        ("LeadSource", one_of(11, "Web", "Webinar", "Partner", "Event", None), "VARCHAR"),
        ("IsClosed", one_of(12, "true", "false"), "BOOLEAN"),
        ("IsWon", one_of(13, "true", "false", "false"), "BOOLEAN"),
        ("ForecastCategoryName", one_of(14, "Pipeline", "Best Case", "Commit", "Closed"), "VARCHAR"),
        ("CurrencyIsoCode", one_of(15, "USD", "USD", "EUR", "GBP"), "VARCHAR"),
        ("CampaignId", ID % ("701", pick(16, 600)), "VARCHAR"),
        ("OwnerId", ID % ("005", pick(17, 300)), "VARCHAR"),
        ("CreatedDate", AT % pick(18, 60_000_000), "TIMESTAMPTZ"),
        ("SystemModstamp", AT % f"60000000 + {pick(19, 20_000_000)}", "TIMESTAMPTZ"),
    ],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the files for another run")
    parser.add_argument("--threads", type=int, default=2, help="threads of DuckDB")
    parser.add_argument("--no-peer", action="store_true", help="only our runs")
    given = parser.parse_args()
    program = given.program.resolve()
    folder = (given.folder or pathlib.Path(tempfile.mkdtemp(prefix="bench-load-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    right = True
    try:
        for millions in given.millions:
            for kind in given.kinds:
                right &= compare(program, folder, kind, int(millions * 1_000_000), given)
    finally:
        if not given.folder:
            shutil.rmtree(folder)
    return 0 if right else 1


def compare(program, folder, kind, n_rows, given):
    file = folder / f"{kind}-{n_rows}.csv"
    if not file.exists():
        make(kind, n_rows, file)
    # Both read what is in memory already: the disk under the file is not what is measured.
    warm(file)
    runs = {"ours": [], "peer": []}
    for _ in range(given.runs):
        runs["ours"].append(ours(program, folder, file))
        if not given.no_peer:
            runs["peer"].append(peer(folder, kind, file, given.threads))
    line = {"file": kind, "rows": n_rows, "mib": file.stat().st_size >> 20, "runs": given.runs}
    middle = {}
    for who, done in runs.items():
        if done:
            middle[who] = {name: round(statistics.median(run[name] for run in done), 3) for name in ("cpu_s", "wall_s", "peak_mib", "stored_mib")}
            line[who] = middle[who] | {"rows_per_s": round(n_rows / middle[who]["wall_s"])}
    right = all(run["rows"] == n_rows for done in runs.values() for run in done)
    right &= len({run["amount"] for done in runs.values() for run in done}) == 1
    line["right"] = right
    if "peer" in middle:
        # Throughput of ours in parts of DuckDB's, by CPU seconds and by the clock.
        line["throughput_cpu"] = round(middle["peer"]["cpu_s"] / middle["ours"]["cpu_s"], 3)
        line["throughput_wall"] = round(middle["peer"]["wall_s"] / middle["ours"]["wall_s"], 3)
    print(json.dumps(line), flush=True)
    return right


def make(kind, n_rows, file):
    columns = ", ".join(f'{value} AS "{name}"' for name, value, _ in KINDS[kind])
    made = file.with_suffix(".part")
    duckdb.connect().execute(f"COPY (SELECT {columns} FROM range({n_rows}) t(n)) TO '{made}' (HEADER, DELIMITER ',')")
    made.rename(file)


def warm(file):
    with open(file, "rb") as opened:
        while opened.read(1 << 24):
            pass


def measured(command, **more):
    """Runs a command; its CPU seconds, wall seconds and peak memory are its own."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    out = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command}: exit code {child.returncode}\n{out}")
    taken = {"wall_s": time.perf_counter() - start, "cpu_s": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}
    return taken, out


def ours(program, folder, file):
    company = folder / "company"
    shutil.rmtree(company, ignore_errors=True)
    subprocess.run([program, "init", company], check=True, stdout=subprocess.DEVNULL)
    taken, out = measured([program, "load", file, "--json"], cwd=company)
    report = json.loads(out)["data"]
    if report["rows"]["read"] != report["rows"]["loaded"]:
        sys.exit(f"rows were not loaded: {report['rows']}")
    totals = [amount for loaded in report["files"] for name, amount in loaded["totals"].items() if ".amount" in name]
    taken["amount"] = sum(round(float(amount) * 100) for amount in totals)
    taken["rows"] = report["rows"]["loaded"]
    taken["stored_mib"] = sum(path.stat().st_size for path in company.rglob("*") if path.is_file()) / (1 << 20)
    shutil.rmtree(company)
    return taken


def peer(folder, kind, file, n_threads):
    database = folder / "peer.duckdb"
    database.unlink(missing_ok=True)
    taken, out = measured([sys.executable, __file__, "peer", kind, str(file), str(database), str(n_threads)])
    taken |= json.loads(out)
    taken["stored_mib"] = database.stat().st_size / (1 << 20)
    database.unlink()
    return taken


def peer_run(kind, file, database, n_threads):
    """Loads in a process of its own, with types that are told, not guessed, and ends with everything on disk."""
    import resource

    def used():
        times = resource.getrusage(resource.RUSAGE_SELF)
        return times.ru_utime + times.ru_stime, time.perf_counter()

    # Python and its imports are not DuckDB's time.
    cpu, wall = used()
    columns = KINDS[kind]
    declared = ", ".join(f'"{name}" {type_}' for name, _, type_ in columns)
    types = ", ".join(f"'{name}': '{type_}'" for name, _, type_ in columns)
    connection = duckdb.connect(database)
    connection.execute(f"SET threads = {int(n_threads)}")
    connection.execute(f"CREATE TABLE loaded ({declared})")
    connection.execute(f"INSERT INTO loaded SELECT * FROM read_csv('{file}', header = true, delim = ',', columns = {{{types}}})")
    connection.execute("CHECKPOINT")
    cpu, wall = used()[0] - cpu, used()[1] - wall
    amount = '(sum("Amount") * 100)::BIGINT' if kind == "deals" else "0"
    rows, amount = connection.execute(f"SELECT count(*), {amount} FROM loaded").fetchone()
    connection.close()
    print(json.dumps({"rows": rows, "amount": int(amount), "cpu_s": cpu, "wall_s": wall, "engine": f"duckdb {duckdb.__version__}"}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        peer_run(*sys.argv[2:])
    else:
        sys.exit(main())
