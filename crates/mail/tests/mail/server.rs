//! A mail server that behaves badly on demand (RFC 5321, only what the client says).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How one conversation goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// As it should.
    Kind,
    /// Says nothing at all.
    Silent,
    /// Hangs up before it greets.
    Closed,
    /// Answers the recipient with 550.
    UnknownReader,
    /// Answers the recipient with 451.
    Busy,
    /// Answers the whole message with 452.
    Full,
    /// Hangs up in the middle of the message.
    DropsHalfWay,
    /// Keeps the message and hangs up before it says so.
    KeepsAndDrops,
    /// Answers with a line that is no answer and holds a secret.
    Babbles,
}

/// A server that is there for a list of conversations.
pub(crate) struct Server {
    pub(crate) port: u16,
    kept: Arc<Mutex<Vec<String>>>,
    worker: JoinHandle<()>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start(manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (manners, keep) = (manners.to_vec(), Arc::clone(&kept));
        let worker = std::thread::spawn(move || {
            for manner in manners {
                let (stream, _) = listener.accept().expect("somebody connects");
                // A client that hangs up is part of the test.
                let _ended = talk(stream, manner, &keep);
            }
        });
        Self { port, kept, worker }
    }

    /// Waits for the last conversation and returns the messages that were kept.
    pub(crate) fn end(self) -> Vec<String> {
        self.worker.join().expect("the server ends");
        std::mem::take(&mut *self.kept.lock().expect("nobody else keeps"))
    }
}

fn talk(mut out: TcpStream, manner: Manner, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(out.try_clone()?).lines();
    match manner {
        Manner::Closed => return Ok(()),
        Manner::Silent => {
            // Until the client gives up.
            while lines.next().is_some_and(|line| line.is_ok()) {}
            return Ok(());
        }
        Manner::Babbles => return write!(out, "hello there, password is hunter2\r\n"),
        _ => write!(out, "220 here\r\n")?,
    }
    while let Some(line) = lines.next() {
        let line = line?.to_uppercase();
        let answer = match line.get(..4).unwrap_or("") {
            "EHLO" => "250 here",
            "RCPT" if manner == Manner::UnknownReader => "550 <cfo@acme.example> is not here",
            "RCPT" if manner == Manner::Busy => "451 later",
            "QUIT" => {
                write!(out, "221 bye\r\n")?;
                return Ok(());
            }
            "DATA" => {
                write!(out, "354 go on\r\n")?;
                let mut body = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    if manner == Manner::DropsHalfWay && body.len() > 200 {
                        return Ok(());
                    }
                    body.push_str(line.strip_prefix('.').unwrap_or(&line));
                    body.push_str("\r\n");
                }
                if manner == Manner::Full {
                    "452 no room"
                } else {
                    kept.lock().expect("nobody else keeps").push(body);
                    if manner == Manner::KeepsAndDrops {
                        return Ok(());
                    }
                    "250 kept"
                }
            }
            _ => "250 fine",
        };
        write!(out, "{answer}\r\n")?;
    }
    Ok(())
}
