//! A connection whose every answer carries the headers of safety, also those that the protocol
//! library gives by itself where a head cannot be read; and that ends where nobody reads.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

/// The headers of an answer that nobody of ours has written.
const HEADERS: &[u8] =
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    cross-origin-opener-policy: same-origin\r\n\
    cross-origin-resource-policy: same-origin\r\n\
    cache-control: no-store\r\n";

/// A connection.
pub(crate) struct Wire<T> {
    inner: T,
    /// What is written instead of what was to be written, as far as it has not gone yet.
    instead: Vec<u8>,
    /// How long the other side may take nothing of what is written.
    patience: Duration,
    /// Runs while nothing is taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Wire<T> {
    /// Wraps a connection that ends where the other side takes nothing for so long.
    pub(crate) const fn new(inner: T, patience: Duration) -> Self {
        Self { inner, instead: Vec::new(), patience, stalled: None }
    }

    /// Ends a write that has made no headway for too long.
    fn patient<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: Write + Unpin> Wire<T> {
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let n = ready!(Pin::new(&mut self.inner).poll_write(context, &self.instead))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..n.min(self.instead.len()));
        }
        Poll::Ready(Ok(()))
    }
}

/// The head with the headers where it is a refusal of the library: ours have a request number.
fn dressed(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let number = b"x-request-id:";
    let head = bytes.get(..end)?;
    if head.windows(number.len()).any(|part| part == number) {
        return None;
    }
    let line = bytes.windows(2).position(|two| two == b"\r\n")?.saturating_add(2);
    let (first, rest) = bytes.split_at_checked(line)?;
    Some([first, HEADERS, rest].concat())
}

impl<T: Read + Unpin> Read for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Wire<T> {
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.drain(context))?;
        let Some(instead) = dressed(bytes) else {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        };
        self.instead = instead;
        match self.drain(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What has not gone yet goes with the next write or flush.
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<T: Write + Unpin> Write for Wire<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.write(context, bytes);
        self.patient(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.flush(context);
        self.patient(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = self.shutdown(context);
        self.patient(context, ended)
    }
}
