//! Aggregated journeys: distinct paths with how often they converted, for how much, and how often
//! not.
//!
//! Rows are put into one order here (channels by name, paths by their channels) and sums are kept
//! exactly while rows are gathered, so that no result depends on the order of the input: not in the
//! last bit. Units: conversions and nulls are journeys, the value is in whatever unit the file has.
//!
//! A file has a header and the columns `path`, `total_conversions` and, where there are any,
//! `total_conversion_value` and `total_null` (the layout of the R and Python package
//! `ChannelAttribution`); short names (`conversions`, `value`, `null`) do as well. A column called
//! `conversion` or `converted` makes it a file of single journeys: a row with 0 is a journey that
//! did not convert. Without any column of nulls, an aggregated file has none, and every removal
//! effect is then inflated: say so where it is shown.

#![expect(clippy::indexing_slicing, reason = "positions come from the scan of the same bytes")]

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr_iter, memchr2};

use crate::near::nearest;
use crate::table::{Numbers, hash_bytes};

/// Most channels that a set of paths may have.
pub const CHANNELS_MAX: usize = 65_535;
/// Most faults that are reported for one file; the last one says how many rows more have one.
pub const FAULTS_MAX: usize = 100;
/// A code that is no channel.
pub(crate) const NO_CHANNEL: u16 = u16::MAX;

/// The largest number that a cell may hold.
const NUMBER_MAX: f64 = 1e15;
/// Sums are kept in units of 2^-64.
const ONE: i128 = 1 << 64;

/// Distinct paths in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    channels: Vec<String>,
    codes: Vec<u16>,
    /// Where each path ends in `codes`.
    ends: Vec<usize>,
    conversions: Vec<f64>,
    values: Vec<f64>,
    nulls: Vec<f64>,
    totals: Totals,
    n_read: u64,
}

/// One distinct path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The channels as indices into [`Paths::channels`], first touch first, never empty.
    pub path: &'a [u16],
    /// Journeys along this path that converted.
    pub conversions: f64,
    /// What those conversions were worth together.
    pub value: f64,
    /// Journeys along this path that did not convert.
    pub nulls: f64,
}

/// Sums over all paths.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Journeys that converted.
    pub conversions: f64,
    /// What they were worth.
    pub value: f64,
    /// Journeys that did not convert.
    pub nulls: f64,
}

impl Totals {
    /// Returns all journeys, converted or not.
    pub fn journeys(&self) -> f64 {
        self.conversions + self.nulls
    }
}

/// Where a file is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFault {
    /// Line, from 1; the header is line 1.
    pub line: u64,
    /// Character in that line, from 1.
    pub column: u64,
    /// What was expected and what was found.
    pub message: String,
    /// What to do, as a sentence; empty where there is nothing to add.
    pub hint: String,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for PathFault {}

/// How a file of paths is to be read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// What stands between two channels. Names are trimmed after the cut.
    pub separator: &'a str,
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self { separator: " > " }
    }
}

impl Paths {
    /// Returns the names of the channels, sorted.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Returns the number of distinct paths.
    pub fn n_rows(&self) -> usize {
        self.ends.len()
    }

    /// Returns the number of rows that were read or added.
    pub fn n_read(&self) -> u64 {
        self.n_read
    }

    /// Returns the sums over all paths.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the distinct paths, ordered by their channels.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        (0..self.ends.len()).map(|row| self.row(row))
    }

    /// Returns the length of the longest path; zero without paths.
    pub fn longest(&self) -> usize {
        self.rows().map(|row| row.path.len()).max().unwrap_or(0)
    }

    fn row(&self, row: usize) -> Row<'_> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        Row {
            path: &self.codes[start..self.ends[row]],
            conversions: self.conversions[row],
            value: self.values[row],
            nulls: self.nulls[row],
        }
    }

    /// Reads a file: comma, semicolon or tab (whichever makes sense of the header), quotes, a byte
    /// order mark and either end of line.
    ///
    /// Every fault of the file is returned, up to [`FAULTS_MAX`]; there is no partial result.
    pub fn read_csv(bytes: &[u8], options: ReadOptions<'_>) -> Result<Self, Vec<PathFault>> {
        let mut reader = Reader { bytes, delimiter: b',', faults: Vec::new(), n_faults: 0 };
        let paths = reader.read(options);
        if reader.n_faults > FAULTS_MAX {
            let more = reader.n_faults - FAULTS_MAX + 1;
            reader.faults.truncate(FAULTS_MAX - 1);
            let line = reader.faults.last().map_or(1, |fault| fault.line);
            reader.faults.push(PathFault {
                line,
                column: 1,
                message: format!("{more} more faults follow"),
                hint: "Mend those above first; they often have one cause.".into(),
            });
        }
        match paths {
            Some(paths) if reader.faults.is_empty() => Ok(paths),
            _ => Err(reader.faults),
        }
    }
}

/// Gathers paths that are already in memory.
#[derive(Debug, Clone)]
pub struct PathsBuilder {
    names: Vec<String>,
    numbers: Numbers,
    codes: Vec<u16>,
    ends: Vec<usize>,
    sums: Vec<[i128; 3]>,
    n_read: u64,
}

impl Default for PathsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PathsBuilder {
    /// Starts with no path.
    pub fn new() -> Self {
        Self {
            names: Vec::new(),
            numbers: Numbers::new(),
            codes: Vec::new(),
            ends: Vec::new(),
            sums: Vec::new(),
            n_read: 0,
        }
    }

    /// Adds journeys along one path. Names are taken as they are.
    ///
    /// Fails, and adds nothing, where the path is empty, a number is negative, not finite or above
    /// 10^15, or the channels are more than [`CHANNELS_MAX`].
    pub fn add<'a>(
        &mut self,
        path: impl IntoIterator<Item = &'a str>,
        conversions: f64,
        value: f64,
        nulls: f64,
    ) -> Result<(), &'static str> {
        let numbers = [conversions, value, nulls];
        if numbers.iter().any(|number| !(0.0..=NUMBER_MAX).contains(number)) {
            return Err("numbers of a path are finite, at least 0 and at most 10^15");
        }
        let start = self.codes.len();
        for name in path {
            let Some(code) = self.code(name.as_bytes(), || name.to_owned()) else {
                self.codes.truncate(start);
                return Err("there are more than 65,535 channels");
            };
            self.codes.push(code);
        }
        if self.codes.len() == start {
            return Err("a path has at least one channel");
        }
        self.close(numbers.map(fixed_from_float));
        self.n_read += 1;
        Ok(())
    }

    /// Puts the paths in order, merges equal ones and returns them. No path is fine here.
    pub fn build(self) -> Paths {
        // Codes by name, so that the order of channels does not depend on who came first.
        let mut by_name: Vec<usize> = (0..self.names.len()).collect();
        by_name.sort_unstable_by(|a, b| self.names[*a].cmp(&self.names[*b]));
        let mut code_new = vec![0_u16; self.names.len()];
        for (new, old) in (0..NO_CHANNEL).zip(&by_name) {
            code_new[*old] = new;
        }
        let codes: Vec<u16> = self.codes.iter().map(|code| code_new[usize::from(*code)]).collect();
        let mut names = self.names;
        let channels = by_name.iter().map(|old| std::mem::take(&mut names[*old])).collect();

        let path = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
            &codes[start..self.ends[row]]
        };
        // The first codes, as many as fit into one word, decide nearly every comparison.
        let bits = (usize::BITS - code_new.len().leading_zeros()).max(1);
        let n_head = (u64::BITS / bits) as usize;
        let mut order: Vec<(u64, usize)> = (0..self.ends.len())
            .map(|row| {
                // One more than the code, so that the end of a path comes before every channel.
                let codes = path(row).iter().map(|code| u64::from(*code) + 1);
                let head = codes.chain(std::iter::repeat(0)).take(n_head);
                (head.fold(0, |word, code| (word << bits) | code), row)
            })
            .collect();
        order.sort_unstable_by(|(head_a, a), (head_b, b)| {
            head_a.cmp(head_b).then_with(|| path(*a).cmp(path(*b)))
        });

        let mut paths = Paths {
            channels,
            codes: Vec::with_capacity(codes.len()),
            ends: Vec::with_capacity(order.len()),
            conversions: Vec::with_capacity(order.len()),
            values: Vec::with_capacity(order.len()),
            nulls: Vec::with_capacity(order.len()),
            totals: Totals::default(),
            n_read: self.n_read,
        };
        let mut all = [0_i128; 3];
        for same in
            order.chunk_by(|(head_a, a), (head_b, b)| head_a == head_b && path(*a) == path(*b))
        {
            let mut sums = [0_i128; 3];
            for (_, row) in same {
                add(&mut sums, self.sums[*row]);
            }
            add(&mut all, sums);
            if let Some((_, row)) = same.first() {
                paths.codes.extend_from_slice(path(*row));
            }
            paths.ends.push(paths.codes.len());
            let [conversions, value, nulls] = sums.map(float_from_fixed);
            paths.conversions.push(conversions);
            paths.values.push(value);
            paths.nulls.push(nulls);
        }
        let [conversions, value, nulls] = all.map(float_from_fixed);
        paths.totals = Totals { conversions, value, nulls };
        paths
    }

    /// Returns the code of a channel, `None` where there is no code left.
    fn code(&mut self, name: &[u8], owned: impl FnOnce() -> String) -> Option<u16> {
        let next = u16::try_from(self.names.len()).unwrap_or(NO_CHANNEL);
        let names = &self.names;
        let same = |number: u32| names.get(number as usize).is_some_and(|n| n.as_bytes() == name);
        match self.numbers.number(hash_bytes(name), u32::from(next), same) {
            Ok(code) => u16::try_from(code).ok().filter(|code| *code != NO_CHANNEL),
            Err(_) if next == NO_CHANNEL => None,
            Err(_) => {
                self.names.push(owned());
                Some(next)
            }
        }
    }

    /// Ends the path whose codes have been pushed.
    fn close(&mut self, sums: [i128; 3]) {
        self.ends.push(self.codes.len());
        self.sums.push(sums);
    }
}

/// Adds exactly; 2^63 of a unit is where it would stop, which no 2^30 cells of 10^9 reach.
fn add(to: &mut [i128; 3], what: [i128; 3]) {
    for (sum, term) in to.iter_mut().zip(what) {
        *sum = sum.saturating_add(term);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the caller keeps to numbers up to 10^15")]
fn fixed_from_float(number: f64) -> i128 {
    // A power of two: exact but for bits below 2^-64.
    (number * ONE as f64) as i128
}

fn float_from_fixed(sum: i128) -> f64 {
    sum as f64 / ONE as f64
}

/// What a column of the header is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Path,
    Conversions,
    Value,
    Nulls,
    /// A single journey's outcome: what is not converted is a null.
    Converted,
    Other,
}

const ROLES: [(&str, Role); 16] = [
    ("path", Role::Path),
    ("total_conversions", Role::Conversions),
    ("total_conversion_value", Role::Value),
    ("total_null", Role::Nulls),
    ("conversion", Role::Converted),
    ("converted", Role::Converted),
    ("conversions", Role::Conversions),
    ("conversion_value", Role::Value),
    ("value", Role::Value),
    ("revenue", Role::Value),
    ("total_value", Role::Value),
    ("null", Role::Nulls),
    ("nulls", Role::Nulls),
    ("total_nulls", Role::Nulls),
    ("journey", Role::Path),
    ("channels", Role::Path),
];

/// Where a field ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Field,
    Line,
    Broken,
}

struct Reader<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    faults: Vec<PathFault>,
    n_faults: usize,
}

/// Rows that are looked up together.
const BATCH: usize = 128;

/// A path as it is written, with its sums.
struct Written {
    start: usize,
    end: usize,
    sums: [i128; 3],
}

impl<'a> Reader<'a> {
    fn read(&mut self, options: ReadOptions<'_>) -> Option<Paths> {
        if self.bytes.starts_with(&[0xFF, 0xFE]) || self.bytes.starts_with(&[0xFE, 0xFF]) {
            self.fault(0, "expected UTF-8, found a file in UTF-16", "Save it as CSV in UTF-8.");
            return None;
        }
        let head = if self.bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let (roles, body) = self.header(head)?;
        let (written, n_read) = self.rows(&roles, body);
        if n_read == 0 && self.n_faults == 0 {
            self.fault(body, "expected journeys, found none below the header", "");
        }
        if self.n_faults > 0 {
            return None;
        }
        let mut builder = PathsBuilder { n_read, ..PathsBuilder::new() };
        for row in &written {
            self.path(row, options.separator, &mut builder);
        }
        (self.n_faults == 0).then(|| builder.build())
    }

    /// Reads the header: sets the delimiter, and returns what each column is for.
    fn header(&mut self, head: usize) -> Option<(Vec<Role>, usize)> {
        let end = memchr(b'\n', &self.bytes[head..]).map_or(self.bytes.len(), |at| head + at);
        let line = &self.bytes[head..end];
        if line.trim_ascii().is_empty() {
            let hint =
                "The first line is `path,total_conversions,total_conversion_value,total_null`.";
            self.fault(head, "expected a header, found an empty line", hint);
            return None;
        }
        let mut best: Option<(usize, u8, Vec<String>)> = None;
        for delimiter in [b',', b';', b'\t'] {
            let names = split_header(line, delimiter);
            let n_known = names.iter().filter(|name| role(name) != Role::Other).count();
            let n = n_known * 1000 + names.len().min(999);
            if best.as_ref().is_none_or(|(most, ..)| n > *most) {
                best = Some((n, delimiter, names));
            }
        }
        let (_, delimiter, names) = best?;
        self.delimiter = delimiter;
        let roles: Vec<Role> = names.iter().map(|name| role(name)).collect();
        let count = |wanted: &[Role]| roles.iter().filter(|role| wanted.contains(role)).count();
        let outcome = [Role::Conversions, Role::Converted];
        for (wanted, name) in [(&[Role::Path][..], "path"), (&outcome, "total_conversions")] {
            if count(wanted) == 0 {
                let near = nearest(name, names.iter().map(String::as_str), 3);
                let near: Vec<String> = near
                    .iter()
                    .map(|name| format!("`{}`", name.chars().take(40).collect::<String>()))
                    .collect();
                let message = format!("column `{name}` is missing");
                let hint = format!("Rename a column; the nearest are {}.", near.join(", "));
                self.fault(head, &message, &hint);
            }
        }
        for wanted in [&[Role::Path][..], &outcome, &[Role::Value], &[Role::Nulls]] {
            if count(wanted) > 1 {
                let twice: Vec<&str> = names
                    .iter()
                    .zip(&roles)
                    .filter(|(_, role)| wanted.contains(role))
                    .map(|(name, _)| name.as_str())
                    .collect();
                let message = format!("columns `{}` mean the same", twice.join("` and `"));
                self.fault(head, &message, "Keep one of them.");
            }
        }
        (self.n_faults == 0).then_some((roles, (end + 1).min(self.bytes.len())))
    }

    /// Gathers the rows by the bytes of their path, before any name is looked at.
    fn rows(&mut self, roles: &[Role], body: usize) -> (Vec<Written>, u64) {
        let bytes = self.bytes;
        let mut written: Vec<Written> = Vec::new();
        let mut numbers = Numbers::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut n_read = 0;
        let mut at = body;
        while at < bytes.len() {
            let row = at;
            let mut path = (row, row);
            let mut cells = [0_i128; 3];
            let mut single = None;
            let mut n_cells = 0;
            let n_faults = self.n_faults;
            loop {
                let role = roles.get(n_cells).copied();
                let (start, end, next, terminator) = self.field(at, role == Some(Role::Path));
                at = next;
                n_cells += 1;
                if terminator == End::Broken {
                    return (written, n_read);
                }
                match role {
                    Some(Role::Path) => path = (start, end),
                    Some(Role::Conversions) => cells[0] = self.number(start, end, false),
                    Some(Role::Converted) => single = Some(self.number(start, end, false)),
                    Some(Role::Value) => cells[1] = self.number(start, end, true),
                    Some(Role::Nulls) => cells[2] = self.number(start, end, true),
                    Some(Role::Other) | None => {}
                }
                if terminator == End::Line {
                    break;
                }
            }
            if n_cells == 1 && bytes[row..at].trim_ascii().is_empty() {
                // An empty line; the cell that it lacks has been reported as a number only if it
                // stood in that column.
                self.take_back(n_faults);
                continue;
            }
            n_read += 1;
            if n_cells != roles.len() {
                let message = format!("expected {} cells, found {n_cells}", roles.len());
                self.fault(row, &message, "A cell that contains the delimiter needs quotes.");
                continue;
            }
            if self.n_faults > n_faults {
                continue;
            }
            if let Some(converted) = single {
                cells[0] = converted;
                if converted == 0 && !roles.contains(&Role::Nulls) {
                    cells[2] = ONE;
                }
            }
            let (start, end) = path;
            let hash = hash_bytes(&bytes[start..end]);
            batch.push((hash, Written { start, end, sums: cells }));
            if batch.len() == BATCH {
                gather(bytes, &mut batch, &mut numbers, &mut written);
            }
        }
        gather(bytes, &mut batch, &mut numbers, &mut written);
        (written, n_read)
    }

    /// Returns start and end of the field at `at`, with its quotes, where the next one begins, and
    /// what ended it.
    #[inline]
    fn field(&mut self, at: usize, long: bool) -> (usize, usize, usize, End) {
        let bytes = self.bytes;
        let mut from = at;
        if bytes.get(at) == Some(&b'"') {
            from = at + 1;
            loop {
                let Some(quote) = memchr(b'"', bytes.get(from..).unwrap_or_default()) else {
                    self.fault(at, "expected a closing quote, found the end of the file", "");
                    return (at, bytes.len(), bytes.len(), End::Broken);
                };
                from += quote + 1;
                if bytes.get(from) != Some(&b'"') {
                    break;
                }
                from += 1;
            }
            let rest = &bytes[from..];
            let after = rest.first().copied();
            if !(after.is_none()
                || after == Some(self.delimiter)
                || after == Some(b'\n')
                || rest.starts_with(b"\r\n"))
            {
                self.fault(
                    from,
                    "expected the end of the cell after its closing quote",
                    "Inside quotes, a quote is written twice.",
                );
            }
        }
        let rest = bytes.get(from..).unwrap_or_default();
        let stop = if long {
            memchr2(self.delimiter, b'\n', rest)
        } else {
            rest.iter().position(|byte| *byte == self.delimiter || *byte == b'\n')
        };
        let end = stop.map_or(bytes.len(), |stop| from + stop);
        if bytes.get(end) == Some(&self.delimiter) {
            return (at, end, end + 1, End::Field);
        }
        let trimmed = if end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
        (at, trimmed, (end + 1).min(bytes.len()), End::Line)
    }

    /// Reads a number of at least zero, in units of 2^-64.
    #[inline]
    fn number(&mut self, start: usize, end: usize, may_be_empty: bool) -> i128 {
        let cell = &self.bytes[start..end];
        if let [digit @ b'0'..=b'9'] = cell {
            return i128::from(digit - b'0') << 64;
        }
        match fixed_from_text(cell) {
            Ok(Some(number)) => number,
            Ok(None) if may_be_empty => 0,
            Ok(None) => {
                self.fault(start, "expected a number, found nothing", "");
                0
            }
            Err((what, hint)) => {
                let text: String = String::from_utf8_lossy(cell).chars().take(40).collect();
                self.fault(start, &format!("expected a number, found `{text}`, {what}"), hint);
                0
            }
        }
    }

    /// Cuts one distinct path into channels.
    fn path(&mut self, row: &Written, separator: &str, builder: &mut PathsBuilder) {
        let raw = &self.bytes[row.start..row.end];
        let bytes: Cow<'a, [u8]> = unquoted(raw);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            self.fault(
                row.start,
                "expected UTF-8, found other bytes in a path",
                "Save the file in UTF-8.",
            );
            return;
        };
        if text.trim().is_empty() {
            self.fault(
                row.start,
                "expected a path, found an empty cell",
                "Leave out journeys without a touch.",
            );
            return;
        }
        let bare = separator.trim();
        let start = builder.codes.len();
        for name in cuts(text, separator).map(trim) {
            let hangs = !bare.is_empty() && bare.len() < separator.len() && {
                name.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                    || name.strip_suffix(bare).is_some_and(|rest| rest.ends_with(' '))
            };
            if name.is_empty() || hangs {
                let message =
                    format!("expected a channel on both sides of `{bare}`, found nothing");
                self.fault(row.start, &message, "");
                builder.codes.truncate(start);
                return;
            }
            let Some(code) = builder.code(name.as_bytes(), || name.to_owned()) else {
                if self.n_faults == 0 {
                    let hint = "Perhaps the path holds single pages or persons; group them first.";
                    self.fault(row.start, "there are more than 65,535 channels", hint);
                }
                builder.codes.truncate(start);
                return;
            };
            builder.codes.push(code);
        }
        builder.close(row.sums);
    }

    #[cold]
    fn fault(&mut self, at: usize, message: &str, hint: &str) {
        self.n_faults += 1;
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let at = at.min(self.bytes.len());
        let before = &self.bytes[..at];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let in_line = &self.bytes[line_start..at];
        let in_line = in_line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(in_line);
        self.faults.push(PathFault {
            line: memchr_iter(b'\n', before).count() as u64 + 1,
            column: String::from_utf8_lossy(in_line).chars().count() as u64 + 1,
            message: message.to_owned(),
            hint: hint.to_owned(),
        });
    }

    /// Forgets the faults after the first `n`.
    fn take_back(&mut self, n: usize) {
        self.faults.truncate(n);
        self.n_faults = n;
    }
}

/// Adds a batch of rows to the distinct paths.
///
/// Nearly all of the time here would be spent waiting for memory, once for the slot, once for the
/// path and once for its bytes. Looking at each of them for the whole batch first lets the waits
/// overlap.
fn gather(
    bytes: &[u8],
    batch: &mut Vec<(u64, Written)>,
    numbers: &mut Numbers,
    written: &mut Vec<Written>,
) {
    let mut near = [0; BATCH];
    for (near, (hash, _)) in near.iter_mut().zip(&*batch) {
        *near = numbers.peek(*hash).map_or(usize::MAX, |number| number as usize);
    }
    for near in &mut near {
        *near = written.get(*near).map_or(0, |row| row.start);
    }
    let seen = near.iter().fold(0, |seen, at| seen ^ bytes.get(*at).copied().unwrap_or(0));
    std::hint::black_box(seen);
    for (hash, row) in batch.drain(..) {
        let key = &bytes[row.start..row.end];
        let next = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let same = |number: u32| {
            written.get(number as usize).is_some_and(|known| &bytes[known.start..known.end] == key)
        };
        match numbers.number(hash, next, same) {
            Ok(number) => add(&mut written[number as usize].sums, row.sums),
            Err(_) => written.push(row),
        }
    }
}

/// Returns what a header's name means; case, spaces and hyphens do not matter.
fn role(name: &str) -> Role {
    let name = name.to_lowercase().replace([' ', '-'], "_");
    ROLES.iter().find(|(known, _)| *known == name).map_or(Role::Other, |(_, role)| *role)
}

fn split_header(line: &[u8], delimiter: u8) -> Vec<String> {
    line.split(|byte| *byte == delimiter)
        .map(|name| {
            let name = unquoted(name.trim_ascii());
            String::from_utf8_lossy(&name).trim().to_owned()
        })
        .collect()
}

/// Returns a cell without its quotes.
fn unquoted(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return Cow::Borrowed(raw);
    };
    if memchr(b'"', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for byte in inner {
        // Quotes come in pairs here, and the first of each pair goes.
        escaped = *byte == b'"' && !escaped;
        if !escaped {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

/// Cuts a text at a separator; one that is empty cuts nothing.
///
/// `str::split` prepares a search for each text, which costs more than the search in a path of
/// five.
fn cuts<'t>(text: &'t str, separator: &str) -> impl Iterator<Item = &'t str> {
    // The first byte that is no space is the rarest.
    let pivot = separator.bytes().position(|byte| byte != b' ').unwrap_or(0);
    let pivot_byte = separator.as_bytes().get(pivot).copied();
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(pivot_byte) = pivot_byte else { return rest.take() };
        let bytes = text.as_bytes();
        let mut from = pivot;
        while let Some(found) =
            bytes.get(from..).and_then(|tail| tail.iter().position(|byte| *byte == pivot_byte))
        {
            let start = from + found - pivot;
            let end = start + separator.len();
            if bytes.get(start..end) == Some(separator.as_bytes()) {
                // The bytes of the separator are whole characters, so both ends are as well.
                rest = text.get(end..);
                return text.get(..start);
            }
            from += found + 1;
        }
        rest.take()
    })
}

/// `str::trim` for names that have nothing to trim, which is nearly all of them.
#[inline]
fn trim(name: &str) -> &str {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = name.as_bytes();
    if plain(bytes.first()) && plain(bytes.last()) { name } else { name.trim() }
}

/// Reads a decimal number; `None` for an empty cell.
fn fixed_from_text(cell: &[u8]) -> Result<Option<i128>, (&'static str, &'static str)> {
    let cell = unquoted(cell.trim_ascii());
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        return Ok(None);
    }
    // Up to 15 digits with one point: digits and power of ten are exact, so the quotient is right.
    let (mut digits, mut n_digits, mut n_decimals, mut point) = (0_u64, 0_u32, 0_usize, false);
    let mut plain = true;
    for byte in cell {
        match byte {
            b'0'..=b'9' if n_digits < 15 => {
                digits = digits * 10 + u64::from(byte - b'0');
                n_digits += 1;
                n_decimals += usize::from(point);
            }
            b'.' if !point => point = true,
            _ => {
                plain = false;
                break;
            }
        }
    }
    if plain && n_digits > 0 {
        if n_decimals == 0 {
            return Ok(Some(i128::from(digits) << 64));
        }
        if let Some(scale) = POWERS_OF_TEN.get(n_decimals) {
            return Ok(Some(fixed_from_float(digits as f64 / scale)));
        }
    }
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok());
    match number {
        None if cell.contains(&b',') => {
            Err(("which has a comma", "Write numbers without separators and with a decimal point."))
        }
        None => Err(("which is none", "")),
        Some(number) if !number.is_finite() => Err(("which is not finite", "")),
        Some(number) if number < 0.0 => {
            Err(("which is negative", "Net refunds against the conversion they belong to."))
        }
        Some(number) if number > NUMBER_MAX => Err(("which is larger than 10^15", "")),
        Some(number) => Ok(Some(fixed_from_float(number))),
    }
}

const POWERS_OF_TEN: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[cfg(test)]
mod tests;
