//! The key of the lake, in a file of its own beside the catalog: the catalog and the facts alone do
//! not tell which address a match key stands for.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use domain::person::PersonKey;

use crate::error::LakeError;

/// Name of the file.
pub(crate) const FILE: &str = "person.key";

/// Makes a random key that only the owner of the file may read.
pub(crate) fn create(dir: &Path) -> Result<PersonKey, LakeError> {
    let path = dir.join(FILE);
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        LakeError::disk("cannot make randomness for", &path)(std::io::Error::other(error))
    })?;
    // What a maker left that died before it made the catalog.
    fs::remove_file(&path)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
        .map_err(LakeError::disk("cannot remove", &path))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let hex = blake3::Hash::from_bytes(bytes).to_hex();
    options
        .open(&path)
        .and_then(|mut file| {
            file.write_all(format!("{hex}\n").as_bytes())?;
            file.sync_all()
        })
        .map_err(LakeError::disk("cannot write", &path))?;
    Ok(PersonKey::new(bytes))
}

/// Reads the key; fails where it is gone, is no key, or is not the one that the lake was made with.
pub(crate) fn read(dir: &Path, check: Option<&str>) -> Result<PersonKey, LakeError> {
    let path = dir.join(FILE);
    let fault = |found: &'static str| LakeError::PersonKey { path: path.clone(), found };
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => fault("is missing"),
        std::io::ErrorKind::InvalidData => fault("is no key"),
        _ => LakeError::disk("cannot read", &path)(error),
    })?;
    let hash = blake3::Hash::from_hex(text.trim()).map_err(|_| fault("is no key"))?;
    let key = PersonKey::new(*hash.as_bytes());
    if check.is_some_and(|check| check != self::check(&key)) {
        return Err(fault("is the key of another lake"));
    }
    Ok(key)
}

/// Says what is wrong with the key to the last byte; none where it is as it was written.
pub(crate) fn fault(dir: &Path, check: Option<&str>) -> Result<Option<&'static str>, LakeError> {
    match read(dir, check) {
        Err(LakeError::PersonKey { found, .. }) => return Ok(Some(found)),
        read => read?,
    };
    let text = fs::read_to_string(dir.join(FILE)).unwrap_or_default();
    let hash = blake3::Hash::from_hex(text.trim());
    let same = hash.is_ok_and(|hash| format!("{}\n", hash.to_hex()) == text);
    Ok(if same { None } else { Some("is not as it was written") })
}

/// What the catalog keeps, to know the key again.
pub(crate) fn check(key: &PersonKey) -> String {
    key.record("")
}
