//! The newest link of the chain, outside the database: a catalog that is older, cut or another one
//! is found by it.
//!
//! `anchor.log` has a line of fixed width for each change of the catalog. A line is flushed before
//! the change is committed, as pending, and marked as committed after it, in place: a full disk
//! cannot come between. With the mark comes the seal, BLAKE3 of the whole catalog file, where
//! everything has been written back into it. Each line has a check over itself and the line before.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::LakeError;
use crate::parquet_file::flush_folder;

/// Name of the file in the folder of the lake.
pub(crate) const FILE: &str = "anchor.log";
const PENDING: char = 'p';
const COMMITTED: char = 'c';
/// In place of a seal, where there is none.
const NO_SEAL: &str = "----------------------------------------------------------------";
/// Mark, number, snapshot, load, time, digest, seal and check, each followed by one character.
const LINE: u64 = 2 + 13 + 13 + 13 + 28 + 65 + 65 + 65;

/// A link of the chain as it stands in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) committed: bool,
    pub(crate) n: i64,
    pub(crate) snapshot: i64,
    /// The newest load.
    pub(crate) load: i64,
    /// When the newest snapshot is recorded.
    pub(crate) at: String,
    pub(crate) digest: String,
    /// BLAKE3 of the catalog file after this change; none where some of it was not in the file yet.
    pub(crate) seal: Option<String>,
    check: String,
}

/// What a new line says.
pub(crate) struct Link<'a> {
    pub(crate) n: i64,
    pub(crate) snapshot: i64,
    pub(crate) load: i64,
    pub(crate) at: &'a str,
    pub(crate) digest: &'a str,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next();
        let committed = match next()? {
            "c" => true,
            "p" => false,
            _ => return None,
        };
        let mut number = || next().filter(|word| word.len() == 12)?.parse().ok();
        let (n, snapshot, load) = (number()?, number()?, number()?);
        let mut word = |length: usize| Some(next().filter(|word| word.len() == length)?.to_owned());
        let (at, digest, seal, check) = (word(27)?, word(64)?, word(64)?, word(64)?);
        let seal = Some(seal).filter(|seal| seal != NO_SEAL);
        Some(Self { committed, n, snapshot, load, at, digest, seal, check })
    }

    fn text(&self) -> String {
        let mark = if self.committed { COMMITTED } else { PENDING };
        let seal = self.seal.as_deref().unwrap_or(NO_SEAL);
        let Self { n, snapshot, load, at, digest, check, .. } = self;
        format!("{mark} {n:012} {snapshot:012} {load:012} {at:27} {digest} {seal} {check}\n")
    }

    /// The check of a line after this one, or of the first line.
    fn check(before: Option<&Self>, link: &Link<'_>) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(before.map_or("", |before| &before.check).as_bytes());
        let Link { n, snapshot, load, at, digest } = link;
        hasher.update(format!(" {n} {snapshot} {load} {at} {digest}").as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    fn fits(&self, before: Option<&Self>) -> bool {
        let Self { n, snapshot, load, at, digest, .. } = self;
        let (n, snapshot, load) = (*n, *snapshot, *load);
        Self::check(before, &Link { n, snapshot, load, at, digest }) == self.check
    }
}

/// The file, open for the writer.
pub(crate) struct Anchor {
    path: PathBuf,
    file: File,
    /// Whole lines.
    n_lines: u64,
    last: Option<Line>,
}

impl Anchor {
    /// Opens the file, makes it where there is none. What follows the last whole line was never
    /// flushed as a whole, so nothing was committed after it, and it goes.
    pub(crate) fn open(dir: &Path) -> Result<Self, LakeError> {
        let path = dir.join(FILE);
        let made = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LakeError::disk("cannot open", &path))?;
        if made {
            flush_folder(dir)?;
        }
        let length = file.metadata().map_err(LakeError::disk("cannot read", &path))?.len();
        let mut anchor = Self { path, file, n_lines: length / LINE, last: None };
        if length % LINE != 0 {
            anchor.cut()?;
        }
        anchor.last = newest(dir)?.pop();
        Ok(anchor)
    }

    pub(crate) fn last(&self) -> Option<&Line> {
        self.last.as_ref()
    }

    fn cut(&self) -> Result<(), LakeError> {
        let cut = self.file.set_len(self.n_lines * LINE).and_then(|()| self.file.sync_all());
        cut.map_err(LakeError::disk("cannot write", &self.path))
    }

    /// Takes back the last line, whose change was not committed.
    pub(crate) fn take_back(&mut self, dir: &Path) -> Result<(), LakeError> {
        self.n_lines = self.n_lines.saturating_sub(1);
        self.cut()?;
        self.last = newest(dir)?.pop();
        Ok(())
    }

    /// Writes a pending line and flushes it.
    pub(crate) fn announce(&mut self, link: &Link<'_>) -> Result<(), LakeError> {
        let line = Line {
            committed: false,
            n: link.n,
            snapshot: link.snapshot,
            load: link.load,
            at: link.at.to_owned(),
            digest: link.digest.to_owned(),
            seal: None,
            check: Line::check(self.last.as_ref(), link),
        };
        self.put(self.n_lines, &line)?;
        self.n_lines += 1;
        self.last = Some(line);
        Ok(())
    }

    /// Marks the last line as committed, with the seal of the catalog where there is one.
    pub(crate) fn confirm(&mut self, seal: Option<String>) -> Result<(), LakeError> {
        let Some(last) = &self.last else { return Ok(()) };
        let line = Line { committed: true, seal, ..last.clone() };
        self.put(self.n_lines.saturating_sub(1), &line)?;
        self.last = Some(line);
        Ok(())
    }

    fn put(&self, at: u64, line: &Line) -> Result<(), LakeError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at * LINE))
            .and_then(|_| file.write_all(line.text().as_bytes()))
            // An error here is final: what the disk holds is not known after a failed flush.
            .and_then(|()| file.sync_all())
            .map_err(LakeError::disk("cannot write", &self.path))
    }
}

/// Reads the last two whole lines; fails where one is none.
pub(crate) fn newest(dir: &Path) -> Result<Vec<Line>, LakeError> {
    let path = dir.join(FILE);
    let read = || {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let n_lines = file.metadata()?.len() / LINE;
        file.seek(SeekFrom::Start(n_lines.saturating_sub(2) * LINE))?;
        let mut bytes = vec![0; usize::try_from(n_lines.min(2) * LINE).unwrap_or(0)];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(LakeError::disk("cannot read", &path))?;
    lines(&bytes).map_err(|at| broken(dir, at))
}

/// Reads all lines and checks each against the one before; the first line that does not fit is an
/// error.
pub(crate) fn all(dir: &Path) -> Result<Vec<Line>, LakeError> {
    let path = dir.join(FILE);
    let bytes = std::fs::read(&path).map_err(LakeError::disk("cannot read", &path))?;
    let whole = usize::try_from(bytes.len() as u64 / LINE * LINE).unwrap_or(0);
    let lines = lines(bytes.get(..whole).unwrap_or_default()).map_err(|at| broken(dir, at))?;
    let mut before: Option<&Line> = None;
    for (at, line) in lines.iter().enumerate() {
        let last = at + 1 == lines.len();
        if !line.fits(before) || !line.committed && !last {
            return Err(broken(dir, at));
        }
        before = Some(line);
    }
    if whole != bytes.len() && lines.last().is_some_and(|line| !line.committed) {
        return Err(broken(dir, lines.len()));
    }
    Ok(lines)
}

/// Says which loads after one were committed, with the instant of each, and the number of the last
/// change, as far as the file can be read.
pub(crate) fn after(dir: &Path, load: i64) -> Result<(Vec<(i64, String)>, i64), LakeError> {
    let path = dir.join(FILE);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes.map_err(LakeError::disk("cannot read", &path))?,
    };
    let mut lost = Vec::new();
    let mut last = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').flat_map(lines).flatten() {
        if !line.committed {
            continue;
        }
        last = last.max(line.n);
        if line.load > lost.last().map_or(load, |(load, _)| *load) {
            lost.push((line.load, line.at));
        }
    }
    Ok((lost, last))
}

fn lines(bytes: &[u8]) -> Result<Vec<Line>, usize> {
    let width = usize::try_from(LINE).unwrap_or(1);
    let chunks = bytes.chunks(width).enumerate();
    let read = |chunk: &[u8]| {
        let text = std::str::from_utf8(chunk).ok()?.strip_suffix('\n')?;
        let line = Line::read(text)?;
        // The same line has one spelling only.
        (line.text().strip_suffix('\n') == Some(text)).then_some(line)
    };
    chunks.map(|(at, chunk)| read(chunk).ok_or(at)).collect()
}

fn broken(dir: &Path, line: usize) -> LakeError {
    let found = format!("`{FILE}` is not as it was written (line {})", line + 1);
    LakeError::Broken { dir: dir.to_owned(), found }
}
