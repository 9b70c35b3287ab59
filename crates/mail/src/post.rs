//! Hands a letter to the mail server that the settings name, and to no other.
//!
//! The name is resolved once, the addresses are checked, and one of them is connected. A server
//! that does not offer the privacy that the settings ask for gets nothing. Of what a server answers
//! only the three digits are kept: the words may hold addresses.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use outbound::{Closed, Reach, resolve};

use crate::error::Error;
use crate::letter::Letter;
use crate::settings::{Security, Settings};

/// The longest wait for a connection and for each answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The wait before the last two pieces of a message, in which a connection that has ended is seen.
const PAUSE: Duration = Duration::from_millis(150);
/// Bytes in each of the last two pieces.
const PIECE: usize = 64;

/// What became of a letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The server took it.
    Taken,
    /// It did not get there and may be sent again, with the reason.
    Again(String),
    /// It was refused for good, with the reason.
    Refused(String),
    /// It went out whole, and the connection ended before the server said whether it took it.
    Unconfirmed(String),
}

/// The way to the mail server.
#[derive(Debug)]
pub struct Post {
    settings: Settings,
    patience: Duration,
}

impl Post {
    /// The way to the server of the settings.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, patience: PATIENCE }
    }

    /// Waits so long for a connection and for each answer, instead of 20 seconds.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a letter. An error is about the settings: it says what to change and nothing was sent.
    pub fn send(&self, letter: &Letter) -> Result<Fate, Error> {
        let addresses = match self.resolve() {
            Ok(addresses) => addresses,
            Err(Closed::Nowhere) => {
                return Ok(Fate::Again("the name of the mail server has no address".to_owned()));
            }
            Err(closed) => {
                let host = self.settings.host.clone();
                return Err(Error::Server { host, why: closed.to_string() });
            }
        };
        let tls = self.tls()?;
        let login = match &self.settings.login {
            Some((user, secret)) => Some(Credentials::new(user.clone(), secret.read()?)),
            None => None,
        };
        Ok(match self.connect(&addresses, tls.as_ref(), login.as_ref()) {
            Ok(mut connection) => deliver(&mut connection, letter),
            Err(error) => fate("could not be reached", &error),
        })
    }

    fn resolve(&self) -> Result<Vec<SocketAddr>, Closed> {
        let Settings { host, port, security, .. } = &self.settings;
        let clear = *security == Security::None;
        resolve(host, *port, if clear { Reach::ThisMachine } else { Reach::AnyMachine })
    }

    fn tls(&self) -> Result<Option<TlsParameters>, Error> {
        let Settings { host, security, certificate, .. } = &self.settings;
        if *security == Security::None {
            return Ok(None);
        }
        let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
        if let Some(path) = certificate {
            let fault = |why| Error::Certificate { path: path.clone(), why };
            let pem = std::fs::read(path).map_err(|_| fault("cannot be read"))?;
            let certificate = Certificate::from_pem(&pem).map_err(|_| fault("is not PEM"))?;
            // The company's own authority is the only one trusted then: no other vouches for it.
            builder =
                builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        builder.build().map(Some).map_err(|error| Error::Server {
            host: host.clone(),
            why: format!("cannot be reached by TLS: {error}"),
        })
    }

    fn connect(
        &self,
        addresses: &[SocketAddr],
        tls: Option<&TlsParameters>,
        login: Option<&Credentials>,
    ) -> Result<SmtpConnection, SmtpError> {
        let hello = ClientId::Domain(self.settings.from.email.domain().to_owned());
        let from_start = tls.filter(|_| self.settings.security == Security::Tls);
        let mut connection =
            SmtpConnection::connect(addresses, Some(self.patience), &hello, from_start, None)?;
        if let Some(tls) = tls.filter(|_| self.settings.security == Security::Starttls) {
            // Fails where the server does not offer it: nothing is said in the clear.
            connection.starttls(tls, &hello)?;
        }
        if let Some(login) = login {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], login)?;
        }
        Ok(connection)
    }
}

/// Hands the letter over in the four steps of RFC 5321, so that it is known how far it came.
fn deliver(connection: &mut SmtpConnection, letter: &Letter) -> Fate {
    let envelope = letter.envelope();
    let mut begun = || {
        connection.command(Mail::new(envelope.from().cloned(), Vec::new()))?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new()))?;
        }
        connection.command(Data)
    };
    if let Err(error) = begun() {
        return end(connection, fate("did not accept the digest", &error));
    }
    let bytes = letter.bytes();
    let mut pieces = pieces(&bytes).into_iter().enumerate();
    let mut all_out = false;
    let sent = connection.message_iter(std::iter::from_fn(|| {
        let next = pieces.next();
        match next {
            // What was written into a connection that has ended is noticed by the next writing.
            Some((at, _)) if at > 0 => std::thread::sleep(PAUSE),
            Some(_) => (),
            // After this the end of the message is written, and the server may take it.
            None => all_out = true,
        }
        next.map(|(_, piece)| piece)
    }));
    let fate = match sent {
        Ok(_) => Fate::Taken,
        Err(error) if error.status().is_none() && all_out => {
            Fate::Unconfirmed("the connection ended before the mail server answered".to_owned())
        }
        Err(error) => fate("did not take the digest", &error),
    };
    end(connection, fate)
}

/// Says goodbye; what the server answers to that changes nothing.
fn end(connection: &mut SmtpConnection, fate: Fate) -> Fate {
    connection.abort();
    fate
}

/// Cuts the message so that its end goes out last and in small pieces.
fn pieces(bytes: &[u8]) -> [&[u8]; 3] {
    let (rest, last) = bytes.split_at(bytes.len().saturating_sub(PIECE));
    let (first, middle) = rest.split_at(rest.len().saturating_sub(PIECE));
    [first, middle, last]
}

fn fate(what: &str, error: &SmtpError) -> Fate {
    let code = error.status().map(|code| code.to_string());
    let more = match code {
        Some(code) => format!(" (it answered {code})"),
        None if untrusted(error) => " (its certificate is not trusted)".to_owned(),
        None => String::new(),
    };
    let slow = if error.is_timeout() { " in time" } else { "" };
    let why = format!("the mail server {what}{slow}{more}");
    if error.is_permanent() || error.is_client() { Fate::Refused(why) } else { Fate::Again(why) }
}

/// True where the TLS library did not believe what the server sent.
fn untrusted(error: &SmtpError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
            return cause.kind() == std::io::ErrorKind::InvalidData;
        }
        source = cause.source();
    }
    false
}
