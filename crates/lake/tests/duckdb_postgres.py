"""Reads a lake whose catalog is on a PostgreSQL server with the real DuckDB.

Usage: duckdb_postgres.py PORT DATABASE OTHER SNAPSHOT... (password: PGPASSWORD). In OTHER, an empty
database, DuckDB makes a lake of its own, whose layout is compared with ours.
"""

import os
import sys
import tempfile

# This folder comes first on the path and has a file of the same name as the package.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]

try:
    import duckdb
    import duckdb_extensions

    for extension in ("ducklake", "postgres_scanner"):
        duckdb_extensions.import_extension(extension)
except Exception as error:
    print(f"skipped: no DuckDB with ducklake and postgres_scanner: {error}")
    sys.exit(0)

port, ours, theirs, *snapshots = sys.argv[1:]
connection = duckdb.connect()
connection.execute("LOAD ducklake; LOAD postgres_scanner")


def server(database):
    return f"dbname={database} host=127.0.0.1 port={port} user=postgres"


def layout(name, database):
    connection.execute(f"ATTACH '{server(database)}' AS {name} (TYPE postgres, READ_ONLY)")
    rows = connection.execute(
        f"SELECT table_name, column_name, data_type FROM postgres_query('{name}', $$SELECT table_name,"
        " column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name LIKE 'ducklake_%' AND table_name NOT LIKE 'ducklake_inlined_data_%_%'"
        " ORDER BY table_name, ordinal_position$$)"
    ).fetchall()
    # Text without a limit has two names.
    return [(table, column, kind.replace("character varying", "text")) for table, column, kind in rows]


with tempfile.TemporaryDirectory() as folder:
    connection.execute(f"ATTACH 'ducklake:postgres:{server(theirs)}' AS made (DATA_PATH '{folder}')")
    connection.execute("CREATE TABLE made.t (a INTEGER)")
    mine, made = layout("mine", ours), layout("other", theirs)
    print("layout same" if mine == made else f"layout: {sorted(set(mine) ^ set(made))}")
    connection.execute(f"ATTACH 'ducklake:postgres:{server(ours)}' AS lake (READ_ONLY)")
    for snapshot in snapshots:
        row = connection.execute(
            "SELECT count(*), sum(amount), min(stage) FROM lake.opportunity AT (VERSION => "
            f"{int(snapshot)})"
        ).fetchone()
        print(*row)
