//! A catalog on a `PostgreSQL` server: its connection, and how statements and layout are
//! translated.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use outbound::Fault;
use outbound::postgres::Server;
use postgres::Client;
use postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::value::{Row, Value};
use super::{Error, Result};

/// The code of a fault where somebody else is in the way.
pub(super) const TIMEOUT: &str = "postgres.timeout";

/// A statement that takes longer is given up.
const PATIENCE: Duration = Duration::from_mins(5);

/// What every connection begins with. A commit is acknowledged once the server has flushed it,
/// whatever its default; nothing is written outside of a transaction that says so; a connection
/// may be idle for as long as a load takes, and its locks do not outlive a machine that is gone.
const SETTINGS: &str = "
    SET synchronous_commit = on; SET lock_timeout = '10s'; SET default_transaction_read_only = on;
    SELECT set_config(w.name, w.value, false)
    FROM (VALUES ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
                 ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'),
                 ('tcp_keepalives_count', '3')) AS w (name, value)
    JOIN pg_settings s ON s.name = w.name";

pub(super) struct Remote {
    /// Taken when dropped.
    client: Option<Client>,
    server: Server,
    statements: HashMap<String, postgres::Statement>,
    /// What is between `BEGIN` and its end cannot go on over another connection.
    in_transaction: bool,
    /// True where a transaction may write.
    pub(super) writable: bool,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.server)
    }
}

fn client(server: &Server) -> Result<Client> {
    let mut client = server.connect(Some(PATIENCE)).map_err(of_catalog)?;
    client.batch_execute(SETTINGS).map_err(|error| of_catalog(server.fault(&error)))?;
    Ok(client)
}

/// Says what to do in the words of a catalog.
fn of_catalog(fault: Fault) -> Error {
    let hint = match fault.code {
        "postgres.denied" => "The user needs CREATE on the schema, and owns the catalog's tables.",
        TIMEOUT => "Try again when the server has less to do.",
        _ => return Error::Server(fault),
    };
    Error::Server(Fault { hint: hint.to_owned(), ..fault })
}

impl Remote {
    pub(super) fn connect(server: Server) -> Result<Self> {
        let client = Some(client(&server)?);
        let statements = HashMap::new();
        Ok(Self { client, server, statements, in_transaction: false, writable: false })
    }

    /// Connects anew where the connection has ended since the last statement.
    fn revive(&mut self) -> Result<()> {
        let gone = self.client.as_ref().is_none_or(Client::is_closed);
        if gone && !self.in_transaction {
            self.statements.clear();
            self.client = Some(client(&self.server)?);
        }
        Ok(())
    }

    fn ask<T>(
        &mut self,
        what: impl FnOnce(&mut Client) -> std::result::Result<T, postgres::Error>,
    ) -> Result<T> {
        let lost = || {
            let message = format!("{}: the connection is lost", self.server.shown());
            Fault::new("postgres.lost", message, "Try again when the server is up.")
        };
        let Some(client) = self.client.as_mut() else { return Err(lost().into()) };
        what(client).map_err(|error| of_catalog(self.server.fault(&error)))
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<()> {
        self.revive()?;
        self.ask(|client| client.batch_execute(sql))
    }

    pub(super) fn begin(&mut self, writes: bool) -> Result<()> {
        self.batch(match (writes, self.writable) {
            (true, true) => "BEGIN READ WRITE",
            (true, false) => "BEGIN READ ONLY",
            (false, _) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })?;
        self.in_transaction = true;
        Ok(())
    }

    pub(super) fn end(&mut self, sql: &str) -> Result<()> {
        self.in_transaction = false;
        self.ask(|client| client.batch_execute(sql))
    }

    fn statement(&mut self, sql: &str) -> Result<postgres::Statement> {
        self.revive()?;
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let made = self.ask(|client| client.prepare(&placeholders(sql)))?;
        self.statements.insert(sql.to_owned(), made.clone());
        Ok(made)
    }

    pub(super) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize> {
        let statement = self.statement(sql)?;
        let changed = self.ask(|client| client.execute(&statement, &borrowed(values)))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        let rows = self.ask(|client| client.query(&statement, &borrowed(values)))?;
        let read = |row: &postgres::Row| {
            let values = (0..row.len()).map(|at| row.try_get::<_, Value>(at));
            values.collect::<std::result::Result<_, _>>().map(Row)
        };
        let rows: std::result::Result<Vec<Row>, postgres::Error> = rows.iter().map(read).collect();
        rows.map_err(|error| of_catalog(self.server.fault(&error)))
    }
}

fn borrowed(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Drop for Remote {
    fn drop(&mut self) {
        // A client waits for its end, which a thread of an asynchronous runtime may not.
        let (client, statements) = (self.client.take(), std::mem::take(&mut self.statements));
        let ending = std::thread::Builder::new().spawn(move || drop((statements, client)));
        let _ended = ending.map(std::thread::JoinHandle::join);
    }
}

type Unfit = Box<dyn std::error::Error + Sync + Send>;

/// As text, so that the server makes of it what the column is: a boolean, a time, an identifier.
impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> std::result::Result<IsNull, Unfit> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Real(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Blob(bytes) => {
                out.extend_from_slice(b"\\x");
                for byte in bytes {
                    out.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// What the columns of a catalog hold, in the kinds that `SQLite` has for them.
impl FromSql<'_> for Value {
    fn from_sql(kind: &Type, raw: &[u8]) -> std::result::Result<Self, Unfit> {
        Ok(match *kind {
            Type::BOOL => Self::Integer(i64::from(bool::from_sql(kind, raw)?)),
            Type::INT2 => Self::Integer(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::FLOAT4 => Self::Real(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(kind, raw)?),
            Type::NUMERIC => Self::Integer(whole(raw).ok_or("a number that is not whole")?),
            Type::BYTEA => Self::Blob(raw.to_vec()),
            Type::TIMESTAMPTZ => {
                // Microseconds since the year 2000.
                const SINCE: i64 = 946_684_800_000_000;
                let at = i64::from_be_bytes(raw.try_into()?);
                let at = Timestamp::from_microsecond(at.saturating_add(SINCE))?;
                Self::Text(crate::catalog::snapshot_time(at))
            }
            Type::UUID => {
                let hex = format!("{:032x}", u128::from_be_bytes(raw.try_into()?));
                let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
                let parts: Vec<&str> = parts.into_iter().filter_map(|part| hex.get(part)).collect();
                Self::Text(parts.join("-"))
            }
            _ => Self::Text(String::from_utf8(raw.to_vec())?),
        })
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Unfit> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Reads a whole number as the server sends exact ones: digits to the base 10,000.
fn whole(raw: &[u8]) -> Option<i64> {
    let word = |at: usize| {
        let bytes = raw.get(at * 2..at * 2 + 2)?;
        Some(i64::from(i16::from_be_bytes(bytes.try_into().ok()?)))
    };
    let (n_digits, weight, sign) = (word(0)?, word(1)?, word(2)?);
    let mut number = 0_i64;
    for at in 0..=weight {
        let digit = if at < n_digits { word(4 + usize::try_from(at).ok()?)? } else { 0 };
        number = number.checked_mul(10_000)?.checked_add(digit)?;
    }
    let fits = n_digits <= weight + 1;
    match sign {
        0 => Some(number),
        0x4000 => Some(-number),
        _ => None,
    }
    .filter(|_| fits)
}

/// Writes `?` and `?1` as `$1`, outside of texts and names.
fn placeholders(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut next = 0_u32;
    let mut quote = None;
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            (close, Some(open)) if close == open => quote = None,
            ('?', None) => {
                let mut number = 0;
                while let Some(digit) = characters.peek().and_then(|c| c.to_digit(10)) {
                    number = number * 10 + digit;
                    characters.next();
                }
                if number == 0 {
                    next += 1;
                    number = next;
                }
                out.push('$');
                out.push_str(&number.to_string());
                continue;
            }
            _ => {}
        }
        out.push(character);
    }
    out
}

/// Columns that `DuckDB` makes of another type on a server than in a file.
const TYPED: [(&str, &str); 12] = [
    ("nulls_allowed BIGINT", "nulls_allowed BOOLEAN"),
    ("path_is_relative BIGINT", "path_is_relative BOOLEAN"),
    ("contains_nan BIGINT", "contains_nan BOOLEAN"),
    ("contains_null BIGINT", "contains_null BOOLEAN"),
    ("is_partition BIGINT", "is_partition BOOLEAN"),
    ("schema_uuid VARCHAR", "schema_uuid UUID"),
    ("table_uuid VARCHAR", "table_uuid UUID"),
    ("view_uuid VARCHAR", "view_uuid UUID"),
    ("snapshot_time VARCHAR", "snapshot_time TIMESTAMPTZ"),
    ("schedule_start VARCHAR", "schedule_start TIMESTAMPTZ"),
    (" INTEGER", " BIGINT"),
    // Texts of ours sort as their bytes do, whatever the database's language.
    (" TEXT", " TEXT COLLATE \"C\""),
];

/// Turns the statements that make a catalog in a file into those for a server.
pub(super) fn layout(sql: &str) -> String {
    let mut out = sql.replace(") STRICT;", ");");
    for (file, server) in TYPED {
        out = out.replace(file, server);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_numbers_outside_of_texts() {
        #[rustfmt::skip]
        let table = [
            ("SELECT ?",                              "SELECT $1"),
            ("VALUES (?, ?, NULL, ?)",                "VALUES ($1, $2, NULL, $3)"),
            ("a = ?2 AND b < ?1 OR c = ?12",          "a = $2 AND b < $1 OR c = $12"),
            ("a = '?' AND \"b?\" = ? AND c = 'it''s ?'", "a = '?' AND \"b?\" = $1 AND c = 'it''s ?'"),
        ];
        for (sql, expected) in table {
            assert_eq!(placeholders(sql), expected);
        }
    }

    #[test]
    fn whole_numbers_are_read_to_their_last_digit() {
        let raw =
            |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        #[rustfmt::skip]
        let table = [
            (raw(&[0, 0, 0, 0]),                      Some(0)),
            (raw(&[1, 0, 0, 0, 42]),                  Some(42)),
            (raw(&[1, 1, 0, 0, 3]),                   Some(30_000)),
            (raw(&[3, 2, 0x4000, 0, 1, 2345, 6789]),  Some(-123_456_789)),
            (raw(&[2, 0, 0, 2, 1, 5000]),             None),
        ];
        for (raw, expected) in table {
            assert_eq!(whole(&raw), expected, "{raw:?}");
        }
    }
}
