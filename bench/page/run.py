"""Fifty people read the pages of a sample company at once, while the next extract is loaded.

    python3 bench/page/run.py PROGRAM [--touches 1000000] [--people 50] [--seconds 120] [--folder DIR]

PROGRAM is a release build of `throughline`. Makes the company (once; `--folder` keeps it), two accounts for
each role, starts the server, signs the people in, and lets each read pages with time to think between them.
Then the same again while `throughline load` takes in the next extract, and while 200 connections are held
half open. Prints JSON: milliseconds per route, errors, the health check beside it, and memory.

Standard library only; server and load share the cores of this machine.
"""

import argparse
import asyncio
import datetime
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

ROLES = ["ceo", "cmo", "cfo", "cro", "analyst", "viewer"]
PERIODS = ["2026Q4", "2026Q3", "2026Q2", "2026Q1", "2025Q4", "2026", "2025", "2026-01-01..2026-09-30"]
SEGMENTS = ["", "", "", "mid-market", "enterprise"]
# What a reader does next, how often.
HABITS = [("/", 20), ("/pipeline", 24), ("/attribution", 12), ("/programs", 12), ("rows", 16), ("/board", 4), ("/definitions", 4), ("/health", 4), ("csv", 4)]
FIGURES = {"/pipeline": ["won", "marketing_sourced_pipeline"], "/programs": ["spend"]}


class Person:
    """One browser: its own connection, cookie and habits."""

    def __init__(self, address, seed, email, password, results):
        self.host, self.port = address.removeprefix("http://").split(":")
        self.random = random.Random(seed)
        self.email, self.password, self.results = email, password, results
        self.cookie = ""
        self.reader = self.writer = None
        self.tags = {}

    async def ask(self, method, path, body=None):
        """Status, headers and body; connects where there is no connection, once more where it has ended."""
        for attempt in (0, 1):
            try:
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection(self.host, int(self.port))
                return await self.exchange(method, path, body)
            except (ConnectionError, asyncio.IncompleteReadError, IndexError):
                self.writer = None
                if attempt:
                    raise

    async def exchange(self, method, path, body):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept-Encoding: gzip", "Accept: text/html", "Sec-Fetch-Site: same-origin"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        if path in self.tags:
            lines.append(f"If-None-Match: {self.tags[path]}")
        payload = b""
        if body is not None:
            payload = urllib.parse.urlencode(body).encode()
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(payload)}"]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + payload)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ")[1])
        headers = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
        named = {name.lower(): value for name, value in headers}
        for name, value in headers:
            if name.lower() == "set-cookie":
                pair = value.split(";")[0]
                if pair.split("=", 1)[1]:
                    self.cookie = pair
        data = b""
        if named.get("transfer-encoding") == "chunked":
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
                chunk = await self.reader.readexactly(size + 2)
                if size == 0:
                    break
                data += chunk[:-2]
        elif status not in (204, 304):
            data = await self.reader.readexactly(int(named.get("content-length", 0)))
        if named.get("connection") == "close":
            self.writer.close()
            self.writer = None
        if "etag" in named:
            self.tags[path] = named["etag"]
        return status, named, data

    async def sign_in(self):
        await self.ask("GET", "/login")
        status, headers, _ = await self.ask("POST", "/login", {"email": self.email, "password": self.password, "next": "/"})
        if status != 303 or "login" in headers.get("location", "login"):
            raise SystemExit(f"{self.email} cannot sign in: {status} {headers}")

    async def read(self, until, think):
        await asyncio.sleep(self.random.random() * think)
        while time.monotonic() < until:
            await self.look()
            await asyncio.sleep(min(self.random.expovariate(1 / think), 4 * think))

    async def look(self):
        choice = self.random.choices([name for name, _ in HABITS], [weight for _, weight in HABITS])[0]
        query = {"period": self.random.choice(PERIODS), "segment": self.random.choice(SEGMENTS)}
        path = choice
        if choice in ("rows", "csv"):
            path = self.random.choice(list(FIGURES))
            path += f"/rows/{self.random.choice(FIGURES[path])}" + (".csv" if choice == "csv" else "")
        if path.startswith("/programs") or self.random.random() < 0.5:
            query.pop("segment")
        if choice in ("/definitions", "/health"):
            query = {}
        query = urllib.parse.urlencode({name: value for name, value in query.items() if value})
        if self.email.startswith("viewer") and choice in ("rows", "csv"):
            path, choice = "/pipeline", "/pipeline"
        began = time.perf_counter()
        try:
            status, _, data = await asyncio.wait_for(self.ask("GET", path + (f"?{query}" if query else "")), 30)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            self.writer = None
            status, data = repr(error)[:80], b""
        self.results.append((choice, status, (time.perf_counter() - began) * 1000, len(data), f"{path}?{query}"))


def probe(address, queue, stop):
    """The health check, from a process of its own: ten times a second."""
    import http.client

    times, wrong = [], 0
    while not stop.is_set():
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
            connection.request("GET", "/healthz")
            wrong += connection.getresponse().status != 200
            connection.close()
        except OSError:
            wrong += 1
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.1)
    queue.put((times, wrong))


def spread(times):
    times = sorted(times)
    at = lambda share: round(times[min(len(times) - 1, int(share * len(times)))], 1)
    return {"n": len(times), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(times[-1], 1)} if times else {"n": 0}


def memory(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+)", text)[1]) // 1024 for name in ("VmRSS", "VmHWM")}


def told(results, health):
    times, wrong = health
    routes = {}
    for route, status, took, size, _ in results:
        routes.setdefault(route, []).append(took)
    errors = [f"{status} {where}" for _, status, _, _, where in results if status not in (200, 304)]
    return {
        "all": spread([took for _, _, took, _, _ in results]),
        "routes": {route: spread(took) for route, took in sorted(routes.items())},
        "errors": len(errors),
        "error_examples": errors[:5],
        "health": {**spread(times), "errors": wrong},
    }


async def half_open(address, n):
    host, port = address.removeprefix("http://").split(":")
    held = []
    for _ in range(n):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: ")
        held.append(writer)
    return held


async def phase(address, accounts, seconds, think, beside=None, opened=0):
    results = []
    people = [Person(address, 100 + at, email, password, results) for at, (email, password) in enumerate(accounts)]
    for person in people:
        await person.sign_in()
    stop, queue = multiprocessing.Event(), multiprocessing.Queue()
    watcher = multiprocessing.Process(target=probe, args=(address, queue, stop))
    watcher.start()
    until = time.monotonic() + seconds
    job = asyncio.create_task(beside()) if beside else None
    keeper = asyncio.create_task(keep_open(address, opened, until)) if opened else None
    await asyncio.gather(*(person.read(until, think) for person in people))
    said = await job if job else None
    if keeper:
        await keeper
    stop.set()
    health = queue.get(timeout=30)
    watcher.join()
    report = told(results, health)
    if said is not None:
        report["beside"] = said
    return report


async def keep_open(address, n, until):
    """Holds `n` connections half open all the time, opening new ones for those that the server ends."""
    while time.monotonic() < until:
        held = await half_open(address, n)
        await asyncio.sleep(min(9, max(0.1, until - time.monotonic())))
        for writer in held:
            writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--think", type=float, default=4.0, help="mean seconds between two pages")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    program = options.program.resolve()
    work = options.folder or Path(tempfile.mkdtemp(prefix="page-bench-"))
    company = work / "company"
    run = lambda *args, **more: subprocess.run([program, *map(str, args)], check=True, capture_output=True, **more)
    report = {"touches": options.touches, "people": options.people, "think_seconds": options.think, "cores": os.cpu_count()}
    if not company.exists():
        began = time.monotonic()
        run("demo", "--no-serve", "--quiet", "--scale", options.touches, "--dir", company)
        report["made_in_seconds"] = round(time.monotonic() - began, 1)
    accounts = []
    for at in range(options.people):
        role = ROLES[at % len(ROLES)]
        email, password = f"{role}{at}@fennmark.example", f"reader {at} has a long password"
        added = subprocess.run([program, "user", "add", email, "--role", role, "--password-stdin"], cwd=company, input=password.encode(), capture_output=True)
        if added.returncode not in (0, 1, 2) or (added.returncode and b"already" not in added.stderr + added.stdout):
            sys.exit(f"{email}: {added.stderr.decode()}")
        accounts.append((email, password))
    log = open(work / "server.log", "w+")
    server = subprocess.Popen([program, "serve", "--no-open", "--listen", "127.0.0.1:0", "--dir", company], stdout=log, stderr=log)
    try:
        address = None
        for _ in range(600):
            found = re.search(r"http://127\.0\.0\.1:\d+", (work / "server.log").read_text())
            if found:
                address = found[0]
                break
            time.sleep(0.1)
        if address is None:
            sys.exit("the server does not start:\n" + (work / "server.log").read_text())
        asyncio.run(measure(address, accounts, options, program, company, work, server.pid, report))
        log = (work / "server.log").read_text()
        report["panics"] = log.count("panicked")
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        if not options.folder:
            shutil.rmtree(work)
    print(json.dumps(report, indent=1))


async def measure(address, accounts, options, program, company, work, pid, report):
    first = Person(address, 1, *accounts[0], [])
    await first.sign_in()
    began = time.monotonic()
    while time.monotonic() - began < 600:
        status, _, data = await first.ask("GET", "/pipeline")
        if status == 200 and b"<data" in gunzip(data):
            break
        first.tags.clear()
        await asyncio.sleep(0.5)
    report["first_page_after_seconds"] = round(time.monotonic() - began, 1)
    report["memory_at_start_mib"] = memory(pid)
    # Caches fill: what people ask for the first time is told apart.
    report["first_round"] = await phase(address, accounts, options.seconds / 2, options.think)
    report["reading"] = await phase(address, accounts, options.seconds, options.think)
    report["memory_after_reading_mib"] = memory(pid)
    report["half_open_200"] = await phase(address, accounts, options.seconds / 2, options.think, opened=200)
    later = work / "later"
    if not later.exists():
        newest(company, later)
    day = datetime.date(2026, 10, 1).isoformat()

    async def load():
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(program, "load", later, "--known-on", day, "--quiet", "--dir", company, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await process.communicate()
        return {"load_seconds": round(time.monotonic() - began, 1), "exit": process.returncode, "said": said.decode()[-200:]}

    report["while_loading"] = await phase(address, accounts, options.seconds, options.think, beside=load)
    report["memory_at_end_mib"] = memory(pid)


def gunzip(data):
    import gzip

    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def newest(company, target):
    """The next extract: the last one, with another amount in every tenth deal."""
    import csv
    import gzip

    source = max(path for path in (company / "exports").iterdir() if path.is_dir())
    shutil.copytree(source, target)
    for path in target.glob("Opportunity.csv*"):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for at, row in enumerate(rows):
            if at % 10 == 0 and row["Amount"]:
                row["Amount"] = f"{float(row['Amount']) + 1:.2f}"
                row["SystemModstamp"] = row["LastModifiedDate"] = "2026-10-01T00:00:00.000Z"
        with opened(path, "wt", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys(), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
