-- The 28 tables of a DuckLake 1.0 catalog on SQLite, with the columns and types that DuckDB 1.5.5
-- gives them, so that DuckDB opens the lake; then indexes and the tables of our own.

CREATE TABLE ducklake_column (
    column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, table_id BIGINT,
    column_order BIGINT, column_name VARCHAR, column_type VARCHAR, initial_default VARCHAR,
    default_value VARCHAR, nulls_allowed BIGINT, parent_column BIGINT, default_value_type VARCHAR,
    default_value_dialect VARCHAR
);

CREATE TABLE ducklake_column_mapping (
    mapping_id BIGINT, table_id BIGINT, "type" VARCHAR
);

CREATE TABLE ducklake_column_tag (
    table_id BIGINT, column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, "key" VARCHAR,
    "value" VARCHAR
);

CREATE TABLE ducklake_data_file (
    data_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT,
    file_order BIGINT, path VARCHAR, path_is_relative BIGINT, file_format VARCHAR,
    record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, row_id_start BIGINT,
    partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, partial_max BIGINT
);

CREATE TABLE ducklake_delete_file (
    delete_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT,
    data_file_id BIGINT, path VARCHAR, path_is_relative BIGINT, format VARCHAR,
    delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, encryption_key VARCHAR,
    partial_max BIGINT
);

CREATE TABLE ducklake_file_column_stats (
    data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT,
    value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR,
    contains_nan BIGINT, extra_stats VARCHAR
);

CREATE TABLE ducklake_file_partition_value (
    data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR
);

CREATE TABLE ducklake_file_variant_stats (
    data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR,
    shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT,
    min_value VARCHAR, max_value VARCHAR, contains_nan BIGINT, extra_stats VARCHAR
);

CREATE TABLE ducklake_files_scheduled_for_deletion (
    data_file_id BIGINT, path VARCHAR, path_is_relative BIGINT, schedule_start VARCHAR
);

CREATE TABLE ducklake_inlined_data_tables (
    table_id BIGINT, table_name VARCHAR, schema_version BIGINT
);

CREATE TABLE ducklake_macro (
    schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT,
    end_snapshot BIGINT
);

CREATE TABLE ducklake_macro_impl (
    macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, "sql" VARCHAR, "type" VARCHAR
);

CREATE TABLE ducklake_macro_parameters (
    macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR,
    parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR
);

CREATE TABLE ducklake_metadata (
    "key" VARCHAR NOT NULL, "value" VARCHAR NOT NULL, "scope" VARCHAR, scope_id BIGINT
);

CREATE TABLE ducklake_name_mapping (
    mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT,
    parent_column BIGINT, is_partition BIGINT
);

CREATE TABLE ducklake_partition_column (
    partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT,
    "transform" VARCHAR
);

CREATE TABLE ducklake_partition_info (
    partition_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT
);

CREATE TABLE ducklake_schema (
    schema_id BIGINT PRIMARY KEY, schema_uuid VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT,
    schema_name VARCHAR, path VARCHAR, path_is_relative BIGINT
);

CREATE TABLE ducklake_schema_versions (
    begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT
);

CREATE TABLE ducklake_snapshot (
    snapshot_id BIGINT PRIMARY KEY, snapshot_time VARCHAR, schema_version BIGINT,
    next_catalog_id BIGINT, next_file_id BIGINT
);

CREATE TABLE ducklake_snapshot_changes (
    snapshot_id BIGINT PRIMARY KEY, changes_made VARCHAR, author VARCHAR, commit_message VARCHAR,
    commit_extra_info VARCHAR
);

CREATE TABLE ducklake_sort_expression (
    sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, dialect VARCHAR,
    sort_direction VARCHAR, null_order VARCHAR
);

CREATE TABLE ducklake_sort_info (
    sort_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT
);

CREATE TABLE ducklake_table (
    table_id BIGINT, table_uuid VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT,
    schema_id BIGINT, table_name VARCHAR, path VARCHAR, path_is_relative BIGINT
);

CREATE TABLE ducklake_table_column_stats (
    table_id BIGINT, column_id BIGINT, contains_null BIGINT, contains_nan BIGINT,
    min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR
);

CREATE TABLE ducklake_table_stats (
    table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT
);

CREATE TABLE ducklake_tag (
    object_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, "key" VARCHAR, "value" VARCHAR
);

CREATE TABLE ducklake_view (
    view_id BIGINT, view_uuid VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT,
    schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, "sql" VARCHAR, column_aliases VARCHAR
);

CREATE INDEX lake_data_file_live ON ducklake_data_file (table_id, end_snapshot);
CREATE INDEX lake_delete_file_of ON ducklake_delete_file (data_file_id);
CREATE INDEX lake_file_column ON ducklake_file_column_stats (table_id, data_file_id);
CREATE INDEX lake_file_column_by_file ON ducklake_file_column_stats (data_file_id);

CREATE INDEX lake_data_file_begun ON ducklake_data_file (begin_snapshot);
CREATE INDEX lake_data_file_ended ON ducklake_data_file (end_snapshot);

-- What the lake is: its random identity and its layout.
CREATE TABLE lake_info (
    key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;

-- One row for each load, in the same transaction as its files. Instants are RFC 3339, UTC, with six
-- digits after the second, so that their order as text is their order in time.
CREATE TABLE load_ledger (
    load_id INTEGER PRIMARY KEY, snapshot_id INTEGER NOT NULL UNIQUE, content_hash TEXT NOT NULL,
    recorded_at TEXT NOT NULL, author TEXT, message TEXT,
    n_read INTEGER NOT NULL, n_loaded INTEGER NOT NULL, n_known INTEGER NOT NULL,
    n_quarantined INTEGER NOT NULL,
    facts TEXT NOT NULL, -- JSON: what became of the facts, by table
    passed TEXT NOT NULL, -- JSON: what guards found and let pass, as they were told to
    CHECK (n_loaded + n_known + n_quarantined = n_read)
) STRICT;

-- The files of a load. A file is known by its content and the preset that read it: the same content
-- through another preset says other things. `complete`: what it leaves out is gone; `in_set`: a
-- manifest names it; `status`: `new`, `again`, `loaded_before`, `same_as`.
CREATE TABLE load_file (
    load_id INTEGER NOT NULL REFERENCES load_ledger (load_id), file_index INTEGER NOT NULL,
    name TEXT NOT NULL, content_hash TEXT NOT NULL, preset TEXT NOT NULL,
    connection TEXT, complete INTEGER NOT NULL, in_set INTEGER NOT NULL, status TEXT NOT NULL,
    n_read INTEGER NOT NULL, n_loaded INTEGER NOT NULL, n_known INTEGER NOT NULL,
    n_quarantined INTEGER NOT NULL,
    totals TEXT NOT NULL, -- JSON: control totals by name
    PRIMARY KEY (load_id, file_index),
    CHECK (n_loaded + n_known + n_quarantined = n_read)
) STRICT;

-- Refused rows that a later load took: the quarantine itself never changes. `file_index` is the
-- number of the file in the load that refused it.
CREATE TABLE quarantine_resolved (
    load_id INTEGER NOT NULL, file_index INTEGER NOT NULL, line INTEGER NOT NULL,
    by_load_id INTEGER NOT NULL REFERENCES load_ledger (load_id), recorded_at TEXT NOT NULL,
    PRIMARY KEY (load_id, file_index, line)
) STRICT;

-- What is remembered of a stream of a connection between its runs: its key and its table version.
CREATE TABLE stream_note (
    stream TEXT PRIMARY KEY, note TEXT NOT NULL
) STRICT;

CREATE INDEX lake_load_file_content ON load_file (content_hash, preset);
CREATE INDEX lake_load_file_source ON load_file (connection, preset);

-- The columns that a source of a connection had, with the first and the last load that had them.
-- The connection is empty where a load names none.
CREATE TABLE source_column (
    connection TEXT NOT NULL, preset TEXT NOT NULL, column_name TEXT NOT NULL,
    feeds TEXT, -- the fact column that it feeds, as `opportunity.amount`
    first_load INTEGER NOT NULL, last_load INTEGER NOT NULL,
    PRIMARY KEY (connection, preset, column_name)
) STRICT;

-- Loads that a guard holds, with what a person decided. Their files stand in `held/ID/` beside the
-- lake while they wait.
CREATE TABLE held_load (
    held_id INTEGER PRIMARY KEY, content_hash TEXT NOT NULL, held_at TEXT NOT NULL, author TEXT,
    message TEXT,
    holds TEXT NOT NULL, -- JSON: why
    files TEXT NOT NULL, -- JSON: name, hash and source of each
    state TEXT NOT NULL, -- `waiting`, `accepted`, `dropped`
    decided_at TEXT, decided_by TEXT, because TEXT, load_id INTEGER
) STRICT;

-- What the foreign tables have no column for. The hash is BLAKE3 of the file, in hexadecimal.
CREATE TABLE lake_file (
    data_file_id INTEGER PRIMARY KEY, load_id INTEGER NOT NULL, n_withdrawn INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

-- The chain of changes: each has a digest over what it wrote and the digest before. The newest one
-- stands in the file `anchor.log` too.
CREATE TABLE lake_change (
    n INTEGER PRIMARY KEY, snapshot_id INTEGER NOT NULL, what TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;

-- The lists of deleted rows that we wrote, with the withdrawn ones among these rows.
CREATE TABLE lake_delete_file (
    delete_file_id INTEGER PRIMARY KEY, load_id INTEGER NOT NULL, n_withdrawn INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

-- The indexes of keys that stand beside files of the newest snapshot. A row may be deleted at any
-- time: the next load makes the index anew.
CREATE TABLE lake_key_index (
    data_file_id INTEGER PRIMARY KEY, table_id INTEGER NOT NULL, path TEXT NOT NULL,
    file_size_bytes INTEGER NOT NULL, hash TEXT NOT NULL
) STRICT;

-- People who are forgotten. What was begun is finished by whoever opens the lake next.
CREATE TABLE erasure (
    erasure_id INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, author TEXT,
    state TEXT NOT NULL, -- begun, done
    folders TEXT NOT NULL -- JSON: folders beside the lake to be emptied and searched
) STRICT;

-- How they are known again: the hash of an address (which is the match key), of the words of a name
-- or of a number, the identifier of a record. The pseudonym stands where the match key stood.
CREATE TABLE forgotten (
    kind TEXT NOT NULL, mark TEXT NOT NULL, pseudonym TEXT NOT NULL,
    erasure_id INTEGER NOT NULL REFERENCES erasure (erasure_id),
    PRIMARY KEY (kind, mark)
) STRICT;

-- Snapshots that hold what a load's snapshot holds, in fewer files.
CREATE TABLE lake_compaction (
    snapshot_id INTEGER PRIMARY KEY, load_id INTEGER NOT NULL REFERENCES load_ledger (load_id)
) STRICT;
