//! Tables of a real PostgreSQL server, as loaders keep them, read by the program.
//!
//! `THROUGHLINE_ROWS=1000000` reads a table of a million rows instead of a short one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use domain::Cell;
use lake::Lake;
use testkit::postgres::{Cluster, PASSWORD};

use crate::program::{Company, Run, shared};

const LOGIN: &[(&str, &str)] = &[("PGPASSWORD", PASSWORD)];

fn load(company: &Company, address: &str, more: &[&str]) -> Run {
    company.run_with(&[&["load", address, "--json"], more].concat(), LOGIN)
}

/// Counts the facts of a table.
fn facts(company: &Company, table: &str) -> u64 {
    let lake = Lake::open(company.path().join(".throughline/lake")).unwrap();
    let newest = lake.newest().unwrap().expect("a load");
    lake.n_rows(newest, table).unwrap()
}

/// Reads columns of all facts of a table as text, in order.
fn rows(company: &Company, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let lake = Lake::open(company.path().join(".throughline/lake")).unwrap();
    let newest = lake.newest().unwrap().expect("a load");
    let frame = lake.frame(newest, table, columns).unwrap();
    let text = |cell: Cell| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Text(text) => text.to_string(),
        Cell::Decimal(amount) => amount.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Instant(at) => at.to_string(),
        other => format!("{other:?}"),
    };
    let mut rows: Vec<Vec<String>> = (0..frame.n_rows())
        .map(|row| columns.iter().map(|name| text(frame.cell(name, row))).collect())
        .collect();
    rows.sort();
    rows
}

fn staged(company: &Company) -> usize {
    std::fs::read_dir(company.path().join(".throughline/staging")).map_or(0, Iterator::count)
}

/// Puts the CSV files of a folder into tables of a schema, every column a text.
fn put_files(cluster: &Cluster, database: &str, schema: &str, folder: &Path) {
    cluster.run(database, &format!("CREATE SCHEMA {schema}"));
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read(&file).unwrap();
        let mut reader =
            csv::Reader::from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text));
        let columns: Vec<String> =
            reader.headers().unwrap().iter().map(|name| format!("\"{name}\" text")).collect();
        let table = format!("{schema}.{}", file.file_stem().unwrap().to_str().unwrap());
        cluster.run(database, &format!("CREATE TABLE {table} ({})", columns.join(", ")));
        // An empty field of these files is an absent value of the table.
        let copied = cluster.folder().join("copied.csv");
        let mut lines = csv::Writer::from_path(&copied).unwrap();
        for record in reader.records() {
            lines.write_record(&record.unwrap()).unwrap();
        }
        lines.flush().unwrap();
        readable(&copied);
        cluster.run(
            database,
            &format!("COPY {table} FROM '{}' (FORMAT csv, NULL '')", copied.display()),
        );
    }
}

fn readable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn tables_of_a_loader_say_the_same_as_files_of_it() {
    let Some(samples) = shared("data/source-samples/fivetran-tables") else { return };
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database("fivetran");
    let systems = ["salesforce", "hubspot", "google_ads", "linkedin", "facebook_ads"];
    for system in systems {
        put_files(&cluster, "fivetran", system, &samples.join(system));
    }
    let of_files = Company::new();
    let folders: Vec<String> =
        systems.iter().map(|system| samples.join(system).display().to_string()).collect();
    let mut files = vec!["load", "--json"];
    files.extend(folders.iter().map(String::as_str));
    let _partly = of_files.run(&files);
    let of_tables = Company::new();
    let _partly = load(&of_tables, &address, &[]);
    let mut n_facts = 0;
    for table in domain::fact::TABLES {
        // Each lake has a key of its own for addresses.
        let names = table.columns.iter().map(|column| column.name);
        let columns: Vec<&str> = names.filter(|name| *name != "match_key").collect();
        let expected = rows(&of_files, table.name, &columns);
        assert_eq!(rows(&of_tables, table.name, &columns), expected, "{}", table.name);
        n_facts += expected.len();
    }
    assert!(n_facts > 150, "{n_facts}");
}

#[test]
fn values_come_as_they_are() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database("types");
    // The layout of Airbyte, typed; the layout of dlt beside it.
    cluster.run(
        "types",
        "CREATE SCHEMA airbyte; CREATE SCHEMA dlt; CREATE SCHEMA other;
         CREATE TYPE stage AS ENUM ('Prospecting', 'Closed Won');
         CREATE TABLE airbyte.\"Opportunity\" (
             \"Id\" varchar, \"AccountId\" varchar, \"Name\" text, \"StageName\" stage,
             \"Amount\" numeric(38, 9), \"CurrencyIsoCode\" char(3), \"CloseDate\" date,
             \"CreatedDate\" timestamptz, \"IsClosed\" boolean, \"IsWon\" boolean,
             \"IsDeleted\" boolean, \"SystemModstamp\" timestamp, \"LeadSource\" text,
             \"Extra\" jsonb, \"Tags\" text[], \"Photo\" bytea,
             _airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta jsonb);
         INSERT INTO airbyte.\"Opportunity\" VALUES
             ('006000000000001AAA', '001000000000001AAA', E'a \"quoted\"\\nname, with all',
              'Closed Won', 123456789012.345678901, 'EUR', '2026-03-01',
              '2026-01-02 03:04:05.678901+02', true, true, false, '2026-03-02 01:00:00', '',
              '{\"a\": [1, null]}', ARRAY['x', NULL], '\\x00ff', 'r1', now(), '{}'),
             ('006000000000002AAA', NULL, NULL, 'Prospecting', NULL, 'USD', '2026-12-31',
              '2026-01-02 00:00:00+00', false, false, false, '2026-01-02 00:00:00', NULL,
              NULL, NULL, NULL, 'r2', now(), '{}'),
             ('006000000000003AAA', NULL, 'gone', 'Prospecting', 1, 'USD', '2026-12-31',
              '2026-01-02 00:00:00+00', false, false, true, '2026-01-02 00:00:00', NULL,
              NULL, NULL, NULL, 'r3', now(), '{}');
         CREATE TABLE dlt.opportunity (
             id varchar, account_id varchar, name varchar, stage_name varchar, amount float8,
             close_date date, created_date timestamptz, is_closed bool, is_won bool,
             is_deleted bool, system_modstamp timestamptz, _dlt_load_id varchar, _dlt_id varchar);
         INSERT INTO dlt.opportunity VALUES
             ('006000000000009AAA', NULL, 'dlt', 'Prospecting', 0.1, '2026-05-05',
              '2026-01-02 00:00:00+00', false, false, false, '2026-01-02 00:00:00+00', 'l', 'd');
         CREATE TABLE dlt._dlt_loads (load_id varchar, schema_name varchar, status bigint);
         CREATE VIEW airbyte.open_deals AS SELECT * FROM airbyte.\"Opportunity\" WHERE NOT \"IsClosed\";
         CREATE TABLE other.weather (town text, degrees float8);",
    );
    let company = Company::new();
    let listed = load(&company, &address, &["--list"]).content().data();
    let why = |name: &str| {
        let tables = listed["tables"].as_array().unwrap();
        let table = tables.iter().find(|table| table["table"] == name).unwrap();
        table["left_out"].as_str().unwrap_or("").to_owned()
    };
    assert_eq!(why("airbyte.Opportunity"), "");
    assert_eq!(why("dlt.opportunity"), "");
    assert!(why("airbyte.open_deals").starts_with("a view"), "{listed}");
    assert!(why("other.weather").contains("no preset"), "{listed}");
    assert_eq!(staged(&company), 0, "a list leaves nothing");

    let run = company.run_with(&["load", &address], LOGIN);
    run.fails(0, "the column `Photo` is left out: it holds bytes");
    run.fails(0, "other.weather");
    let columns = ["id", "name", "stage", "amount", "currency", "close_on", "created_at"];
    let found = rows(&company, "opportunity", &columns);
    let expected = [
        [
            "006000000000001AAA",
            "a \"quoted\"\nname, with all",
            "Closed Won",
            "123456789012.345678901",
            "EUR",
            "2026-03-01",
            "2026-01-02T01:04:05.678901Z",
        ],
        [
            "006000000000002AAA",
            "-",
            "Prospecting",
            "-",
            "USD",
            "2026-12-31",
            "2026-01-02T00:00:00Z",
        ],
        [
            "006000000000009AAA",
            "dlt",
            "Prospecting",
            "0.1",
            "-",
            "2026-05-05",
            "2026-01-02T00:00:00Z",
        ],
    ];
    assert_eq!(found, expected);
    assert_eq!(staged(&company), 0, "what was brought is gone");
    let ledger = company.run(&["loads", "--json"]).content().stdout;
    assert!(ledger.contains(&address) && ledger.contains(" as of 20"), "{ledger}");
    assert!(!ledger.contains(PASSWORD), "{ledger}");
}

#[test]
fn all_tables_are_read_at_one_instant_while_others_write() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database("writers");
    cluster.run(
        "writers",
        "CREATE SCHEMA salesforce;
         CREATE TABLE salesforce.account (id text, name text, website text, owner_id text, is_deleted bool,
             created_date timestamptz, system_modstamp timestamptz);
         CREATE TABLE salesforce.opportunity (id text, account_id text, name text, stage_name text,
             amount numeric, close_date date, created_date timestamptz, is_closed bool, is_won bool,
             is_deleted bool, system_modstamp timestamptz, forecast_category_name text);
         CREATE PROCEDURE one(n int) LANGUAGE sql AS $$
             INSERT INTO salesforce.account VALUES ('a' || n, 'Account ' || n, NULL, NULL, false,
                 '2026-01-01', '2026-01-01');
             INSERT INTO salesforce.opportunity VALUES ('o' || n, 'a' || n, 'Deal ' || n,
                 'Prospecting', n, '2026-12-31', '2026-01-01', false, false, false, '2026-01-01',
                 'Pipeline');
         $$;
         DO $$ BEGIN FOR n IN 1..20000 LOOP CALL one(n); END LOOP; END $$;",
    );
    let stop = AtomicBool::new(false);
    let company = Company::new();
    thread::scope(|scope| {
        // Also where an assertion fails.
        let _stopper = Stopper(&stop);
        scope.spawn(|| {
            // Each transaction writes one row into both tables; every second one takes them away.
            let mut n = 20_001;
            while !stop.load(Ordering::Relaxed) {
                let more = (n..n + 20).map(|n| format!("BEGIN; CALL one({n}); COMMIT;"));
                let gone = format!(
                    "BEGIN; DELETE FROM salesforce.opportunity WHERE id = 'o{n}';
                     DELETE FROM salesforce.account WHERE id = 'a{n}'; COMMIT;"
                );
                cluster.run("writers", &(more.collect::<String>() + &gone));
                n += 20;
            }
        });
        for _ in 0..3 {
            load(&company, &address, &["--tables", "salesforce.*"]).content();
            let accounts = facts(&company, "account");
            assert_eq!(accounts, facts(&company, "opportunity"));
            assert!(accounts >= 20_000);
        }
    });
    let last: u64 =
        cluster.run("writers", "SELECT count(*) FROM salesforce.account").parse().unwrap();
    assert!(last > 20_000, "somebody wrote meanwhile: {last}");
}

struct Stopper<'a>(&'a AtomicBool);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes a table of deals.
fn deals(cluster: &Cluster, database: &str, rows: u64) {
    cluster.run(
        database,
        &format!(
            "CREATE SCHEMA crm;
             CREATE TABLE crm.opportunity AS SELECT 'o' || n AS id, 'a' || n % 1000 AS account_id,
                 'Deal number ' || n AS name, 'Prospecting'::text AS stage_name,
                 (n % 100000)::numeric / 100 AS amount, DATE '2026-12-31' AS close_date,
                 TIMESTAMPTZ '2026-01-01 00:00Z' + n * INTERVAL '1 second' AS created_date,
                 false AS is_closed, false AS is_won, false AS is_deleted,
                 TIMESTAMPTZ '2026-01-01 00:00Z' AS system_modstamp
             FROM generate_series(1, {rows}) AS n"
        ),
    );
}

#[test]
fn a_long_table_needs_no_memory_of_its_length() {
    let Some(cluster) = Cluster::shared() else { return };
    let rows = std::env::var("THROUGHLINE_ROWS").ok().and_then(|n| n.parse().ok());
    let rows: u64 = rows.unwrap_or(100_000);
    let address = cluster.database("long");
    deals(&cluster, "long", rows);
    let company = Company::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(["load", &address])
        .current_dir(company.path())
        .envs(LOGIN.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let started = std::time::Instant::now();
    let (mut brought, mut most, mut while_bringing) = (None, 0, 0);
    let done = loop {
        if let Some(done) = child.try_wait().unwrap() {
            break done;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(peak.unwrap_or(0) / 1024);
        // The lake is made once everything was brought.
        if !company.path().join(".throughline/lake").exists() {
            while_bringing = most;
            brought = Some(started.elapsed());
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(done.success());
    eprintln!(
        "{rows} rows: brought in {:.1} s with {while_bringing} MiB, loaded after {:.1} s with {most} MiB",
        brought.unwrap_or_default().as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(facts(&company, "opportunity"), rows);
    assert!(while_bringing < 100, "{while_bringing} MiB while the table was brought");
}

#[test]
fn what_goes_wrong_is_said_and_nothing_is_published() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database("faults");
    deals(&cluster, "faults", 400_000);
    cluster.run(
        "faults",
        "CREATE ROLE reader LOGIN PASSWORD 'staple'; GRANT USAGE ON SCHEMA crm TO reader;
         CREATE TABLE crm.lead (id text, converted_opportunity_id text, is_converted bool,
             created_date timestamptz, status text);
         ALTER TABLE crm.lead ENABLE ROW LEVEL SECURITY;
         GRANT SELECT ON crm.lead TO reader;",
    );
    let company = Company::new();
    let port = cluster.port;
    let wrong = [("PGPASSWORD", "battery staple")];
    let run = company.run_with(&["load", &address, "--json"], &wrong);
    run.fails(4, "password authentication failed");
    run.fails(4, "postgres.login");
    assert!(!run.stdout.contains("battery staple"), "{}", run.stdout);
    let given = format!("postgres://postgres:battery%20staple@127.0.0.1:{port}/faults");
    let run = company.run(&["load", &given, "--json"]);
    run.fails(4, "postgres.login");
    assert!(!run.stdout.contains("staple"), "{}", run.stdout);
    load(&company, &cluster.address("nowhere"), &[]).fails(4, "postgres.database");
    load(&company, &address, &["--tables", "sales.*"]).fails(2, "no table fits `sales.*`");
    load(&company, &address, &["--tables", "sales.*"]).fails(2, "There are tables in: crm");
    load(&company, "postgres://postgres@127.0.0.1:1/faults", &[]).fails(4, "postgres.unreachable");
    let reader = format!("postgres://reader@127.0.0.1:{port}/faults");
    let staple = [("PGPASSWORD", "staple")];
    let run = company.run_with(&["load", &reader, "--tables", "crm.opportunity"], &staple);
    run.fails(3, "this user may read none of its columns");
    let run = company.run_with(&["load", &reader, "--tables", "crm.lead"], &staple);
    run.fails(4, "row-level security");

    // The server ends the connection in the middle of a table.
    let broken = thread::scope(|scope| {
        let loading = scope.spawn(|| load(&company, &address, &[]));
        for _ in 0..2000 {
            let ended = cluster.run(
                "faults",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'throughline' AND query LIKE 'COPY%' AND state = 'active'",
            );
            if ended == "t" {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        loading.join().unwrap()
    });
    broken.fails(4, "postgres.lost");
    assert!(!company.path().join(".throughline/lake").exists(), "nothing was published");
    assert_eq!(staged(&company), 0, "nothing was left");
    company.run(&["loads"]).content();
}

#[test]
fn who_answers_is_checked_unless_the_address_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = crate::digest::certificate(folder.path()) else { return };
    let Some(cluster) = Cluster::shared() else { return };
    let place = |name: &str, from: &str| {
        let to = cluster.folder().join(name);
        std::fs::copy(from, &to).unwrap();
        let owner = std::fs::metadata(cluster.folder()).unwrap();
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
        to.display().to_string()
    };
    let (theirs, secret) = (place("server.pem", &certificate), place("server.key", &key));
    cluster.database("private");
    deals(&cluster, "private", 10);
    for (name, value) in [("ssl_cert_file", &theirs), ("ssl_key_file", &secret)] {
        cluster.run("private", &format!("ALTER SYSTEM SET {name} = '{value}'"));
    }
    cluster.run("private", "ALTER SYSTEM SET ssl = on");
    cluster.run("private", "SELECT pg_reload_conf()");
    let company = Company::new();
    let port = cluster.port;
    let with = |host: &str, more: &str| {
        let address = format!("postgres://postgres@{host}:{port}/private{more}");
        load(&company, &address, &["--list"])
    };
    let trust = format!("&sslrootcert={certificate}");
    with("localhost", "?sslmode=verify-full").fails(4, "postgres.tls");
    with("localhost", &format!("?sslmode=verify-full{trust}")).content();
    with("127.0.0.1", &format!("?sslmode=verify-full{trust}")).fails(4, "postgres.tls");
    with("127.0.0.1", &format!("?sslmode=verify-ca{trust}")).content();
    with("127.0.0.1", "?sslmode=require").content();
    with("127.0.0.1", "").content();
    with("127.0.0.1", "?sslmode=disable").content();
}
