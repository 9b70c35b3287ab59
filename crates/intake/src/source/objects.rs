//! Objects of a store as a folder of files.

use outbound::Fault;
use outbound::objects::{Object, Objects};

use super::{Fetched, Watch, path_below, refused};
use crate::limits::Limits;
use crate::settings::Rejected;

/// Brings all objects below an address, or the one that it names.
pub fn fetch(
    address: &str,
    limits: &Limits,
    folder: &std::path::Path,
    watch: &mut Watch<'_>,
) -> Result<Fetched, Rejected> {
    let objects = Objects::open(address).map_err(refused)?;
    let mut found: Vec<Object> = objects
        .list("", limits.source_files)
        .map_err(refused)?
        .into_iter()
        .filter(visible)
        .collect();
    if found.is_empty() {
        found.extend(objects.head("").map_err(refused)?);
    }
    if found.is_empty() {
        return Err(refused(Fault::new(
            "object.nothing",
            format!("{} holds no object", objects.url()),
            "Check the bucket and the prefix.",
        )));
    }
    let total: u64 = found.iter().map(|object| object.bytes).sum();
    if total > limits.source_bytes {
        return Err(refused(Fault::new(
            "object.too-large",
            format!("{} holds {total} bytes, more than {}", objects.url(), limits.source_bytes),
            "Name a longer prefix.",
        )));
    }
    let mut done = 0;
    for object in &found {
        // The one that the address names has no key below it.
        let key = if object.key.is_empty() {
            address.rsplit('/').find(|part| !part.is_empty()).unwrap_or("object")
        } else {
            &object.key
        };
        watch(key, done, total);
        let path = path_below(folder, key.split('/'));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| super::disk(parent, &error))?;
        }
        done += objects.get(&object.key, &path, limits.source_bytes).map_err(refused)?;
    }
    watch("", total, total);
    Ok(Fetched { folder: folder.to_owned(), origin: objects.url(), diagnostics: Vec::new() })
}

/// Objects that stand for folders, and hidden ones, are no files.
fn visible(object: &Object) -> bool {
    !object.key.is_empty()
        && !object.key.ends_with('/')
        && !object.key.split('/').any(|part| part.starts_with('.'))
}
