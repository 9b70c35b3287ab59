//! What a handler gives back, and how it becomes an answer on the wire.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// Writes a body of any length, piece by piece, on a thread that may wait.
pub(crate) type Writing = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// What is sent.
pub(crate) enum Content {
    /// Known whole.
    Whole(Bytes),
    /// Written while it is sent.
    Written(Writing),
    /// Pieces as they come.
    Pieces(Pieces),
}

/// An answer of a handler.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) content: Content,
    /// Carries a mark by which a repeated request is answered with "not changed".
    pub(crate) marked: bool,
    /// What is kept for a repeated request where the answer holds a secret that is shown once.
    pub(crate) lasting: Option<Bytes>,
}

impl Reply {
    /// An answer of a kind.
    pub(crate) fn new(kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
            content: Content::Whole(bytes.into()),
            marked: true,
            lasting: None,
        }
    }

    /// A page.
    pub(crate) fn page(html: String) -> Self {
        Self::new("text/html; charset=utf-8", html)
    }

    /// JSON.
    pub(crate) fn json(text: String) -> Self {
        Self::new("application/json", text)
    }

    /// Goes on at another address of this site after a change.
    pub(crate) fn see_other(path: &str) -> Self {
        let mut reply = Self::new("text/plain; charset=utf-8", "");
        reply.status = StatusCode::SEE_OTHER;
        reply.marked = false;
        reply.header(header::LOCATION, path)
    }

    /// A body that is written while it is sent.
    pub(crate) fn written(kind: &'static str, writing: Writing) -> Self {
        let mut reply = Self::new(kind, "");
        reply.content = Content::Written(writing);
        reply.marked = false;
        reply
    }

    /// Sets the status.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; a value that no header may have is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Says that it is to be kept as a file of this name.
    pub(crate) fn file(self, name: &str) -> Self {
        self.header(header::CONTENT_DISPOSITION, &disposition(name))
    }

    /// Becomes an answer; a written body gets its thread now.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = match self.content {
            Content::Whole(bytes) => Body::from(bytes),
            Content::Written(writing) => Body::new(write(writing)),
            Content::Pieces(pieces) => Body::new(pieces),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// Writes the header that names a file: an ASCII name, and the whole one in UTF-8.
fn disposition(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let clean: String = name.chars().filter(|c| !c.is_control()).take(150).collect();
    let clean: String = clean.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    let clean = clean.trim_start_matches(['.', ' ']);
    let ascii: String = clean.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in clean.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// Bytes of a piece that is sent.
const PIECE: usize = 64 << 10;

/// Runs a writer on a thread of its own and hands over what it writes; a reader that is slow makes
/// it wait, one that is gone ends it.
fn write(writing: Writing) -> Pieces {
    let (sender, pieces) = pieces(4);
    tokio::task::spawn_blocking(move || {
        let mut out = Sending { sender: sender.clone(), piece: Vec::with_capacity(PIECE) };
        let done = writing(&mut out).and_then(|()| out.flush());
        if let Err(error) = done {
            // The reader sees that the file is not whole: the connection breaks.
            let _gone = sender.blocking_send(Err(error));
        }
    });
    pieces
}

/// The end that pieces are sent into.
pub(crate) type Sender = mpsc::Sender<io::Result<Bytes>>;

/// Makes a body of pieces.
pub(crate) fn pieces(waiting: usize) -> (Sender, Pieces) {
    let (sender, receiver) = mpsc::channel(waiting);
    (sender, Pieces(receiver))
}

/// A body of pieces.
pub(crate) struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

struct Sending {
    sender: Sender,
    piece: Vec<u8>,
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(piece.into())).map_err(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_no_header_and_no_path() {
        let name = disposition("Q3 \"board\"\r\nSet-Cookie: a=b/../../etc/Überblick 年.csv");
        assert_eq!(
            name,
            "attachment; filename=\"Q3 _board_Set-Cookie_ a_b_.._.._etc__berblick _.csv\"; \
             filename*=UTF-8''Q3%20_board_Set-Cookie_%20a_b_.._.._etc_%C3%9Cberblick%20%E5%B9%B4.csv"
        );
        assert!(!disposition("../x").contains(".."));
    }
}
