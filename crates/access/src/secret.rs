//! Texts that prove something to whoever holds them, and the one key that makes their hashes.
//!
//! The key lies in a file of its own beside the database, so that the database alone (a backup, a
//! copy) is of no use: neither to try passwords nor to make codes of a second factor.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};

use crate::AccessError;
use crate::refusal::{Refusal, Trouble};

/// A secret: the value of a cookie, an API token, a one-time link. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes what a caller sent.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, to be shown or sent once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Makes a new one of 256 random bits.
    pub(crate) fn random(prefix: &str) -> Result<Self, Refusal> {
        let text = BASE64URL_NOPAD.encode(&random::<32>()?);
        Ok(Self(format!("{prefix}{text}")))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Returns random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::Trouble(Trouble(format!("no randomness: {error}"))))?;
    Ok(bytes)
}

/// Returns a random identifier: not a secret, only never the same.
pub(crate) fn identifier(prefix: &str) -> Result<String, Refusal> {
    let text = BASE32_NOPAD.encode(&random::<10>()?).to_ascii_lowercase();
    Ok(format!("{prefix}{text}"))
}

/// What a hash is for; two uses of one text never share a hash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Session,
    Token,
    Link,
    Recovery,
    Email,
    Address,
    Audit,
    Totp,
    Pepper,
    Check,
    Seal,
}

/// The key of this installation.
pub(crate) struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Returns the hash of a text for a use.
    pub(crate) fn hash(&self, of: Use, text: &[u8]) -> [u8; 32] {
        let context = match of {
            Use::Session => "throughline access session v1",
            Use::Token => "throughline access token v1",
            Use::Link => "throughline access link v1",
            Use::Recovery => "throughline access recovery code v1",
            Use::Email => "throughline access email v1",
            Use::Address => "throughline access address v1",
            Use::Audit => "throughline access audit v1",
            Use::Totp => "throughline access totp v1",
            Use::Pepper => "throughline access pepper v1",
            Use::Check => "throughline access check v1",
            Use::Seal => "throughline access seal v1",
        };
        let key = blake3::derive_key(context, &self.0);
        *blake3::keyed_hash(&key, text).as_bytes()
    }

    /// Encrypts what must be read again, for one place: `about` is needed to read it.
    pub(crate) fn seal(&self, about: &str, plain: &[u8]) -> Result<Vec<u8>, Refusal> {
        let nonce = random::<24>()?;
        let payload = Payload { msg: plain, aad: about.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|error| Refusal::Trouble(Trouble(error.to_string())))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts; none where it was not sealed with this key for this place.
    pub(crate) fn unseal(&self, about: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.hash(Use::Seal, b"").into())
    }

    /// Reads the key; makes it where neither it nor the database exists.
    pub(crate) fn open(path: &Path, database_exists: bool) -> Result<Self, AccessError> {
        let shown = path.display();
        match fs::read_to_string(path) {
            Ok(text) => {
                private(path)?;
                let bytes = HEXLOWER.decode(text.trim_end().as_bytes()).unwrap_or_default();
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| {
                    AccessError::new(
                        format!("the key `{shown}` is empty or not 64 hexadecimal digits"),
                        RESTORE,
                    )
                })?;
                if guessable(&bytes) {
                    return Err(AccessError::new(
                        format!("the key `{shown}` is not random: everybody could know it"),
                        RESTORE,
                    ));
                }
                Ok(Self(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !database_exists => {
                let bytes = random::<32>().map_err(|refusal| {
                    AccessError::new(format!("no key can be made: {refusal:?}"), "Try again.")
                })?;
                create_private(path, format!("{}\n", HEXLOWER.encode(&bytes)).as_bytes())?;
                Ok(Self(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(AccessError::new(
                format!("the key `{shown}` is missing, while accounts made with it exist"),
                RESTORE,
            )),
            Err(error) => Err(AccessError::new(
                format!("the key `{shown}` cannot be read: {error}"),
                "Give it to the user that runs the program, with mode 600.",
            )),
        }
    }
}

const RESTORE: &str = "Restore it from the backup together with state.sqlite. Without a backup, \
                       move state.sqlite away: accounts and audit log then begin anew.";

/// True for a key that nobody drew: one byte repeated, or bytes that count up or down.
fn guessable(bytes: &[u8; 32]) -> bool {
    let steps = bytes.windows(2).map(|pair| match pair {
        [first, second] => second.wrapping_sub(*first),
        _ => 0,
    });
    let steps: Vec<u8> = steps.collect();
    let printable = bytes.iter().all(u8::is_ascii_graphic);
    steps.windows(2).all(|pair| pair.first() == pair.last()) || printable
}

/// Refuses a file that others may read.
#[cfg(unix)]
pub(crate) fn private(path: &Path) -> Result<(), AccessError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_or(0, |about| about.permissions().mode() & 0o777);
    if mode & 0o700 == mode {
        return Ok(());
    }
    let shown = path.display();
    Err(AccessError::new(
        format!("`{shown}` can be read by others (mode {mode:o})"),
        format!("Run `chmod 600 {shown}`."),
    ))
}

/// Refuses a file that others may read; here the folder alone decides.
#[cfg(not(unix))]
pub(crate) fn private(_path: &Path) -> Result<(), AccessError> {
    Ok(())
}

/// Makes a file that only its owner may read, and flushes it.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), AccessError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| {
        AccessError::new(
            format!("`{}` cannot be written: {error}", path.display()),
            "Make room on the disk, or give the folder to the user that runs the program.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_drew_is_recognized() {
        let counting: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert!(guessable(&[0; 32]) && guessable(&[7; 32]) && guessable(&counting));
        assert!(guessable(b"CHANGE_ME_TO_A_COMPLEX_RANDOM_SE"));
        assert!(!guessable(&random::<32>().unwrap()));
    }

    #[test]
    fn a_secret_does_not_show_itself_in_a_log() {
        let secret = Secret::random("tl_").unwrap();
        assert!(secret.reveal().starts_with("tl_") && secret.reveal().len() == 46);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
