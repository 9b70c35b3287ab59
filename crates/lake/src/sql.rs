//! The door to the catalog's database: `SQLite` in a file, or `PostgreSQL` on a server.
//!
//! The calls are those of `rusqlite`, so that a statement reads the same whichever answers it. A
//! statement keeps to what both understand; its placeholders are `?` and `?1`, translated for a
//! server, and so is the layout. A catalog is small: the rows of an answer are held together.

mod server;
pub(crate) mod value;

use std::cell::RefCell;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use outbound::Fault;
use outbound::postgres::Server;

use self::server::Remote;
pub(crate) use self::value::{Params, Row, Value, params};

/// How long a file that somebody else is writing is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a statement was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file, or what was found in an answer.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The server refused, or is gone.
    #[error(transparent)]
    Server(#[from] Fault),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A connection to the catalog. It only reads, but for [`Connection::set_writable`].
#[derive(Debug)]
pub(crate) struct Connection(Inner);

#[derive(Debug)]
enum Inner {
    Sqlite(rusqlite::Connection),
    Server(Box<RefCell<Remote>>),
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        // A load has more statements than are kept by default.
        connection.set_prepared_statement_cache_capacity(96);
        Self(Inner::Sqlite(connection))
    }
}

impl Connection {
    /// Opens a file: write-ahead log, each commit flushed before it is acknowledged.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection.into())
    }

    /// Connects to a server.
    pub(crate) fn server(server: Server) -> Result<Self> {
        Ok(Self(Inner::Server(Box::new(RefCell::new(Remote::connect(server)?)))))
    }

    /// Returns the file's own connection; none on a server.
    pub(crate) fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match &self.0 {
            Inner::Sqlite(connection) => Some(connection),
            Inner::Server(_) => None,
        }
    }

    /// Gives or takes the right to write.
    pub(crate) fn set_writable(&self, writable: bool) -> Result<()> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                Ok(connection.pragma_update(None, "query_only", !writable)?)
            }
            Inner::Server(remote) => {
                remote.borrow_mut().writable = writable;
                Ok(())
            }
        }
    }

    /// True where the catalog has a table of this name.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool> {
        let sql = match &self.0 {
            Inner::Sqlite(_) => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
            Inner::Server(_) => {
                "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?"
            }
        };
        self.prepare(sql)?.exists([name])
    }

    /// Lists the columns that hold text, as (table, column).
    pub(crate) fn text_columns(&self) -> Result<Vec<(String, String)>> {
        let sql = match &self.0 {
            Inner::Sqlite(_) => {
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
                   AND upper(c.type) IN ('TEXT', 'VARCHAR')
                 ORDER BY m.name, c.cid"
            }
            Inner::Server(_) => {
                "SELECT table_name::text, column_name::text FROM information_schema.columns
                 WHERE table_schema = current_schema()
                   AND data_type IN ('text', 'character varying')
                 ORDER BY table_name, ordinal_position"
            }
        };
        self.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Writes the tables anew without what was deleted, and empties the log of a file; false where
    /// a reader keeps it from that. A server keeps its own log for as long as it is told to.
    pub(crate) fn pack(&self) -> Result<bool> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                connection.execute_batch("VACUUM")?;
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                let busy: i64 = connection.query_row(sql, [], |row| row.get(0))?;
                Ok(busy == 0)
            }
            Inner::Server(remote) => {
                let sql = "SELECT quote_ident(tablename) FROM pg_tables
                           WHERE schemaname = current_schema()";
                let tables: Vec<String> =
                    self.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
                for table in tables {
                    match remote.borrow_mut().batch(&format!("VACUUM (FULL) {table}")) {
                        Err(Error::Server(fault)) if fault.code == server::TIMEOUT => {
                            return Ok(false);
                        }
                        done => done?,
                    }
                }
                Ok(true)
            }
        }
    }

    /// Makes tables, written as a file wants them.
    pub(crate) fn make_tables(&self, layout: &str) -> Result<()> {
        match &self.0 {
            Inner::Sqlite(connection) => Ok(connection.execute_batch(layout)?),
            Inner::Server(remote) => remote.borrow_mut().batch(&server::layout(layout)),
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.run(sql, &params.values())
    }

    /// Runs a query for its first row.
    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row) -> Result<T>,
    ) -> Result<T> {
        let rows = self.rows(sql, &params.values())?;
        rows.first().map_or(Err(rusqlite::Error::QueryReturnedNoRows.into()), read)
    }

    /// Prepares a statement; statements are kept by their text.
    #[expect(clippy::unnecessary_wraps, reason = "the calls are those of rusqlite")]
    pub(crate) fn prepare<'c>(&'c self, sql: &'c str) -> Result<Statement<'c>> {
        Ok(Statement { connection: self, sql })
    }

    /// Prepares a statement; statements are kept by their text.
    pub(crate) fn prepare_cached<'c>(&'c self, sql: &'c str) -> Result<Statement<'c>> {
        self.prepare(sql)
    }

    /// Begins a transaction that writes, where that is allowed; dropped without a commit, it never
    /// was.
    pub(crate) fn transaction(&mut self) -> Result<Transaction<'_>> {
        match &self.0 {
            Inner::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Inner::Server(remote) => remote.borrow_mut().begin(true)?,
        }
        Ok(Transaction { connection: self, open: true })
    }

    /// Begins a transaction that sees one state and writes nothing.
    pub(crate) fn reading(&self) -> Result<Transaction<'_>> {
        match &self.0 {
            Inner::Sqlite(connection) => connection.execute_batch("BEGIN")?,
            Inner::Server(remote) => remote.borrow_mut().begin(false)?,
        }
        Ok(Transaction { connection: self, open: true })
    }

    fn end(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Inner::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Inner::Server(remote) => remote.borrow_mut().end(sql),
        }
    }

    fn run(&self, sql: &str, values: &[Value]) -> Result<usize> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                Ok(statement.execute(rusqlite::params_from_iter(values))?)
            }
            Inner::Server(remote) => remote.borrow_mut().execute(sql, values),
        }
    }

    fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let n_columns = statement.column_count();
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let values = (0..n_columns).map(|at| Value::of(at, row.get_ref(at)?));
                    found.push(Row(values.collect::<rusqlite::Result<_>>()?));
                }
                Ok(found)
            }
            Inner::Server(remote) => remote.borrow_mut().query(sql, values),
        }
    }
}

/// A statement that can be run several times.
pub(crate) struct Statement<'c> {
    connection: &'c Connection,
    sql: &'c str,
}

impl Statement<'_> {
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize> {
        self.connection.run(self.sql, &params.values())
    }

    pub(crate) fn exists(&mut self, params: impl Params) -> Result<bool> {
        Ok(!self.connection.rows(self.sql, &params.values())?.is_empty())
    }

    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows> {
        let rows = self.connection.rows(self.sql, &params.values())?;
        Ok(Rows { rows: rows.into_iter(), current: None })
    }

    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(&Row) -> Result<T>,
    ) -> Result<T> {
        self.connection.query_row(self.sql, params, read)
    }

    pub(crate) fn query_map<T, F: FnMut(&Row) -> Result<T>>(
        &mut self,
        params: impl Params,
        mut read: F,
    ) -> Result<std::vec::IntoIter<Result<T>>> {
        let rows = self.connection.rows(self.sql, &params.values())?;
        let read: Vec<Result<T>> = rows.iter().map(&mut read).collect();
        Ok(read.into_iter())
    }
}

/// The rows of an answer, one after the other.
pub(crate) struct Rows {
    rows: std::vec::IntoIter<Row>,
    current: Option<Row>,
}

impl Rows {
    #[expect(clippy::unnecessary_wraps, reason = "the calls are those of rusqlite")]
    pub(crate) fn next(&mut self) -> Result<Option<&Row>> {
        self.current = self.rows.next();
        Ok(self.current.as_ref())
    }
}

/// A transaction; dropped without a commit, it never was.
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
    open: bool,
}

impl Transaction<'_> {
    pub(crate) fn commit(mut self) -> Result<()> {
        self.connection.end("COMMIT")?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            // A connection that cannot even do this has lost the transaction already.
            let _undone: Result<()> = self.connection.end("ROLLBACK");
        }
    }
}

/// No row is no error.
pub(crate) trait OptionalExtension<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::Sqlite(rusqlite::Error::QueryReturnedNoRows)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_is_dropped_never_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Connection::file(&folder.path().join("x.sqlite")).unwrap();
        connection.set_writable(true).unwrap();
        connection.make_tables("CREATE TABLE t (a INTEGER, b TEXT)").unwrap();
        let transaction = connection.transaction().unwrap();
        transaction.execute("INSERT INTO t VALUES (?, ?)", params![1_i64, "gone"]).unwrap();
        drop(transaction);
        let transaction = connection.transaction().unwrap();
        transaction.execute("INSERT INTO t VALUES (?, ?)", params![2_i64, None::<&str>]).unwrap();
        transaction.commit().unwrap();
        connection.set_writable(false).unwrap();
        assert!(connection.execute("DELETE FROM t", []).is_err());
        let rows: Vec<(i64, Option<String>)> = connection
            .prepare("SELECT a, b FROM t")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_>>()
            .unwrap();
        assert_eq!(rows, [(2, None)]);
        let none = connection.query_row("SELECT a FROM t WHERE a = ?", [9_i64], |row| row.get(0));
        assert_eq!(none.optional().unwrap(), None::<i64>);
    }
}
