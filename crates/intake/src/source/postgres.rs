//! Tables of a PostgreSQL database, as a loader keeps them, read at one instant.
//!
//! All tables are read in one transaction that sees one state of the database and keeps anybody
//! from emptying a table behind it. Numbers come exact, times in UTC, structures as JSON; an absent
//! value is an empty field and an empty text a quoted one. Only tables whose columns are recognized
//! are read.

use std::fs::File;
use std::io::{BufRead as _, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::postgres::{Client, IsolationLevel, Row, Transaction};
use domain::Diagnostic;
use jiff::Timestamp;
use outbound::Fault;
use outbound::postgres::Server;

use super::{Fetched, Watch, create_private, disk, path_below, refused, warning};
use crate::preset::Shape;
use crate::settings::{Rejected, Settings};
use crate::survey::plan;

/// Longest that one table may take.
const PATIENCE: Duration = Duration::from_hours(6);

/// A table of the database, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Schema and name.
    pub name: String,
    /// Rows as the server estimates them.
    pub rows: u64,
    /// What it is read as, or why it is not read.
    pub read: Result<String, String>,
    schema: String,
    table: String,
    /// Whether it is a table, not a view.
    plain: bool,
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    /// How it is selected, or why it is left out.
    select: Result<String, &'static str>,
}

/// Says what would be read: all tables that fit the patterns.
pub fn list(
    server: &Server,
    patterns: &[String],
    settings: &Settings,
    folder: &Path,
) -> Result<Vec<Table>, Rejected> {
    let mut client = server.connect(Some(PATIENCE)).map_err(refused)?;
    tables(server, &mut client, patterns, settings, folder)
}

/// Brings the tables that fit the patterns and are recognized, as one state of the database.
pub fn fetch(
    server: &Server,
    patterns: &[String],
    settings: &Settings,
    folder: &Path,
    watch: &mut Watch<'_>,
) -> Result<Fetched, Rejected> {
    let mut client = server.connect(Some(PATIENCE)).map_err(refused)?;
    let found = tables(server, &mut client, patterns, settings, folder)?;
    let wanted: Vec<&Table> = found.iter().filter(|table| table.read.is_ok()).collect();
    if wanted.is_empty() {
        return Err(nothing(server, &found).into());
    }
    let fault = |error: ::postgres::Error| refused(server.fault(&error));
    let mut transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .map_err(fault)?;
    transaction.batch_execute(&opening(&wanted)).map_err(fault)?;
    let row = transaction
        .query_one("SELECT (extract(epoch FROM now()) * 1000000)::bigint", &[])
        .map_err(fault)?;
    let at = Timestamp::from_microsecond(row.get(0)).map_err(|_| {
        let message = format!("{}: the clock of the server is beyond any date", server.shown());
        refused(Fault::new("postgres.clock", message, "Set the clock of the server."))
    })?;
    let files = folder.join("tables");
    let mut room = settings.limits.source_bytes;
    for table in wanted {
        room -= copy(server, &mut transaction, table, &files, room, watch)?;
    }
    transaction.rollback().map_err(fault)?;
    let origin = format!("{} as of {at}", server.shown());
    Ok(Fetched { folder: files, origin, diagnostics: found.iter().flat_map(remarks).collect() })
}

impl Table {
    fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.table))
    }

    /// Returns the columns that are read.
    fn selected(&self) -> impl Iterator<Item = (&str, &str)> {
        let read = |column: &Column| column.select.is_ok();
        self.columns
            .iter()
            .filter(move |column| read(column))
            .map(|column| (column.name.as_str(), column.select.as_deref().unwrap_or_default()))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a transaction begins with. Locks come before the first look: a table that is emptied after
/// the state was fixed would be read as empty. Rules that hide rows are an error, not a shorter
/// table.
fn opening(wanted: &[&Table]) -> String {
    let mut statements = "SET LOCAL lock_timeout = '30s'; SET LOCAL row_security = off; \
                          SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
                          SET LOCAL extra_float_digits = 3"
        .to_owned();
    let plain: Vec<String> =
        wanted.iter().filter(|table| table.plain).map(|table| table.quoted()).collect();
    if !plain.is_empty() {
        statements.push_str(&format!("; LOCK TABLE {} IN ACCESS SHARE MODE", plain.join(", ")));
    }
    statements
}

/// Finds the tables that fit the patterns and says of each what it is.
fn tables(
    server: &Server,
    client: &mut Client,
    patterns: &[String],
    settings: &Settings,
    folder: &Path,
) -> Result<Vec<Table>, Rejected> {
    let fault = |error: ::postgres::Error| refused(server.fault(&error));
    let sql = "SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
                      greatest(c.reltuples, 0)::bigint,
                      has_schema_privilege(n.oid, 'USAGE'), a.attname::text, b.typname::text,
                      t.typcategory::text, t.typtype::text,
                      has_column_privilege(c.oid, a.attnum, 'SELECT')
               FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               JOIN pg_type t ON t.oid = a.atttypid
               JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
                 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
               ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\", a.attnum";
    let mut all: Vec<(Table, char, bool)> = Vec::new();
    for row in client.query(sql, &[]).map_err(fault)? {
        let (table, kind, part) = described(&row);
        match all.last_mut().filter(|(last, ..)| last.name == table.name) {
            Some((last, ..)) => last.columns.extend(table.columns),
            None => all.push((table, kind, part)),
        }
    }
    for pattern in patterns {
        if !all.iter().any(|(table, ..)| fits(pattern, table)) {
            let schemas = schemas(all.iter().map(|(table, ..)| table));
            return Err(refused(Fault::new(
                "postgres.no-table",
                format!("{}: no table fits `{pattern}`", server.shown()),
                format!(
                    "There are tables in: {schemas}. Write SCHEMA.TABLE; `*` stands for any text."
                ),
            )));
        }
    }
    let headers = folder.join("headers");
    let mut found = Vec::new();
    for (mut table, kind, part) in all {
        let named = patterns.iter().any(|pattern| !pattern.contains('*') && fits(pattern, &table));
        if !patterns.is_empty() && !patterns.iter().any(|pattern| fits(pattern, &table)) {
            continue;
        }
        table.read = if part {
            Err("a part of another table, which is read whole".to_owned())
        } else if matches!(kind, 'v' | 'm') && !named {
            Err("a view; it is read where `--tables` names it in full".to_owned())
        } else if kind == 'f' && !named {
            Err("a table of another server; it is read where `--tables` names it in full"
                .to_owned())
        } else if table.read.is_err() {
            table.read
        } else if table.selected().next().is_none() {
            Err("this user may read none of its columns".to_owned())
        } else {
            recognized(&table, &headers, settings)?
        };
        found.push(table);
    }
    Ok(found)
}

fn described(row: &Row) -> (Table, char, bool) {
    let first = |at: usize| row.get::<_, String>(at).chars().next().unwrap_or(' ');
    let (schema, table): (String, String) = (row.get(0), row.get(1));
    let column: String = row.get(6);
    let name = quoted(&column);
    let select = match (row.get::<_, &str>(7), first(8), first(9)) {
        _ if !row.get::<_, bool>(10) => Err("this user may not read it"),
        ("bytea", ..) => Err("it holds bytes, not text"),
        (_, 'A', _) | (_, _, 'c') => Ok(format!("to_json({name})::text")),
        ("bool" | "json" | "jsonb", ..) => Ok(format!("{name}::text")),
        ("money", ..) => Ok(format!("{name}::numeric")),
        _ => Ok(name.clone()),
    };
    let read = match row.get(5) {
        true => Ok(String::new()),
        false => Err("this user may not use its schema".to_owned()),
    };
    let kind = first(2);
    let found = Table {
        name: format!("{schema}.{table}"),
        rows: u64::try_from(row.get::<_, i64>(4)).unwrap_or(0),
        read,
        schema,
        table,
        plain: matches!(kind, 'r' | 'p'),
        columns: vec![Column { name: column, select }],
    };
    (found, kind, row.get(3))
}

/// True where a pattern, `SCHEMA.TABLE` or `TABLE` with `*` for any text, names a table.
fn fits(pattern: &str, table: &Table) -> bool {
    let whole = if pattern.contains('.') { &table.name } else { &table.table };
    wild(pattern.as_bytes(), whole.as_bytes())
}

fn wild(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => {
            (0..=text.len()).any(|at| wild(rest, text.get(at..).unwrap_or_default()))
        }
        Some((first, rest)) => {
            text.split_first().is_some_and(|(head, tail)| head == first && wild(rest, tail))
        }
    }
}

fn schemas<'t>(tables: impl Iterator<Item = &'t Table>) -> String {
    let mut names: Vec<&str> = tables.map(|table| table.schema.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(10);
    names.truncate(10);
    match (names.is_empty(), more) {
        (true, _) => "no schema".to_owned(),
        (_, 0) => names.join(", "),
        (_, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// Says what the columns of a table are recognized as.
fn recognized(
    table: &Table,
    folder: &Path,
    settings: &Settings,
) -> Result<Result<String, String>, Rejected> {
    let path = path_below(folder, [&*table.schema, &*file_name(table)].into_iter());
    let parent = path.parent().unwrap_or(folder);
    let header: Vec<String> = table.selected().map(|(name, _)| quoted(name)).collect();
    create_private(parent)
        .and_then(|()| std::fs::write(&path, header.join(",") + "\n"))
        .map_err(|error| disk(&path, &error))?;
    let name: Arc<str> = format!("{}/{}", table.schema, file_name(table)).into();
    Ok(match plan(&path, &name, settings) {
        Ok(planned) => match planned.shape() {
            Shape::Skip(why) => Err(why.to_owned()),
            _ => Ok(planned.about),
        },
        Err(rejected) if rejected.0.code == "intake.not-recognized" => {
            Err("no preset and no mapping recognizes its columns".to_owned())
        }
        Err(rejected) => Err(rejected.0.message),
    })
}

fn file_name(table: &Table) -> String {
    format!("{}.csv", table.table)
}

/// Copies a table into a file and returns its size.
fn copy(
    server: &Server,
    transaction: &mut Transaction<'_>,
    table: &Table,
    folder: &Path,
    room: u64,
    watch: &mut Watch<'_>,
) -> Result<u64, Rejected> {
    let columns: Vec<String> =
        table.selected().map(|(name, select)| format!("{select} AS {}", quoted(name))).collect();
    let sql = format!(
        "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER true)",
        columns.join(", "),
        table.quoted()
    );
    let path = path_below(folder, [&*table.schema, &*file_name(table)].into_iter());
    create_private(path.parent().unwrap_or(folder)).map_err(|error| disk(&path, &error))?;
    let file = File::create_new(&path).map_err(|error| disk(&path, &error))?;
    let mut file = BufWriter::with_capacity(256 * 1024, file);
    let mut reader = transaction.copy_out(&sql).map_err(|error| refused(server.fault(&error)))?;
    let (mut bytes, mut rows, mut shown) = (0_u64, 0_u64, 0_u64);
    loop {
        let part = reader.fill_buf().map_err(|error| refused(server.broken(&error)))?;
        if part.is_empty() {
            break;
        }
        let length = part.len();
        bytes += length as u64;
        // The server sends a row at a time.
        rows += 1;
        if bytes > room {
            return Err(refused(Fault::new(
                "source.too-large",
                format!("{}: the tables hold more than the limit of bytes", server.shown()),
                "Name fewer tables with `--tables`.",
            )));
        }
        file.write_all(part).map_err(|error| disk(&path, &error))?;
        reader.consume(length);
        if rows >= shown + 1000 {
            shown = rows;
            watch(&table.name, rows, table.rows);
        }
    }
    let file = file.into_inner().map_err(|error| disk(&path, error.error()))?;
    file.sync_all().map_err(|error| disk(&path, &error))?;
    watch(&table.name, rows, rows);
    Ok(bytes)
}

/// What a reader should know of a table.
fn remarks(table: &Table) -> Vec<Diagnostic> {
    if let Err(why) = &table.read {
        return vec![warning("source.left-out", &table.name, format!("left out: {why}"))];
    }
    let left_out = |column: &Column| {
        let why = column.select.as_ref().err()?;
        let message = format!("the column `{}` is left out: {why}", column.name);
        Some(warning("source.column", &table.name, message))
    };
    table.columns.iter().filter_map(left_out).collect()
}

fn nothing(server: &Server, found: &[Table]) -> Diagnostic {
    let mut message = format!("{}: none of {} tables is read", server.shown(), found.len());
    let why = found.iter().find_map(|table| Some((&table.name, table.read.as_ref().err()?)));
    if let Some((name, why)) = why {
        message.push_str(&format!("; {name}, for example: {why}"));
    }
    Diagnostic::error("source.nothing", message)
        .hint("See all of them with `throughline load ADDRESS --list`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        #[rustfmt::skip]
        let table = [
            ("salesforce.*",   "salesforce.opportunity", true),
            ("*",              "opportunity",            true),
            ("opp*",           "opportunity",            true),
            ("*history",       "opportunity_history",    true),
            ("*.*",            "salesforce.lead",        true),
            ("a*b*c",          "aXbYbZc",                true),
            ("salesforce.*",   "salesforces.lead",       false),
            ("opportunity",    "opportunity_history",    false),
            ("",               "x",                      false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(wild(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
