//! A trial: a file of a binary format is decoded to its end and its rows are thrown away.
//!
//! The decoders of Parquet and of workbooks may ask for gigabytes on the word of a hostile header,
//! and memory that is not there ends a process. So the host runs [`decode`] in a process of its
//! own with little memory and time, and reads only what survived: decoding is the same each time.

use std::path::Path;
use std::sync::Arc;

use crate::format::decode::{Content, content, open_bytes, rejected};
use crate::format::{parquet, workbook};
use crate::limits::Limits;
use crate::settings::Rejected;

/// Decodes a file to its end. A text has no decoder that could break and passes.
pub fn decode(path: &Path, limits: &Limits) -> Result<(), Rejected> {
    let name: Arc<str> = path.display().to_string().into();
    let mut head = [0_u8; 64];
    let mut input = open_bytes(path, false, limits, &name)?;
    let n_read = input.read(&mut head).map_err(|error| rejected(error, &name))?;
    match content(head.get(..n_read).unwrap_or_default()) {
        Content::Parquet => {
            parquet::columns(path, limits, &name)?;
            parquet::read(path, limits, &name, &mut |_| Ok(true))
        }
        Content::Zip => workbook::sheets(path, limits, &name).map(drop),
        _ => Ok(()),
    }
}
