//! Zip archives of exports: their files under names of our own, or a refusal that names the entry.
//!
//! What an archive says of itself is not believed: sizes are counted while unpacking, and nothing
//! is written but numbered files in a folder of its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Diagnostic, Place};
use zip::ZipArchive;

use crate::format::decode;
use crate::limits::Limits;
use crate::settings::Rejected;

/// A file of an archive.
pub(crate) struct Member {
    /// Where it was unpacked.
    pub(crate) path: PathBuf,
    /// The archive, a slash and its name in it.
    pub(crate) name: Arc<str>,
}

/// Endings of archives, which are not opened within an archive.
const NESTED: &[&str] = &[".zip", ".gz", ".tar", ".tgz", ".7z", ".bz2", ".xz", ".rar", ".zst"];

/// True where a path, or a file below a folder, has the name of an archive.
pub fn holds_archive(paths: &[PathBuf]) -> bool {
    fn below(path: &Path, depth: usize) -> bool {
        if !path.is_dir() {
            return path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        depth < 16 && entries.into_iter().any(|entry| below(&entry.path(), depth + 1))
    }
    paths.iter().any(|path| below(path, 0))
}

/// Unpacks an archive below `folder`. None where the file is no archive of exports: no zip at all,
/// or a workbook, which is one by its form.
pub(crate) fn unpack(
    path: &Path,
    name: &Arc<str>,
    limits: &Limits,
    folder: &Path,
) -> Option<Result<Vec<Member>, Rejected>> {
    let mut start = [0_u8; 4];
    let mut file = File::open(path).ok()?;
    file.read_exact(&mut start).ok()?;
    if &start != b"PK\x03\x04" {
        return None;
    }
    let refuse = |code: &'static str, message: String, hint: &str| -> Rejected {
        Diagnostic::error(code, message).at(Place::file(Arc::clone(name))).hint(hint).into()
    };
    let archive = match ZipArchive::new(file) {
        Ok(archive) => archive,
        Err(error) => {
            let message = format!("not a complete zip archive: {error}");
            return Some(Err(refuse("intake.zip", message, "Download or pack it again.")));
        }
    };
    if archive.file_names().flatten().any(|entry| entry == "xl/workbook.xml") {
        return None;
    }
    if archive.len() > limits.archive_entries {
        let (n, most) = (archive.len(), limits.archive_entries);
        return Some(Err(refuse(
            "intake.zip-entries",
            format!("the archive has {n} entries, the limit is {most}"),
            "Unpack it and load the files that you need.",
        )));
    }
    let place = (0..).map(|number| folder.join(format!("archive-{number}")));
    let place = place.take(100_000).find(|place| std::fs::create_dir(place).is_ok());
    let Some(place) = place else {
        let message = format!("`{}` cannot be written", folder.display());
        return Some(Err(refuse("source.disk", message, "Check free space and rights.")));
    };
    let members = members(archive, name, limits, &place, &refuse);
    if members.is_err() {
        // What stays goes with the folder around it.
        let _removed: io::Result<()> = std::fs::remove_dir_all(&place);
    }
    Some(members)
}

fn members(
    mut archive: ZipArchive<File>,
    name: &Arc<str>,
    limits: &Limits,
    place: &Path,
    refuse: &dyn Fn(&'static str, String, &str) -> Rejected,
) -> Result<Vec<Member>, Rejected> {
    let damaged = |error: &dyn std::fmt::Display| {
        let message = format!("the archive is damaged: {error}");
        refuse("intake.zip", message, "Download or pack it again.")
    };
    // All names first: an archive with one entry that leads astray is not opened at all.
    let mut wanted = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
        let shown = entry.name().map_err(|error| damaged(&error))?.into_owned();
        if entry.enclosed_name().is_none() || shown.starts_with(['/', '\\']) || shown.contains(':')
        {
            return Err(refuse(
                "intake.zip-path",
                format!("the entry `{shown}` of the archive leads outside of it"),
                "Do not unpack this archive; ask where it comes from.",
            ));
        }
        if entry.is_symlink() {
            return Err(refuse(
                "intake.zip-path",
                format!("the entry `{shown}` of the archive is a link"),
                "Pack the file itself.",
            ));
        }
        if entry.encrypted() {
            return Err(refuse(
                "intake.zip-locked",
                format!("the entry `{shown}` of the archive needs a password"),
                "Unpack it and load the folder.",
            ));
        }
        let lower = shown.to_lowercase();
        if NESTED.iter().any(|end| lower.ends_with(end)) {
            return Err(refuse(
                "intake.nested",
                format!(
                    "the archive holds another archive, `{shown}`; nested archives are not opened"
                ),
                "Unpack it and load the folder.",
            ));
        }
        let parts = || shown.split(['/', '\\']);
        let hidden = parts().any(|part| part.starts_with('.') || part == "__MACOSX");
        if !entry.is_dir() && !hidden {
            wanted.push((at, shown));
        }
    }
    if wanted.is_empty() {
        return Err(refuse("intake.empty", "the archive holds no file".into(), "Pack it again."));
    }
    let mut rest = limits.clone();
    let mut members = Vec::new();
    for (at, shown) in wanted {
        let entry = archive.by_index(at).map_err(|error| damaged(&error))?;
        let path = place.join(format!("{at:06}"));
        let member: Arc<str> = format!("{name}/{shown}").into();
        let failed = |error| decode::rejected(error, &member);
        let mut out = File::create_new(&path).map_err(failed)?;
        // No more than these bytes are read of it, so this is no mere claim.
        let packed = entry.compressed_size();
        let written = {
            let mut input = decode::counted(entry, Some(packed), &rest, &member);
            io::copy(&mut input, &mut out).map_err(failed)?
        };
        rest.unpacked_bytes = rest.unpacked_bytes.saturating_sub(written);
        members.push(Member { path, name: member });
    }
    Ok(members)
}
