//! What is in these files? Before anything is read, each is named: format, encoding, layout,
//! columns that are understood and columns that are not.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::fact::SourceRow;
use domain::{Diagnostic, Place};

use crate::again::KeptRow;
use crate::archive;
use crate::format::decode::{Content, Encoding, Utf8Check, content, text_of, zip_entries};
use crate::format::{Each, Format, Tail, decode, delimited, ndjson, parquet, workbook};
use crate::lookups::Lookups;
use crate::manifest::{IDS, MANIFEST};
use crate::preset::Shape;
use crate::read::FileSummary;
use crate::recipe::Recipe;
use crate::recognize::{Recognized, recognize, unknown};
use crate::settings::{Rejected, Settings};

/// A column of a file and what it becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matched {
    /// Name in the file.
    pub column: Arc<str>,
    /// Fact column that it feeds, as `opportunity.amount`; `control` for deletion marks and
    /// versions.
    pub to: String,
}

/// A file that can be read, and how.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Where it is.
    pub path: PathBuf,
    /// Its name for messages: as given, or relative to the folder that was given.
    pub name: Arc<str>,
    /// How it is laid out.
    pub format: Format,
    /// True where it is packed with gzip.
    pub packed: bool,
    /// How its characters are written; UTF-8 for typed formats.
    pub encoding: Encoding,
    /// The preset's id, or `mapping FILE`.
    pub preset: String,
    /// What the layout is, for people.
    pub about: String,
    /// The fact tables that it feeds.
    pub tables: Vec<&'static str>,
    /// Columns that are understood.
    pub matched: Vec<Matched>,
    /// Columns that are not read.
    pub unmatched: Vec<Arc<str>>,
    /// All columns.
    pub header: Vec<Arc<str>>,
    /// Physical line of the header; 0 where the format has none.
    pub header_line: u64,
    /// What a reader should know about the choice.
    pub notes: Vec<String>,
    /// BLAKE3 of the bytes of the file.
    pub content_hash: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Physical lines, unpacked; none where the format has none.
    pub lines: Option<u64>,
    pub(crate) recipe: Recipe,
    /// The row that is read instead of the file.
    pub(crate) kept: Option<KeptRow>,
}

impl Planned {
    /// Reads the file and hands out its rows in order; facts that are sums of rows or changes
    /// between rows come at the end, each with the first row that it rests on.
    ///
    /// On an error everything that was handed out before must be thrown away.
    pub fn read(
        &self,
        settings: &Settings,
        lookups: &Lookups,
        sink: &mut dyn FnMut(SourceRow) -> ControlFlow<()>,
    ) -> Result<FileSummary, Rejected> {
        if matches!(self.recipe.shape, Shape::Lookup(_)) {
            // What these rows say went into the lookups; they are no facts.
            return self.read_rows(settings, lookups, &mut |row| match row {
                SourceRow::Accepted { place, .. } => {
                    sink(SourceRow::Accepted { place, facts: Vec::new() })
                }
                refused @ SourceRow::Refused(_) => sink(refused),
            });
        }
        self.read_rows(settings, lookups, sink)
    }

    /// Returns what the file is read for.
    pub fn shape(&self) -> Shape {
        self.recipe.shape
    }

    pub(crate) fn delimited(&self) -> bool {
        matches!(self.format, Format::Delimited(_))
    }

    /// Calls with each row below the header.
    pub(crate) fn each_item(
        &self,
        settings: &Settings,
        each: &mut Each<'_>,
    ) -> Result<(Tail, Vec<String>), Rejected> {
        if let Some(row) = &self.kept {
            return Ok((row.item(self.encoding, each)?, Vec::new()));
        }
        let limits = &settings.limits;
        let mut unknown = Vec::new();
        let tail = match self.format {
            Format::Delimited(separator) => {
                let mut input =
                    decode::open_text(&self.path, self.packed, self.encoding, limits, &self.name)?;
                delimited::read(&mut *input, separator, self.header_line, limits, &self.name, each)?
            }
            Format::Ndjson => {
                let mut input =
                    decode::open_text(&self.path, self.packed, self.encoding, limits, &self.name)?;
                ndjson::read(&mut *input, &self.header, limits, &self.name, &mut unknown, each)?
            }
            Format::Workbook(sheet) => {
                let sheets = workbook::sheets(&self.path, limits, &self.name)?;
                if let Some(sheet) = sheets.get(sheet) {
                    workbook::read(sheet, self.header_line, each)?;
                }
                Tail::default()
            }
            Format::Parquet => {
                parquet::read(&self.path, limits, &self.name, each)?;
                Tail::default()
            }
        };
        Ok((tail, unknown))
    }
}

/// Names the files at these paths; folders are walked, in the order of names.
///
/// A file that cannot be planned becomes an error where it was named itself, a warning where it was
/// met in a folder and is simply not known.
pub fn survey(paths: &[PathBuf], settings: &Settings) -> (Vec<Planned>, Vec<Diagnostic>) {
    let mut planned = Vec::new();
    let mut diagnostics = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        let mut files = Vec::new();
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => match path.canonicalize() {
                Ok(root) => walk(path, path, &root, 0, &mut files, &mut diagnostics),
                Err(error) => diagnostics.push(unreadable(path, &error)),
            },
            Ok(_) => files.push((path.clone(), path.display().to_string(), true)),
            Err(error) => diagnostics.push(unreadable(path, &error)),
        }
        for (file, name, named) in files {
            let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
            if !seen.insert(identity) {
                continue;
            }
            let name: Arc<str> = name.into();
            let mut take =
                |path: &Path, name: &Arc<str>, named: bool| match plan(path, name, settings) {
                    Ok(plan) => planned.push(plan),
                    Err(rejected) => {
                        let mut diagnostic = *rejected.0;
                        if !named && diagnostic.code == "intake.not-recognized" {
                            diagnostic.level = domain::Level::Warning;
                        }
                        diagnostics.push(diagnostic);
                    }
                };
            let place = settings.unpack_into.as_deref();
            match place.and_then(|place| archive::unpack(&file, &name, &settings.limits, place)) {
                None => take(&file, &name, named),
                Some(Ok(members)) => {
                    let one = members.len() == 1;
                    for member in members {
                        take(&member.path, &member.name, named && one);
                    }
                }
                Some(Err(rejected)) => diagnostics.push(*rejected.0),
            }
        }
    }
    (planned, diagnostics)
}

/// Names files that were staged for reading under names of their own; the names are shown and kept,
/// the paths are not.
pub fn survey_as(
    files: &[(PathBuf, Arc<str>)],
    settings: &Settings,
) -> (Vec<Planned>, Vec<Diagnostic>) {
    let mut planned = Vec::new();
    let mut diagnostics = Vec::new();
    for (path, name) in files {
        match plan(path, name, settings) {
            Ok(plan) => planned.push(plan),
            Err(rejected) => diagnostics.push(*rejected.0),
        }
    }
    (planned, diagnostics)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("intake.unreadable", format!("`{}` cannot be read: {error}", path.display()))
        .at(Place::file(path.display().to_string()))
        .hint("Check the path and the rights.")
}

type Files = Vec<(PathBuf, String, bool)>;

fn walk(
    folder: &Path,
    given: &Path,
    root: &Path,
    depth: usize,
    files: &mut Files,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return diagnostics.push(unreadable(folder, &error)),
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_symlink() {
            let inside = path.canonicalize().is_ok_and(|target| target.starts_with(root));
            let folder = std::fs::metadata(&path).is_ok_and(|target| target.is_dir());
            if !inside || folder {
                diagnostics.push(
                    Diagnostic::error(
                        "intake.link",
                        "a link that leads out of the folder, or to a folder, is not followed",
                    )
                    .at(Place::file(path.display().to_string()))
                    .hint("Copy the file into the folder, or name it itself."),
                );
                continue;
            }
        }
        if meta.is_dir() {
            if depth < 16 {
                walk(&path, given, root, depth + 1, files, diagnostics);
            }
        } else if of_manifest(&path) {
            // Read by itself, and no table.
        } else if meta.is_file() || meta.is_symlink() {
            let name = path.strip_prefix(given).unwrap_or(&path).display().to_string();
            files.push((path, name, false));
        }
    }
}

/// True for a manifest, and for a list of identifiers beside one.
fn of_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == MANIFEST)
        || path.extension().is_some_and(|end| end == IDS)
}

/// What one pass over the bytes of a file says.
struct Inspection {
    hash: String,
    bytes: u64,
    lines: u64,
    content: Content,
    packed: bool,
    encoding: Encoding,
    broken: bool,
    beyond_ascii: bool,
    /// The first bytes, unpacked, not decoded; whole where the file is short.
    head: Vec<u8>,
    whole: bool,
}

const HEAD: usize = 1024 * 1024 + 64 * 1024;

fn inspect(path: &Path, settings: &Settings, file: &Arc<str>) -> Result<Inspection, Rejected> {
    let limits = &settings.limits;
    let mut hasher = blake3::Hasher::new();
    let mut check = Utf8Check::default();
    let mut head = Vec::new();
    let mut bytes = 0_u64;
    let lines = std::cell::Cell::new(0_u64);
    let pass = |packed: bool,
                mut look: Option<&mut blake3::Hasher>,
                head: &mut Vec<u8>,
                check: &mut Utf8Check|
     -> Result<u64, Rejected> {
        let mut input = decode::open_bytes(path, packed, limits, file)?;
        let mut chunk = vec![0_u8; 128 * 1024];
        let mut seen = 0_u64;
        loop {
            let read = match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(decode::rejected(error, file)),
            };
            let part = chunk.get(..read).unwrap_or(&[]);
            seen += read as u64;
            let ends = part.iter().filter(|&&byte| byte == b'\n').count() as u64;
            lines.set(lines.get() + ends);
            if let Some(hasher) = look.as_deref_mut() {
                hasher.update(part);
            }
            let room = HEAD.saturating_sub(head.len()).min(read);
            head.extend_from_slice(part.get(..room).unwrap_or(&[]));
            check.feed(part);
        }
        check.finish();
        Ok(seen)
    };
    bytes += pass(false, Some(&mut hasher), &mut head, &mut check)?;
    let mut found = content(&head);
    let packed = found == Content::Gzip;
    let mut unpacked = bytes;
    if packed {
        lines.set(0);
        head.clear();
        check = Utf8Check::default();
        unpacked = pass(true, None, &mut head, &mut check)?;
        found = content(&head);
    }
    let encoding = match found {
        Content::Text(encoding) => encoding,
        Content::Ndjson if head.starts_with(&[0xEF, 0xBB, 0xBF]) => Encoding::Utf8Mark,
        _ => Encoding::Utf8,
    };
    Ok(Inspection {
        hash: hasher.finalize().to_hex().to_string(),
        bytes,
        lines: lines.get(),
        content: found,
        packed,
        encoding,
        broken: check.broken > 0,
        beyond_ascii: check.beyond_ascii > 0,
        whole: unpacked <= head.len() as u64,
        head,
    })
}

/// Says how one file is read, or why not.
pub(crate) fn plan(path: &Path, name: &Arc<str>, settings: &Settings) -> Result<Planned, Rejected> {
    let refuse = |code: &'static str, message: String, hint: &str| -> Rejected {
        Diagnostic::error(code, message).at(Place::file(Arc::clone(name))).hint(hint).into()
    };
    let seen = inspect(path, settings, name)?;
    let limits = &settings.limits;
    let base = |format, header: Vec<Arc<str>>, header_line, recognized: Recognized| {
        assemble(path, name, &seen, format, header, header_line, recognized)
    };
    match seen.content {
        Content::Empty => {
            Err(refuse("intake.empty", "file is empty".into(), "Export the file again."))
        }
        Content::Gzip => Err(refuse(
            "intake.nested",
            "an archive within an archive is not opened".into(),
            "Unpack it once.",
        )),
        Content::Pdf => Err(refuse(
            "intake.pdf",
            "the file is a PDF document, not a table".into(),
            "Export the data as CSV.",
        )),
        Content::Html => Err(refuse(
            "intake.html",
            "this looks like a web page, the export may have needed a login".into(),
            "Log in and export the file again.",
        )),
        Content::OldExcel => Err(refuse(
            "intake.xls",
            "the file is an Excel workbook of the old binary kind".into(),
            "Save it as XLSX or CSV.",
        )),
        Content::Binary => Err(refuse(
            "intake.binary",
            "the file is no text and no known table format".into(),
            "Export the data as CSV.",
        )),
        Content::ParquetEncrypted => Err(refuse(
            "parquet.encrypted",
            "encrypted Parquet is not supported".into(),
            "Write it without encryption.",
        )),
        Content::JsonArray => Err(refuse(
            "ndjson.array",
            "the file is one JSON document; one object a line is expected".into(),
            "Convert it, for example with `jq -c '.[]' file.json > file.ndjson`.",
        )),
        Content::Zip => zipped(path, name, settings, &seen, &base),
        Content::Parquet => {
            on_trial(path, name, settings)?;
            let (header, notes) = parquet::columns(path, limits, name)?;
            let mut recognized =
                recognize(&header, name, settings, 0)?.ok_or_else(|| unknown(name, &header))?;
            recognized.notes.extend(notes);
            Ok(base(Format::Parquet, header, 0, recognized))
        }
        Content::Ndjson => {
            let mut input = decode::open_text(path, seen.packed, seen.encoding, limits, name)?;
            let header = ndjson::keys(&mut *input, limits, name)?;
            if header.len() > limits.columns {
                return Err(refuse(
                    "intake.column-limit",
                    format!("more than {} keys", limits.columns),
                    "Leave columns out of the export.",
                ));
            }
            let recognized =
                recognize(&header, name, settings, 0)?.ok_or_else(|| unknown(name, &header))?;
            Ok(base(Format::Ndjson, header, 0, recognized))
        }
        Content::Text(_) => text(path, name, settings, &seen),
    }
}

fn assemble(
    path: &Path,
    name: &Arc<str>,
    seen: &Inspection,
    format: Format,
    header: Vec<Arc<str>>,
    header_line: u64,
    recognized: Recognized,
) -> Planned {
    let used: BTreeSet<usize> = recognized.matched.iter().map(|(at, _)| *at).collect();
    let matched = recognized
        .matched
        .iter()
        .filter_map(|(at, to)| {
            Some(Matched { column: Arc::clone(header.get(*at)?), to: to.clone() })
        })
        .collect();
    let unmatched = header
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, column)| Arc::clone(column))
        .collect();
    let mut tables: Vec<&'static str> = Vec::new();
    for fact in &recognized.recipe.facts {
        if !tables.contains(&fact.table.name) && fact.table.name != "lookup" {
            tables.push(if fact.table.name == "snapshot" {
                "opportunity_event"
            } else {
                fact.table.name
            });
        }
    }
    if tables.contains(&"spend") && !tables.contains(&"program") {
        tables.push("program");
    }
    let mut notes = recognized.notes;
    match recognized.recipe.shape {
        Shape::Skip(why) => notes.push(format!("recognized and not read: {why}")),
        Shape::Lookup(_) => notes.push("makes no facts; helps to read other files".into()),
        _ => {}
    }
    Planned {
        path: path.to_owned(),
        name: Arc::clone(name),
        format,
        packed: seen.packed,
        encoding: seen.encoding,
        preset: recognized.id,
        about: recognized.about,
        tables,
        matched,
        unmatched,
        header,
        header_line,
        notes,
        content_hash: seen.hash.clone(),
        bytes: seen.bytes,
        lines: matches!(format, Format::Delimited(_) | Format::Ndjson).then_some(seen.lines),
        recipe: recognized.recipe,
        kept: None,
    }
}

/// A zip archive is a workbook, or it is refused with the names of what is in it.
fn zipped(
    path: &Path,
    name: &Arc<str>,
    settings: &Settings,
    seen: &Inspection,
    base: &dyn Fn(Format, Vec<Arc<str>>, u64, Recognized) -> Planned,
) -> Result<Planned, Rejected> {
    let refuse = |code: &'static str, message: String, hint: &str| -> Rejected {
        Diagnostic::error(code, message).at(Place::file(Arc::clone(name))).hint(hint).into()
    };
    let bytes = if seen.bytes <= settings.limits.workbook_bytes {
        std::fs::read(path).map_err(|error| decode::rejected(error, name))?
    } else {
        seen.head.clone()
    };
    let (n_entries, entries) = zip_entries(&bytes);
    let is_workbook = entries.iter().any(|entry| entry == "xl/workbook.xml");
    if !is_workbook || seen.packed {
        let outside = entries.iter().find(|entry| {
            entry.starts_with(['/', '\\'])
                || entry.split(['/', '\\']).any(|part| part == "..")
                || entry.contains(':')
        });
        let nested = entries.iter().find(|entry| {
            let lower = entry.to_lowercase();
            [".zip", ".gz", ".tar", ".7z"].iter().any(|end| lower.ends_with(end))
        });
        return Err(match (outside, nested) {
            (Some(entry), _) => refuse(
                "intake.zip-path",
                format!("the entry `{entry}` of the archive leads outside of it"),
                "Do not unpack this archive; ask where it comes from.",
            ),
            _ if n_entries > 10_000 => refuse(
                "intake.zip-entries",
                format!("the archive has {n_entries} entries, the limit is 10000"),
                "Unpack it and load the files that you need.",
            ),
            (_, Some(entry)) => refuse(
                "intake.nested",
                format!(
                    "the archive holds another archive, `{entry}`; nested archives are not opened"
                ),
                "Unpack it and load the folder.",
            ),
            _ => refuse(
                "intake.zip",
                format!("the file is a zip archive ({})", first_names(&entries)),
                "Unpack it and load the folder.",
            ),
        });
    }
    let lower = name.to_lowercase();
    let ending = lower.rsplit('.').next().unwrap_or("");
    if matches!(ending, "csv" | "txt" | "tsv") {
        return Err(refuse(
            "intake.xlsx-as-csv",
            "the file is an XLSX workbook under the name of a text file".into(),
            "Rename it to `.xlsx`, or export it as CSV.",
        ));
    }
    on_trial(path, name, settings)?;
    let sheets = workbook::sheets(path, &settings.limits, name)?;
    let mut columns: Option<Vec<Arc<str>>> = None;
    for (at, sheet) in sheets.iter().enumerate() {
        for (number, row) in sheet.rows.iter().take(settings.limits.header_lines) {
            let header: Vec<Arc<str>> = row
                .iter()
                .map(|cell| match cell {
                    workbook::Held::Text(text) => text.as_str().into(),
                    _ => Arc::from(""),
                })
                .collect();
            if header.iter().filter(|cell| !cell.is_empty()).count() < 2 {
                continue;
            }
            if let Some(mut recognized) = recognize(&header, name, settings, *number)? {
                recognized.notes.push(format!("sheet `{}`", sheet.name));
                return Ok(base(Format::Workbook(at), header, *number, recognized));
            }
            columns.get_or_insert(header);
        }
    }
    Err(unknown(name, &columns.unwrap_or_default()).into())
}

/// Has the file decoded elsewhere first, where the host offers that.
fn on_trial(path: &Path, name: &Arc<str>, settings: &Settings) -> Result<(), Rejected> {
    settings.trial.map_or(Ok(()), |trial| trial(path, name, &settings.limits))
}

fn first_names(entries: &[String]) -> String {
    let mut names: Vec<&str> = entries.iter().take(5).map(String::as_str).collect();
    if entries.len() > 5 {
        names.push("…");
    }
    names.join(", ")
}

/// A text: encoding, separator, header and layout.
fn text(
    path: &Path,
    name: &Arc<str>,
    settings: &Settings,
    seen: &Inspection,
) -> Result<Planned, Rejected> {
    let limits = &settings.limits;
    let declared = settings.mappings.iter().find(|m| m.names_file(name)).and_then(|m| m.encoding);
    let mut encoding = seen.encoding;
    if let Some(declared) = declared.filter(|d| d.wide() == encoding.wide() || d.wide())
        && encoding != Encoding::Utf8Mark
    {
        encoding = declared;
    }
    // A first look at the head; what is not of the encoding becomes a mark for now.
    let head_encoding = if encoding == Encoding::Utf8 && seen.broken && !seen.beyond_ascii {
        Encoding::Windows1252
    } else {
        encoding
    };
    let mut head = Vec::new();
    let cut = if encoding.wide() { seen.head.len() & !1 } else { seen.head.len() };
    let raw = std::io::Cursor::new(seen.head.get(..cut).unwrap_or(&[]).to_vec());
    let mut decoded = text_of(Box::new(raw), head_encoding, name)?;
    // A head that ends within a character is no fault.
    if let Err(error) = decoded.read_to_end(&mut head)
        && seen.whole
    {
        return Err(decode::rejected(error, name));
    }
    let mut best: Option<(Recognized, u8, u64, Vec<Arc<str>>)> = None;
    let mut refusal: Option<Rejected> = None;
    let mut widest: Option<(u64, Vec<Arc<str>>)> = None;
    for separator in [b',', b';', b'\t', b'|'] {
        let records = delimited::head(&head, seen.whole, separator, limits);
        for (line, cells) in records.iter().filter(|(line, _)| *line <= limits.header_lines as u64)
        {
            if cells.len() > limits.columns {
                return Err(Diagnostic::error(
                    "intake.column-limit",
                    format!("{} columns, the limit is {}", cells.len(), limits.columns),
                )
                .at(Place::line(Arc::clone(name), *line))
                .hint("Leave columns out of the export.")
                .into());
            }
            if cells.len() < 2 && best.is_some() {
                continue;
            }
            let header: Vec<Arc<str>> =
                cells.iter().map(|cell| cell.trim_start_matches('\u{feff}').into()).collect();
            match recognize(&header, name, settings, *line) {
                Ok(Some(recognized)) => {
                    if best.as_ref().is_none_or(|(before, ..)| recognized.score > before.score) {
                        best = Some((recognized, separator, *line, header));
                    }
                }
                Ok(None) => {
                    if widest.as_ref().is_none_or(|(_, before)| header.len() > before.len()) {
                        widest = Some((*line, header));
                    }
                }
                Err(rejected) => {
                    refusal.get_or_insert(rejected);
                }
            }
        }
    }
    let Some((mut recognized, separator, line, header)) = best else {
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        if encoding.wide() {
            return Err(Diagnostic::error(
                "csv.encoding",
                format!(
                    "the file is {} and no layout that allows it is recognized",
                    encoding.name()
                ),
            )
            .at(Place::file(Arc::clone(name)))
            .hint(format!(
                "Declare `encoding = \"{}\"` in a mapping, or export the file as UTF-8.",
                encoding.name()
            ))
            .into());
        }
        let (_, header) = widest.unwrap_or_default();
        return Err(unknown(name, &header).into());
    };
    if encoding.wide() {
        if seen.head.starts_with(&[0xFF, 0xFE])
            || seen.head.starts_with(&[0xFE, 0xFF])
            || declared.is_some()
        {
            if recognized.mapped && declared.is_none() {
                return Err(Diagnostic::error(
                    "csv.encoding",
                    format!("the file is {} and the mapping declares no encoding", encoding.name()),
                )
                .at(Place::file(Arc::clone(name)))
                .hint(format!("Declare `encoding = \"{}\"` in the mapping.", encoding.name()))
                .into());
            }
            recognized.notes.push(format!("the file is {}", encoding.name()));
        } else {
            return Err(Diagnostic::error(
                "csv.encoding",
                format!("the file looks like {} without a byte order mark", encoding.name()),
            )
            .at(Place::file(Arc::clone(name)))
            .hint(format!(
                "Declare `encoding = \"{}\"` in a mapping, or export the file as UTF-8.",
                encoding.name()
            ))
            .into());
        }
    } else if encoding == Encoding::Utf8 && seen.broken {
        let fallback = recognized.recipe.fallback.filter(|_| !seen.beyond_ascii);
        if let Some(fallback) = fallback {
            encoding = fallback;
            recognized
                .notes
                .push(format!("the file is not UTF-8: it is read as {}", fallback.name()));
        }
    } else if let Some(wanted) =
        recognized.recipe.fallback.filter(|_| recognized.mapped && encoding == Encoding::Utf8)
    {
        encoding = wanted;
    }
    if let Some(expected) = recognized.separator.filter(|expected| *expected != separator) {
        return Err(Diagnostic::error(
            "csv.separator",
            format!(
                "the header looks {}-separated, the mapping expects {}",
                separator_name(separator),
                separator_name(expected)
            ),
        )
        .at(Place::line(Arc::clone(name), line))
        .hint(format!(
            "Declare `delimiter = \"{}\"` in the mapping, and `decimal = \",\"` where numbers have a decimal comma.",
            if separator == b'\t' { "\\t".to_owned() } else { char::from(separator).to_string() }
        ))
        .into());
    }
    let mut planned =
        assemble(path, name, seen, Format::Delimited(separator), header, line, recognized);
    planned.encoding = encoding;
    if line > 1 {
        planned.notes.push(format!("{} lines above the header are not read", line - 1));
    }
    Ok(planned)
}

fn separator_name(separator: u8) -> &'static str {
    match separator {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "bar",
    }
}
