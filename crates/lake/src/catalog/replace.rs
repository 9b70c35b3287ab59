//! Files that are replaced in place: the same rows under the same number, in every snapshot that
//! lists them.

use std::path::Path;

use super::{DataFile, insert_index, name_of, signed, statistics, texts, unsigned, within};
use crate::cells::{Bound, Bounds};
use crate::error::LakeError;
use crate::parquet_file::WrittenFile;
use crate::schema::StoredTable;
use crate::sql::{Connection, params};

/// Lists all files of a table that any snapshot lists, with all their rows.
pub(crate) fn files_ever(
    connection: &Connection,
    dir: &Path,
    table: &StoredTable,
) -> Result<Vec<DataFile>, LakeError> {
    let sql = "SELECT f.data_file_id, f.path, f.record_count, f.file_size_bytes,
                      coalesce(l.n_withdrawn, 0), coalesce(l.load_id, 0), l.hash
               FROM ducklake_data_file f
               LEFT JOIN lake_file l ON l.data_file_id = f.data_file_id
               WHERE f.table_id = ?1 ORDER BY f.data_file_id";
    let folder = dir.join("main").join(table.name);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([table.id])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let n_stored = unsigned(row.get(2)?);
        files.push(DataFile {
            id: row.get(0)?,
            path: within(&folder, row.get(1)?)?,
            n_rows: n_stored,
            n_stored,
            deletes: None,
            bytes: unsigned(row.get(3)?),
            n_withdrawn: unsigned(row.get(4)?),
            load_id: row.get(5)?,
            hash: row.get(6)?,
        });
    }
    Ok(files)
}

/// Puts another file in the place of one that holds the same rows.
pub(crate) fn replace_file(
    connection: &Connection,
    table: &StoredTable,
    id: i64,
    file: &WrittenFile,
) -> Result<(), LakeError> {
    let name = name_of(&file.path);
    let sql = "UPDATE ducklake_data_file SET path = ?, file_size_bytes = ?, footer_size = ?
               WHERE data_file_id = ? AND record_count = ?";
    let n = connection.execute(
        sql,
        params![name, signed(file.bytes), signed(file.footer), id, signed(file.rows)],
    )?;
    if n != 1 {
        let found = format!("file {id} of table {}", table.name);
        return Err(LakeError::Unreadable { what: "file that was to be replaced", found });
    }
    let sql = "UPDATE lake_file SET hash = ? WHERE data_file_id = ?";
    connection.execute(sql, params![file.hash, id])?;
    connection.execute("DELETE FROM lake_key_index WHERE data_file_id = ?", [id])?;
    if let Some(index) = &file.index {
        insert_index(connection, table, id, index)?;
    }
    connection.execute("DELETE FROM ducklake_file_column_stats WHERE data_file_id = ?", [id])?;
    statistics(connection, table, file, id)
}

/// Takes the statistics of the texts of a table anew from those of its files, as they may hold what
/// no file holds any more, and its size.
pub(crate) fn narrow_table(connection: &Connection, table: &StoredTable) -> Result<(), LakeError> {
    connection.execute(
        "UPDATE ducklake_table_stats SET file_size_bytes =
            (SELECT coalesce(sum(file_size_bytes), 0) FROM ducklake_data_file
             WHERE table_id = ?1 AND end_snapshot IS NULL)
         WHERE table_id = ?1",
        [table.id],
    )?;
    for column in table.columns.iter().filter(|column| table.keeps_statistics(column)) {
        let sql = "SELECT value_count, min_value, max_value FROM ducklake_file_column_stats
                   WHERE table_id = ? AND column_id = ? AND value_count > 0";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([table.id, column.id])?;
        let mut range: Option<(Bound, Bound)> = None;
        let mut open = false;
        while let Some(row) = rows.next()? {
            let read = |at: usize| -> Result<Option<Bound>, LakeError> {
                let text: Option<String> = row.get(at)?;
                Ok(text.and_then(|text| Bound::from_catalog(column.kind, &text)))
            };
            match (read(1)?, read(2)?) {
                (Some(least), Some(greatest)) => {
                    range = Some(match range {
                        None => (least, greatest),
                        Some((low, high)) => (low.min(least), high.max(greatest)),
                    });
                }
                _ => open = true,
            }
        }
        let (least, greatest) = match range.filter(|_| !open) {
            Some((least, greatest)) => {
                texts(&Bounds { least: Some(least), greatest: Some(greatest), ..Bounds::default() })
            }
            None => (None, None),
        };
        connection
            .prepare_cached(
                "UPDATE ducklake_table_column_stats SET min_value = ?, max_value = ?
                 WHERE table_id = ? AND column_id = ?",
            )?
            .execute(params![least, greatest, table.id, column.id])?;
    }
    Ok(())
}

/// Lists the columns of the catalog that hold text, as (table, column).
pub(crate) fn text_columns(connection: &Connection) -> Result<Vec<(String, String)>, LakeError> {
    Ok(connection.text_columns()?)
}

/// Writes the catalog anew without its free pages and empties the write-ahead log of a file: both
/// keep what was deleted. Fails while somebody reads.
pub(crate) fn pack(connection: &Connection, dir: &Path) -> Result<(), LakeError> {
    if connection.pack()? {
        Ok(())
    } else {
        Err(LakeError::Locked { dir: dir.to_owned(), holder: "a reader".to_owned() })
    }
}
