//! Singer: what a tap says becomes files that are read like any other.
//!
//! A [`Delivery`] takes the messages of a tap line by line and writes the records of each stream to
//! a file of NDJSON, numbers as they were written, every column of the schema in every row. A
//! stream that a preset or a mapping reads is written in its own columns; any other is written as
//! `unmapped_record`, so that nothing is lost. When the delivery is taken, its files go the
//! ordinary way: [`crate::survey_as`], then [`crate::Planned::read`].
//!
//! What came after the last STATE can be cut off again: nobody has said yet that it is whole.

mod message;
mod schema;

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Diagnostic, Place};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

use self::message::Message;
use self::schema::{Members, Schema, members, push_text};
use crate::format::decode;
use crate::preset::{Shape, VERSION};
use crate::recognize::recognize;
use crate::settings::{Rejected, Settings};
use crate::value::date::{DateStyle, Moment, moment};

/// Files of a delivery that are held open at once; the others are opened again when they go on.
const OPEN_FILES: usize = 64;
/// How each row begins: with what is said of the record besides what it says itself.
const HEAD: &[u8] = br#"{"_singer":{"#;
/// The two files of a stream: what presets and mappings read, and what is kept as it came.
const READ: usize = 0;
const KEPT: usize = 1;

/// Why a line was not taken.
#[derive(Debug)]
pub enum Trouble {
    /// The tap says what cannot be followed; the run must end.
    Rejected(Rejected),
    /// A staging file could not be written.
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<Rejected> for Trouble {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// What a line was, for whoever decides when to load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Everything before it belongs together: a good moment to load.
    State,
    /// Anything else.
    Other,
}

/// How a run is taken.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where files are staged; the folder exists and is this run's own.
    pub folder: PathBuf,
    /// What the streams belong to: the first part of the names of their files.
    pub connection: String,
    /// The folder that files of BATCH messages must lie in.
    pub batch_folder: PathBuf,
    /// The key properties of streams in earlier runs, by the names of their files.
    pub known_keys: BTreeMap<String, Vec<String>>,
}

/// The messages of one run of a tap.
pub struct Delivery<'s> {
    options: Options,
    settings: &'s Settings,
    streams: BTreeMap<String, Stream>,
    files: Vec<Staging>,
    n_files: usize,
    line: u64,
    state: Option<String>,
    /// Records since the last STATE.
    n_open: u64,
    n_records: u64,
    unknown: BTreeMap<String, u64>,
    remarks: Vec<Diagnostic>,
}

/// A stream of the run.
struct Stream {
    name: Arc<str>,
    schema: Arc<Schema>,
    schema_text: String,
    keys: Vec<String>,
    bookmarks: Vec<String>,
    form: Form,
    /// True where facts are made of several records (sums of spend, the earliest of a session,
    /// numbers of changes), so that a part says less.
    indivisible: bool,
    /// The files that its records go to, read and kept, with their version.
    files: [Option<(usize, Option<i64>)>; 2],
    activated: Option<i64>,
    /// Equal records without a key since the last STATE, by the hash of their content.
    repeats: HashMap<[u8; 16], u32>,
}

/// What becomes of the records of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A preset or a mapping makes facts of them.
    Read,
    /// They are kept as they came.
    Kept,
    /// They help to read other streams, in this run and in later ones.
    Lookup,
}

/// A file that is being written.
struct Staging {
    path: PathBuf,
    stream: String,
    name: Arc<str>,
    version: Option<i64>,
    lookup: bool,
    indivisible: bool,
    writer: Option<BufWriter<File>>,
    bytes: u64,
    rows: u64,
    /// Bytes and rows at the last STATE.
    sure: (u64, u64),
}

/// A staged file of a delivery.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Where it is.
    pub path: PathBuf,
    /// Its name for people: connection and stream.
    pub name: Arc<str>,
    /// The table version that the tap gave its records.
    pub version: Option<i64>,
    /// True where it helps to read other files and holds no facts.
    pub lookup: bool,
    /// The table version that the tap has activated: these are all its records, and none besides.
    pub activated: Option<i64>,
    /// Its rows.
    pub rows: u64,
}

/// What a delivery has gathered.
#[derive(Debug)]
pub struct Taken {
    /// The files, in the order in which they were begun.
    pub files: Vec<Staged>,
    /// The last STATE, word for word.
    pub state: Option<String>,
    /// Records in the files.
    pub n_records: u64,
}

impl<'s> Delivery<'s> {
    /// Begins to listen.
    pub fn new(options: Options, settings: &'s Settings) -> Self {
        Self {
            options,
            settings,
            streams: BTreeMap::new(),
            files: Vec::new(),
            n_files: 0,
            line: 0,
            state: None,
            n_open: 0,
            n_records: 0,
            unknown: BTreeMap::new(),
            remarks: Vec::new(),
        }
    }

    /// Takes the next line; blank lines mean nothing.
    pub fn line(&mut self, text: &[u8]) -> Result<Heard, Trouble> {
        self.line += 1;
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(Heard::Other);
        }
        let message = message::read(text, &self.settings.limits).map_err(|(code, message)| {
            let shown = crate::value::shown(&String::from_utf8_lossy(text));
            self.reject(code, format!("{message}: `{shown}`"), TALK)
        })?;
        match message {
            Message::Schema { stream, schema, keys, bookmarks } => {
                self.schema(&stream, schema, keys, bookmarks)?;
            }
            Message::Record { stream, record, version } => {
                self.record(&stream, record.get(), version)?;
            }
            Message::State(value) => {
                // One state is one line, whatever the tap writes between its words.
                self.state = Some(one_line(value));
                self.n_open = 0;
                for file in &mut self.files {
                    file.sure = (file.bytes, file.rows);
                }
                for stream in self.streams.values_mut() {
                    stream.repeats.clear();
                }
                return Ok(Heard::State);
            }
            Message::ActivateVersion { stream, version } => {
                let stream = self.stream(&stream)?;
                stream.activated = Some(version);
            }
            Message::Batch { stream, format, compression, manifest } => {
                self.batch(&stream, &format, compression.as_deref(), &manifest)?;
            }
            Message::Unknown(kind) => *self.unknown.entry(kind).or_default() += 1,
        }
        Ok(Heard::Other)
    }

    /// Records that were staged since the last STATE.
    pub fn n_open(&self) -> u64 {
        self.n_open
    }

    /// Records that were staged since the delivery was taken last.
    pub fn n_records(&self) -> u64 {
        self.n_records
    }

    /// Lines heard.
    pub fn lines(&self) -> u64 {
        self.line
    }

    /// True where a part of the run would say something else than the whole: records carry a table
    /// version, and which older ones are gone is known at the end only; or facts are made
    /// of several records.
    pub fn indivisible(&self) -> bool {
        self.files.iter().any(|file| file.version.is_some() || file.indivisible)
    }

    /// Returns the key properties of the streams by name of their files.
    pub fn keys(&self) -> impl Iterator<Item = (&Arc<str>, &[String])> {
        self.streams.values().map(|stream| (&stream.name, stream.keys.as_slice()))
    }

    /// Hands over what should be known about the messages: types that are not known, streams that
    /// nothing reads.
    pub fn remarks(&mut self) -> Vec<Diagnostic> {
        let mut remarks = std::mem::take(&mut self.remarks);
        for (kind, count) in std::mem::take(&mut self.unknown) {
            let kind = crate::value::shown(&kind);
            let message =
                format!("{count} messages of the type `{kind}` are not known and were passed over");
            remarks.push(
                Diagnostic::warning("singer.unknown-type", message)
                    .at(Place::file(self.options.connection.as_str())),
            );
        }
        remarks
    }

    /// Forgets what came after the last STATE.
    pub fn cut(&mut self) -> Result<(), Trouble> {
        for file in &mut self.files {
            file.close()?;
            let (bytes, rows) = file.sure;
            let cut =
                OpenOptions::new().write(true).open(&file.path).and_then(|f| f.set_len(bytes));
            cut.map_err(disk(&file.path))?;
            if !file.lookup {
                self.n_records = self.n_records.saturating_sub(file.rows - rows);
            }
            (file.bytes, file.rows) = file.sure;
        }
        self.n_open = 0;
        Ok(())
    }

    /// Closes the files and hands them over; what comes next goes to new ones.
    ///
    /// `whole` says that the run has ended as it should: only then does an `ACTIVATE_VERSION`
    /// count, and records of older versions of its stream are left out.
    pub fn take(&mut self, whole: bool) -> Result<Taken, Trouble> {
        let mut files = Vec::new();
        for mut file in std::mem::take(&mut self.files) {
            file.close()?;
            let activated = self.streams.get(&file.stream).and_then(|stream| stream.activated);
            let activated = activated.filter(|_| whole);
            let retired =
                activated.is_some() && file.version.is_some() && file.version != activated;
            if file.rows == 0 || retired {
                if !file.lookup {
                    self.n_records = self.n_records.saturating_sub(file.rows);
                }
                std::fs::remove_file(&file.path).map_err(disk(&file.path))?;
                continue;
            }
            files.push(Staged {
                path: file.path,
                name: file.name,
                version: file.version,
                lookup: file.lookup,
                activated,
                rows: file.rows,
            });
        }
        for stream in self.streams.values_mut() {
            stream.files = [None; 2];
        }
        let n_records = std::mem::take(&mut self.n_records);
        Ok(Taken { files, state: self.state.take(), n_records })
    }

    fn reject(&self, code: &'static str, message: String, hint: &str) -> Rejected {
        let place = Place::line(format!("output of {}", self.options.connection), self.line);
        Diagnostic::error(code, message).at(place).hint(hint).into()
    }

    fn stream(&mut self, name: &str) -> Result<&mut Stream, Rejected> {
        if !self.streams.contains_key(name) {
            return Err(self.reject(
                "singer.no-schema",
                format!("a message of stream `{name}` comes before its SCHEMA"),
                "Nothing of the stream was loaded. Check the tap: it must describe a stream first.",
            ));
        }
        let line = self.line;
        self.streams.get_mut(name).ok_or_else(|| {
            Diagnostic::error("singer.no-schema", format!("line {line}: no such stream")).into()
        })
    }

    fn schema(
        &mut self,
        stream: &str,
        raw: &RawValue,
        keys: Vec<String>,
        bookmarks: Vec<String>,
    ) -> Result<(), Trouble> {
        let name: Arc<str> = format!("{}/{stream}", self.options.connection).into();
        let known = self.streams.get(stream);
        let known_keys = known.map(|known| &known.keys).or(self.options.known_keys.get(&*name));
        if let Some(known_keys) = known_keys
            && *known_keys != keys
        {
            let (before, now) = (list(known_keys), list(&keys));
            return Err(self
                .reject(
                    "singer.keys-changed",
                    format!("stream `{stream}` changes its key from {before} to {now}"),
                    "The stored rows are known by the old key. Load the stream under another \
                         `--connection` if the new key is meant.",
                )
                .into());
        }
        if known.is_some_and(|k| k.schema_text == raw.get() && k.bookmarks == bookmarks) {
            return Ok(());
        }
        let schema = Schema::read(raw).map_err(|why| {
            self.reject(
                "singer.schema",
                format!("the SCHEMA of stream `{stream}` cannot be used: {why}"),
                "Check the tap: a stream has an object schema with `properties`.",
            )
        })?;
        let columns: Vec<Arc<str>> = schema.columns().into_iter().map(Into::into).collect();
        if columns.len() > self.settings.limits.columns {
            let (n, most) = (columns.len(), self.settings.limits.columns);
            let message = format!("stream `{stream}` has {n} columns, the limit is {most}");
            let hint = "Select fewer properties in the catalog of the tap.";
            return Err(self.reject("intake.column-limit", message, hint).into());
        }
        let mut indivisible = false;
        let (form, why) = match recognize(&columns, &name, self.settings, 0) {
            Ok(Some(found)) => match found.recipe.shape {
                Shape::Skip(why) => (Form::Kept, why.to_owned()),
                Shape::Lookup(_) => (Form::Lookup, String::new()),
                shape => {
                    indivisible = !matches!(shape, Shape::Rows | Shape::Snapshots);
                    (Form::Read, String::new())
                }
            },
            Ok(None) => (Form::Kept, "no preset and no mapping knows its columns".to_owned()),
            Err(rejected) => (Form::Kept, rejected.0.message.clone()),
        };
        let known = self.streams.remove(stream);
        if form == Form::Kept && known.is_none() {
            self.remarks.push(
                Diagnostic::warning(
                    "singer.unmapped",
                    format!("records of stream `{stream}` are kept as they come: {why}"),
                )
                .at(Place::file(Arc::clone(&name)))
                .hint(
                    "To use them, write a mapping with `match.stream` and read them through it with \
                     `throughline load --unmapped`.",
                ),
            );
        }
        let (activated, repeats) =
            known.map(|known| (known.activated, known.repeats)).unwrap_or_default();
        let fresh = Stream {
            name,
            schema: Arc::new(schema),
            schema_text: raw.get().to_owned(),
            keys,
            bookmarks,
            form,
            indivisible,
            files: [None; 2],
            activated,
            repeats,
        };
        self.streams.insert(stream.to_owned(), fresh);
        Ok(())
    }

    /// Writes a record to the file of its stream.
    fn record(&mut self, name: &str, record: &str, version: Option<i64>) -> Result<(), Trouble> {
        let stream = self.stream(name)?;
        let schema = Arc::clone(&stream.schema);
        let members = members(record).map_err(|error| {
            self.reject("singer.record", format!("the record is no JSON object: {error}"), TALK)
        })?;
        let key = self.key(name, &members)?;
        let stream = self.stream(name)?;
        let (form, bookmarks) = (stream.form, stream.bookmarks.clone());
        let display = Arc::clone(&stream.name);
        let fault = repeated(&members)
            .map(|property| schema::Broken { property, message: "it is given twice".into() })
            .or_else(|| schema.check_members("", &members).err());
        let mut row: Vec<u8> = Vec::with_capacity(2 * record.len() + 256);
        row.extend_from_slice(HEAD);
        row.extend_from_slice(br#""key":"#);
        push_text(&key, &mut row);
        row.extend_from_slice(br#","property":"#);
        match &fault {
            None => row.extend_from_slice(br#"null,"fault":null},"#),
            Some(broken) => {
                push_text(&broken.property, &mut row);
                row.extend_from_slice(br#","fault":"#);
                push_text(
                    &format!(
                        "stream `{name}`, key {key}: `{}`: {}",
                        broken.property, broken.message
                    ),
                    &mut row,
                );
                row.extend_from_slice(b"},");
            }
        }
        let head = row.len();
        let deleted = find(&members, "_sdc_deleted_at").map_or("null", RawValue::get);
        if form != Form::Read {
            row.extend_from_slice(br#""unmapped_stream":"#);
            push_text(&display, &mut row);
            row.extend_from_slice(br#","unmapped_content":"#);
            push_text(record, &mut row);
            row.extend_from_slice(br#","updated_at":"#);
            match changed_at(&members, &bookmarks) {
                Some(at) => push_text(&at, &mut row),
                None => row.extend_from_slice(b"null"),
            }
            row.extend_from_slice(br#","_sdc_deleted_at":"#);
            row.extend_from_slice(deleted.as_bytes());
            end_row(&mut row);
            self.write(name, KEPT, version, &row)?;
            row.truncate(head);
        }
        // A lookup that breaks its schema is refused once, as a record that is kept.
        if form == Form::Read || form == Form::Lookup && fault.is_none() {
            schema.write(&members, 0, &mut row);
            if !schema.properties.iter().any(|(name, _)| name == "_sdc_deleted_at")
                && find(&members, "_sdc_deleted_at").is_none()
            {
                row.extend_from_slice(br#","_sdc_deleted_at":null"#);
            }
            end_row(&mut row);
            self.write(name, READ, version, &row)?;
        }
        self.n_records += 1;
        self.n_open += 1;
        Ok(())
    }

    /// Writes a row to the file of its stream: the one that is read, or the one that is kept.
    fn write(
        &mut self,
        name: &str,
        kind: usize,
        version: Option<i64>,
        row: &[u8],
    ) -> Result<(), Trouble> {
        let current = self.stream(name)?.files.get(kind).copied().flatten();
        let current = current.filter(|(_, known)| *known == version);
        let at = if let Some((at, _)) = current {
            at
        } else {
            let at = self.files.len();
            self.n_files += 1;
            let path = self.options.folder.join(format!("{:06}.ndjson", self.n_files));
            let stream = self.stream(name)?;
            if let Some(slot) = stream.files.get_mut(kind) {
                *slot = Some((at, version));
            }
            let mut file = Staging::new(path, name, &stream.name, version);
            file.lookup = kind == READ && stream.form == Form::Lookup;
            file.indivisible = stream.indivisible;
            self.files.push(file);
            at
        };
        let closed = self.files.get(at).is_some_and(|file| file.writer.is_none());
        if closed && self.files.iter().filter(|file| file.writer.is_some()).count() >= OPEN_FILES {
            self.files.iter_mut().try_for_each(Staging::close)?;
        }
        if let Some(file) = self.files.get_mut(at) {
            file.write(row)?;
        }
        Ok(())
    }

    /// Returns the key of a record: the values of its key properties as a JSON list, addresses as a
    /// keyed hash; without key properties such a hash of what it says, and how many like it came
    /// before it since the last STATE.
    fn key(&mut self, name: &str, members: &Members<'_>) -> Result<String, Rejected> {
        let secret = self.settings.person_key;
        let stream = self.stream(name)?;
        if stream.keys.is_empty() {
            let mut parts: Vec<(&str, &str)> = members
                .iter()
                .filter(|(name, raw)| raw.get() != "null" && !name.starts_with("_sdc_"))
                .map(|(name, raw)| (name.as_str(), raw.get()))
                .collect();
            parts.sort_unstable();
            let mut hasher = blake3::Hasher::new();
            for (name, text) in parts {
                for part in [name, text] {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part.as_bytes());
                }
            }
            let hash = hasher.finalize();
            let mut short = [0; 16];
            for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
                *to = *from;
            }
            let count = stream.repeats.entry(short).or_default();
            *count += 1;
            let hex = secret.record(&hash.to_hex());
            return Ok(format!("{}:{count}", hex.get(..32).unwrap_or(&hex)));
        }
        let mut key = String::from("[");
        for property in stream.keys.clone() {
            let value = find(members, &property).map(RawValue::get).filter(|text| *text != "null");
            let Some(value) = value else {
                return Err(self.reject(
                    "singer.no-key",
                    format!(
                        "a record of stream `{name}` has no `{property}`, which is part of its key"
                    ),
                    "Check the tap: each record needs a value for each of its key properties.",
                ));
            };
            if key.len() > 1 {
                key.push(',');
            }
            if value.contains('@') {
                // An address that is a key stands in the record only, where it can be forgotten.
                let hash = secret.record(value);
                key.push_str(&format!("\"{}\"", hash.get(..32).unwrap_or(&hash)));
            } else {
                key.push_str(value);
            }
        }
        key.push(']');
        Ok(key)
    }

    /// Reads the files of a BATCH message, each with one record a line.
    fn batch(
        &mut self,
        stream: &str,
        format: &str,
        compression: Option<&str>,
        manifest: &[String],
    ) -> Result<(), Trouble> {
        self.stream(stream)?;
        if format != "jsonl" || !matches!(compression, None | Some("gzip")) {
            let packed = compression.unwrap_or("none");
            return Err(self
                .reject(
                    "singer.batch-format",
                    format!("files of a BATCH as {format} with compression {packed} are not read"),
                    "Set `batch_config` of the tap to the encoding jsonl, with gzip or none.",
                )
                .into());
        }
        for named in manifest {
            let path = self.batch_path(named)?;
            let file: Arc<str> = path.display().to_string().into();
            let limits = self.settings.limits.clone();
            let input = decode::open_bytes(&path, compression.is_some(), &limits, &file)?;
            let mut input = BufReader::with_capacity(128 * 1024, input);
            let mut text = Vec::new();
            loop {
                text.clear();
                let most = limits.line_bytes as u64 + 1;
                let read = input
                    .by_ref()
                    .take(most)
                    .read_until(b'\n', &mut text)
                    .map_err(|error| decode::rejected(error, &file))?;
                if read == 0 {
                    break;
                }
                let record = std::str::from_utf8(text.trim_ascii()).ok();
                let nested = |text: &str| crate::format::ndjson::depth(text.as_bytes());
                let record = record.filter(|text| {
                    text.len() <= limits.line_bytes && nested(text) <= limits.json_depth
                });
                match record {
                    Some("") => {}
                    Some(record) => self.record(stream, record, None)?,
                    None => {
                        let message = format!(
                            "the file `{file}` of a BATCH has a line that is no UTF-8, longer than \
                             {} bytes or nested deeper than {}",
                            limits.line_bytes, limits.json_depth
                        );
                        return Err(self.reject("singer.record", message, TALK).into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Finds a file that a BATCH names: a plain file within the folder that is meant for them.
    fn batch_path(&self, named: &str) -> Result<PathBuf, Rejected> {
        let refuse = |why: &str| {
            self.reject(
                "singer.batch-path",
                format!("the file `{}` of a BATCH is not read: {why}", crate::value::shown(named)),
                "Name the folder of the tap's batches with `--batch-folder`.",
            )
        };
        let text = named.strip_prefix("file://").unwrap_or(named);
        if text.contains("://") {
            return Err(refuse("only files of this machine are"));
        }
        let root = self.options.batch_folder.canonicalize();
        let root = root.map_err(|_| refuse("the folder for batches does not exist"))?;
        let path = root.join(Path::new(text));
        let link = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        let path = path.canonicalize().map_err(|_| refuse("it does not exist"))?;
        if link || !path.starts_with(&root) {
            return Err(refuse(&format!("it leads out of `{}`", root.display())));
        }
        if !path.is_file() {
            return Err(refuse("it is no file"));
        }
        Ok(path)
    }
}

/// What to do about a tap that writes what is no message.
const TALK: &str =
    "A tap writes one message a line to standard output, and its log to standard error.";

/// Records that were kept as they came, staged once more so that a preset or mapping that there is
/// now can read them: first each is looked at, then each is written.
pub struct Kept {
    folder: PathBuf,
    streams: BTreeMap<Arc<str>, KeptStream>,
}

#[derive(Default)]
struct KeptStream {
    schema: Schema,
    file: Option<Staging>,
    keys: Vec<Arc<str>>,
}

/// The kept records of one stream, staged.
#[derive(Debug)]
pub struct KeptFile {
    /// Where they are.
    pub path: PathBuf,
    /// Connection and stream.
    pub name: Arc<str>,
    /// Their keys, line by line.
    pub keys: Vec<Arc<str>>,
}

impl Kept {
    /// Begins in an empty folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, streams: BTreeMap::new() }
    }

    /// Notes the columns of a record.
    pub fn look(&mut self, stream: &str, content: &str) {
        if let Ok(members) = members(content) {
            self.streams.entry(stream.into()).or_default().schema.widen(&members, 0);
        }
    }

    /// Writes a record; what is no JSON object stays where it is.
    pub fn write(&mut self, stream: &str, key: &str, content: &str) -> Result<(), Trouble> {
        let (Ok(members), n) = (members(content), self.streams.len()) else { return Ok(()) };
        let Some((name, known)) = self.streams.get_key_value(stream) else { return Ok(()) };
        let name = Arc::clone(name);
        let file = known.file.is_none().then(|| {
            let number = self.streams.keys().position(|known| *known == name).unwrap_or(n);
            Staging::new(self.folder.join(format!("kept-{number:06}.ndjson")), stream, &name, None)
        });
        let Some(known) = self.streams.get_mut(stream) else { return Ok(()) };
        let mut row = Vec::with_capacity(content.len() + 64);
        row.extend_from_slice(HEAD);
        row.extend_from_slice(br#""key":"#);
        push_text(key, &mut row);
        row.extend_from_slice(b"},");
        known.schema.write(&members, 0, &mut row);
        end_row(&mut row);
        known.keys.push(key.into());
        let file = match (&mut known.file, file) {
            (Some(file), _) => file,
            (slot, Some(file)) => slot.insert(file),
            (None, None) => return Ok(()),
        };
        file.write(&row)?;
        // Few streams are kept, but nobody knows how few.
        if n > OPEN_FILES { file.close() } else { Ok(()) }
    }

    /// Closes the files and hands them over.
    pub fn take(self) -> Result<Vec<KeptFile>, Trouble> {
        let mut files = Vec::new();
        for (name, stream) in self.streams {
            if let Some(mut file) = stream.file {
                file.close()?;
                files.push(KeptFile { path: file.path, name, keys: stream.keys });
            }
        }
        Ok(files)
    }
}

/// Ends a row. A record may be laid out over several lines in a file of a BATCH; between the words
/// of JSON a line end means nothing, within a text it is escaped.
fn end_row(row: &mut Vec<u8>) {
    row.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    row.extend_from_slice(b"}\n");
}

impl Staging {
    fn new(path: PathBuf, stream: &str, name: &Arc<str>, version: Option<i64>) -> Self {
        Self {
            path,
            stream: stream.to_owned(),
            name: Arc::clone(name),
            version,
            lookup: false,
            indivisible: false,
            writer: None,
            bytes: 0,
            rows: 0,
            sure: (0, 0),
        }
    }

    fn write(&mut self, row: &[u8]) -> Result<(), Trouble> {
        if self.writer.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&self.path);
            self.writer =
                Some(BufWriter::with_capacity(64 * 1024, file.map_err(disk(&self.path))?));
        }
        let mut row = std::borrow::Cow::Borrowed(row);
        if self.rows == 0
            && let Some(rest) = row.strip_prefix(HEAD)
        {
            // The same words may be said again and mean a change back, so no two files are the same
            // and the rows of each delivery are compared one by one.
            let mut first = HEAD.to_vec();
            first.extend_from_slice(br#""run":"#);
            let run: PathBuf = self.path.components().rev().take(2).collect();
            push_text(&run.to_string_lossy(), &mut first);
            first.push(b',');
            first.extend_from_slice(rest);
            row = first.into();
        }
        if let Some(writer) = &mut self.writer {
            writer.write_all(&row).map_err(disk(&self.path))?;
        }
        self.bytes += row.len() as u64;
        self.rows += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Trouble> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        writer.flush().map_err(disk(&self.path))
    }
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> Trouble {
    let path = path.to_owned();
    move |source| Trouble::Disk { path, source }
}

fn find<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    members.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw)
}

/// Returns a member that is given twice.
fn repeated(members: &Members<'_>) -> Option<String> {
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    members.iter().find(|(name, _)| !seen.insert(name.as_str())).map(|(name, _)| name.clone())
}

/// Says when the source last changed a record: by its bookmark, else by a column that is known to
/// say so. A day is no moment: two changes of a day would pass for two contents of one version.
fn changed_at(members: &Members<'_>, bookmarks: &[String]) -> Option<String> {
    let style = DateStyle::iso(TimeZone::UTC);
    let known = VERSION.iter().copied();
    // What a tap or loader writes of its own work is no change at the source.
    let bookmarks = bookmarks.iter().map(String::as_str).filter(|name| !name.starts_with("_sdc_"));
    bookmarks.chain(known).find_map(|name| {
        let text: String = serde_json::from_str(find(members, name)?.get()).ok()?;
        match moment(&text, &style).ok()?.0 {
            Moment::Instant(at) => Some(at.to_string()),
            Moment::Civil(at) => Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().to_string()),
            Moment::Day(_) => None,
        }
    })
}

fn one_line(raw: &RawValue) -> String {
    raw.get().chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect()
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
