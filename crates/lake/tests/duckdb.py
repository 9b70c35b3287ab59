"""Reads a lake with the real DuckDB and prints what it sees as JSON.

Usage: duckdb.py LAKE. Needs the packages duckdb 1.5.5, duckdb-extensions,
duckdb-extension-ducklake, duckdb-extension-sqlite-scanner and pytz; no network.
"""

import datetime
import decimal
import json
import os
import sqlite3
import sys
import tempfile

# This folder comes first on the path and has a file of the same name as the package.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(__file__)]

import duckdb  # noqa: E402
import duckdb_extensions  # noqa: E402

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def connect():
    for extension in ("ducklake", "sqlite_scanner"):
        duckdb_extensions.import_extension(extension)
    connection = duckdb.connect()
    connection.execute("LOAD ducklake; LOAD sqlite_scanner; SET TimeZone = 'UTC'")
    return connection


def text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return f"{value:.10f}"
    if isinstance(value, datetime.datetime):
        return str((value - EPOCH) // datetime.timedelta(microseconds=1))
    return str(value)


def layout(catalog):
    """Name and type of each column of each foreign table."""
    connection = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'ducklake_%'"
        " AND name NOT LIKE 'ducklake_inlined_data__%' ORDER BY name"
    )
    # One more look for the name that the pattern above shuts out.
    tables = sorted({name for (name,) in names} | {"ducklake_inlined_data_tables"})
    columns = {}
    for table in tables:
        info = connection.execute(
            f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')")
        columns[table] = [list(column) for column in info]
    return columns


def main(lake):
    catalog = os.path.join(lake, "catalog.sqlite")
    connection = connect()
    connection.execute(f"ATTACH 'ducklake:sqlite:{catalog}' AS lake (READ_ONLY)")
    snapshots = connection.execute(
        "SELECT snapshot_id, snapshot_time, author FROM ducklake_snapshots('lake') ORDER BY 1"
    ).fetchall()
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY 1")
    tables = [row[0] for row in names.fetchall()]
    seen = {}
    for snapshot, _, _ in snapshots[2:]:
        for table in tables:
            rows = connection.execute(
                f'SELECT * FROM lake.main."{table}" AT (VERSION => {snapshot})').fetchall()
            seen[f"{snapshot} {table}"] = sorted("|".join(map(text, row)) for row in rows)
    answers = {}
    for query in sys.stdin.read().splitlines():
        answers[query] = [text(value) for value in connection.execute(query).fetchone()]
    own = os.path.join(tempfile.mkdtemp(), "own.sqlite")
    other = connect()
    other.execute(f"ATTACH 'ducklake:sqlite:{own}' AS own (DATA_PATH '{own}.files/')")
    other.close()
    print(json.dumps({
        "tables": tables,
        "snapshots": [[row[0], text(row[1]), row[2]] for row in snapshots],
        "seen": seen,
        "answers": answers,
        "layout_as_duckdb_makes_it": layout(own) == layout(catalog),
        "n_foreign_tables": len(layout(own)),
    }))


main(sys.argv[1])
