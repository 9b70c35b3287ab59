//! PostgreSQL servers: who is connected, how privately, with which password.
//!
//! To another machine nothing goes unencrypted or unchecked unless the address says so
//! (`sslmode=`, with libpq's words); a password comes from a secret, the address, `PGPASSWORD` or
//! the password file, and is never shown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::postgres::config::SslMode;
use ::postgres::error::SqlState;
use ::postgres::{Client, Config};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::address::{Closed, Reach, resolve, this_machine};
use crate::fault::{Fault, causes, shown};
use crate::secret::{Secret, open_to_others};

/// How the connection is kept private, in libpq's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privacy {
    /// In the clear.
    Disable,
    /// Encrypted where the server offers it.
    Prefer,
    /// Encrypted; who the server is remains unchecked.
    Require,
    /// Encrypted, with a certificate of a known authority for whatever name.
    VerifyCa,
    /// Encrypted, with a certificate of a known authority for this name.
    VerifyFull,
}

/// A database of a server and the way to it.
#[derive(Clone)]
pub struct Server {
    host: Host,
    port: u16,
    database: String,
    user: String,
    password: Option<String>,
    privacy: Privacy,
    authority: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Name(String),
    /// The folder of a socket of this machine.
    Socket(PathBuf),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// True for the address of a PostgreSQL database.
pub fn is_postgres_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

impl Server {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?sslmode=…&sslrootcert=…`. The password is looked
    /// for in the secret, the address, `PGPASSWORD` and the password file, in this order.
    pub fn parse(text: &str, secret: Option<&Secret>) -> Result<Self, Fault> {
        let mut server = Self::read(text)?;
        if let Some(secret) = secret {
            let password = secret.read().map_err(|error| {
                Fault::new("postgres.password", error.to_string(), "Then try again.")
            })?;
            server.password = Some(password);
        }
        if server.password.is_none() {
            server.password = variable("PGPASSWORD");
        }
        if server.password.is_none() {
            server.password = server.password_in_file()?;
        }
        Ok(server)
    }

    /// Says what is wrong with an address.
    pub fn check(text: &str) -> Result<(), Fault> {
        Self::read(text).map(drop)
    }

    /// Reads the address alone.
    fn read(text: &str) -> Result<Self, Fault> {
        let fault = |what: &str| {
            Fault::new(
                "postgres.url",
                format!("the address of a PostgreSQL database {what}"),
                "Write postgres://USER@HOST:5432/DATABASE.",
            )
        };
        if !is_postgres_url(text) {
            return Err(fault("begins with postgres://"));
        }
        let url: Url = text.parse().map_err(|_| fault("cannot be read"))?;
        let mut host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
        let mut privacy = None;
        let mut authority = None;
        for (name, value) in url.query_pairs() {
            match &*name {
                "host" => host = Some(value.into_owned()),
                "sslmode" => {
                    privacy = Some(match &*value {
                        "disable" => Privacy::Disable,
                        "prefer" => Privacy::Prefer,
                        "require" => Privacy::Require,
                        "verify-ca" => Privacy::VerifyCa,
                        "verify-full" => Privacy::VerifyFull,
                        _ => {
                            return Err(fault(
                                "has a sslmode other than disable, prefer, require, verify-ca and \
                             verify-full",
                            ));
                        }
                    });
                }
                "sslrootcert" => authority = Some(PathBuf::from(&*value)),
                other => {
                    let other = shown(other);
                    return Err(fault(&format!("has a parameter `{other}` that is not known")));
                }
            }
        }
        let plain = |text: &str| {
            percent(text).ok_or_else(|| fault("holds a `%` that stands for no character"))
        };
        let host = host.ok_or_else(|| fault("names a host"))?;
        let host = plain(&host)?;
        let database = plain(url.path().trim_start_matches('/'))?;
        let user = match url.username() {
            "" => variable("PGUSER").or_else(|| variable("USER")),
            user => Some(plain(user)?),
        };
        let password = url.password().map(&plain).transpose()?;
        let local = host.starts_with('/') || this_machine(&host);
        let default = if local { Privacy::Prefer } else { Privacy::VerifyFull };
        let host = if host.starts_with('/') {
            Host::Socket(PathBuf::from(host))
        } else {
            Host::Name(host.trim_matches(['[', ']']).to_owned())
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(5432),
            user: user.ok_or_else(|| fault("names a user"))?,
            database: Some(database)
                .filter(|database| !database.is_empty())
                .ok_or_else(|| fault("names a database"))?,
            password: password.filter(|password| !password.is_empty()),
            privacy: privacy.unwrap_or(default),
            authority,
        })
    }

    /// Returns the address for people and ledgers: without the password.
    pub fn shown(&self) -> String {
        let port = if self.port == 5432 { String::new() } else { format!(":{}", self.port) };
        let host = match &self.host {
            Host::Name(name) if name.contains(':') => format!("[{name}]"),
            Host::Name(name) => name.clone(),
            Host::Socket(folder) => folder.display().to_string(),
        };
        format!("postgres://{}@{host}{port}/{}", self.user, self.database)
    }

    /// Returns how the connection is kept private.
    pub fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// Connects; a statement that takes longer than `statement` is ended by the server.
    pub fn connect(&self, statement: Option<Duration>) -> Result<Client, Fault> {
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.database)
            .port(self.port)
            .application_name("throughline")
            .connect_timeout(Duration::from_secs(15))
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_mins(1))
            .ssl_mode(match self.privacy {
                Privacy::Disable => SslMode::Disable,
                Privacy::Prefer => SslMode::Prefer,
                Privacy::Require | Privacy::VerifyCa | Privacy::VerifyFull => SslMode::Require,
            });
        if let Some(password) = &self.password {
            config.password(password);
        }
        match &self.host {
            Host::Socket(folder) => {
                config.host_path(folder);
                config.ssl_mode(SslMode::Disable);
            }
            Host::Name(name) => {
                let reach = if this_machine(name) { Reach::ThisMachine } else { Reach::AnyMachine };
                let found = resolve(name, self.port, reach).map_err(|why| self.closed(why))?;
                for address in found {
                    config.host(name).hostaddr(address.ip());
                }
            }
        }
        let mut client =
            config.connect(MakeRustlsConnect::new(self.tls()?)).map_err(|e| self.fault(&e))?;
        let milliseconds = statement.map_or(0, |limit| limit.as_millis());
        client
            .batch_execute(&format!(
                "SET statement_timeout = {milliseconds}; SET client_encoding = 'UTF8'; \
                 SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; \
                 SET extra_float_digits = 3; SET bytea_output = 'hex'; SET TimeZone = 'UTC'"
            ))
            .map_err(|error| self.fault(&error))?;
        Ok(client)
    }

    /// Says what the server or the way to it did.
    pub fn fault(&self, error: &::postgres::Error) -> Fault {
        let place = self.shown();
        let Some(answer) = error.as_db_error() else {
            let text = causes(error);
            // A closed connection, a socket that is gone, a handshake that failed.
            if text.contains("TLS") || text.contains("certificate") {
                return Fault::new(
                    "postgres.tls",
                    format!("{place}: no private connection: {text}"),
                    "Name the authority with `?sslrootcert=FILE`, or say `?sslmode=require` to \
                     encrypt without knowing who answers.",
                );
            }
            if text.contains("password missing") || text.contains("password") {
                return Fault::new(
                    "postgres.login",
                    format!("{place}: the server asks for a password"),
                    "Set PGPASSWORD, or write it into ~/.pgpass (readable by you only).",
                );
            }
            let never = text.starts_with("error connecting") || text.starts_with("timeout");
            let code = if never { "postgres.unreachable" } else { "postgres.lost" };
            return Fault::new(
                code,
                format!("{place}: {text}"),
                "Check that the server runs and can be reached, then try again.",
            );
        };
        let text = shown(answer.message());
        let (code, hint) = match *answer.code() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => (
                "postgres.login",
                "Check user and password: PGPASSWORD, or ~/.pgpass (readable by you only).",
            ),
            SqlState::INVALID_CATALOG_NAME => ("postgres.database", "Check the database's name."),
            SqlState::INSUFFICIENT_PRIVILEGE => {
                ("postgres.denied", "Grant the user USAGE on the schema and SELECT on the tables.")
            }
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => (
                "postgres.timeout",
                "Try again when the server has less to do, or name fewer tables.",
            ),
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS => {
                ("postgres.lost", "Try again when the server is up.")
            }
            _ => ("postgres.failed", "See the server's log for more."),
        };
        Fault::new(code, format!("{place}: {text} (SQLSTATE {})", answer.code().code()), hint)
    }

    /// Says why reading a stream of rows ended early.
    pub fn broken(&self, error: &io::Error) -> Fault {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<::postgres::Error>());
        match inner {
            Some(inner) => self.fault(inner),
            None => Fault::new(
                "postgres.lost",
                format!("{}: {}", self.shown(), causes(error)),
                "Check that the server runs and can be reached, then try again.",
            ),
        }
    }

    fn closed(&self, why: Closed) -> Fault {
        Fault::new(
            "postgres.host",
            format!("{}: the host {why}", self.shown()),
            "Check the host's name in the address.",
        )
    }

    /// Finds the password in `PGPASSFILE` or `~/.pgpass`.
    fn password_in_file(&self) -> Result<Option<String>, Fault> {
        let path = match variable("PGPASSFILE") {
            Some(path) => PathBuf::from(path),
            None => match variable("HOME") {
                Some(home) => Path::new(&home).join(".pgpass"),
                None => return Ok(None),
            },
        };
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let host = match &self.host {
            Host::Name(name) => name.as_str(),
            Host::Socket(_) => "localhost",
        };
        let wanted = [host, &self.port.to_string(), &self.database, &self.user];
        let Some(password) = password_of(&text, &wanted) else { return Ok(None) };
        if open_to_others(&path).unwrap_or(true) {
            return Err(Fault::new(
                "postgres.password",
                format!("the password file {} can be read by others", path.display()),
                "Run `chmod 600` on it.",
            ));
        }
        Ok(Some(password))
    }

    fn tls(&self) -> Result<ClientConfig, Fault> {
        let fault = |what: String| {
            Fault::new(
                "postgres.tls",
                what,
                "Check `sslrootcert` and the certificates of this machine.",
            )
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(causes(&error)))?;
        let checked = matches!(self.privacy, Privacy::VerifyCa | Privacy::VerifyFull);
        let inner = if checked {
            let mut roots = RootCertStore::empty();
            if let Some(path) = &self.authority {
                let unreadable = |_| fault(format!("{} holds no certificate", path.display()));
                for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                    roots
                        .add(certificate.map_err(unreadable)?)
                        .map_err(|error| fault(causes(&error)))?;
                }
            } else {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            Some(verifier.build().map_err(|error| fault(causes(&error)))?)
        } else {
            None
        };
        let check = Check { inner, any_name: self.privacy != Privacy::VerifyFull, provider };
        Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check))
            .with_no_client_auth())
    }
}

/// Checks a certificate as far as the privacy that was asked for goes.
#[derive(Debug)]
struct Check {
    inner: Option<Arc<WebPkiServerVerifier>>,
    any_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        let found =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match found {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            found => found,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads `%40` as `@`.
fn percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let high = rest.next().and_then(digit)?;
            let low = rest.next().and_then(digit)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Finds the password of the first line of a password file that fits: `host:port:database:user:
/// password`, `*` for anything, `\` before a `:` or `\` that is meant.
fn password_of(text: &str, wanted: &[&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = vec![String::new()];
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '\\' => characters.next(),
                ':' if fields.len() < 5 => None,
                other => Some(other),
            };
            match (literal, fields.last_mut()) {
                (Some(literal), Some(field)) => field.push(literal),
                _ => fields.push(String::new()),
            }
        }
        let password = fields.pop().filter(|_| fields.len() == 4)?;
        let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
        fields.iter().zip(wanted).all(fits).then_some(password).filter(|found| !found.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_where_and_how_privately() {
        #[rustfmt::skip]
        let table = [
            ("postgres://me@db.example/crm",                    "postgres://me@db.example/crm",        Privacy::VerifyFull),
            ("postgresql://me:secret@db.example:6432/crm",      "postgres://me@db.example:6432/crm",   Privacy::VerifyFull),
            ("postgres://me@localhost/crm",                     "postgres://me@localhost/crm",         Privacy::Prefer),
            ("postgres://me@127.0.0.1/crm?sslmode=verify-ca",   "postgres://me@127.0.0.1/crm",         Privacy::VerifyCa),
            ("postgres://me@db.example/crm?sslmode=disable",    "postgres://me@db.example/crm",        Privacy::Disable),
            ("postgres://a%40b:s%3Acret@db.example/crm",        "postgres://a@b@db.example/crm",       Privacy::VerifyFull),
            ("postgres://me@[::1]:5433/crm",                    "postgres://me@[::1]:5433/crm",        Privacy::Prefer),
            ("postgres://me@%2Fvar%2Frun%2Fpostgresql/crm",      "postgres://me@/var/run/postgresql/crm", Privacy::Prefer),
        ];
        for (text, shown, privacy) in table {
            let server = Server::read(text).unwrap();
            assert_eq!((server.shown().as_str(), server.privacy()), (shown, privacy), "{text}");
            assert!(!format!("{server:?}").contains("cret"), "{server:?}");
        }
        assert_eq!(Server::read("postgres://me:s%3Acret@h/d").unwrap().password.unwrap(), "s:cret");
        for bad in [
            "postgres://me:secret@db.example",
            "postgres://me:secret@db.example/crm?sslmode=maybe",
            "postgres://me:secret@db.example/crm?passfile=/etc/shadow",
            "postgres://me:secret%zz@db.example/crm",
            "mysql://me:secret@db.example/crm",
        ] {
            let fault = Server::read(bad).unwrap_err();
            assert_eq!(fault.code, "postgres.url", "{bad}");
            assert!(!format!("{fault:?}").contains("secret"), "{fault:?}");
        }
    }

    #[test]
    fn a_password_file_is_read_as_libpq_reads_it() {
        let text = "# comment\n\
                    db.example:5432:crm:me:first\n\
                    *:*:*:other:wild\n\
                    db.example:5432:a\\:b:me:colon\\:and\\\\slash\n\
                    short:line\n\
                    *:*:*:me:last:with:colons\n";
        #[rustfmt::skip]
        let table = [
            (["db.example", "5432", "crm", "me"],    Some("first")),
            (["db.example", "5432", "crm", "other"], Some("wild")),
            (["db.example", "5432", "a:b", "me"],    Some("colon:and\\slash")),
            (["elsewhere", "5432", "crm", "me"],     Some("last:with:colons")),
            (["elsewhere", "5432", "crm", "nobody"], None),
        ];
        for (wanted, expected) in table {
            assert_eq!(password_of(text, &wanted).as_deref(), expected, "{wanted:?}");
        }
    }

    #[test]
    fn where_nobody_answers_is_said_without_the_password() {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let text = format!("postgres://me:secret@127.0.0.1:{port}/crm");
        let fault = Server::read(&text).unwrap().connect(None).map(|_| ()).unwrap_err();
        assert_eq!(fault.code, "postgres.unreachable", "{fault:?}");
        assert!(fault.message.contains("127.0.0.1") && !format!("{fault:?}").contains("secret"));
    }
}
