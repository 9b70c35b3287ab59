//! Codes of an authenticator app, and recovery codes.
//!
//! The secret of a person is not stored: it is derived from the key of the installation and a
//! random value in the database, so that neither alone makes a code.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use totp_rs::{Builder, Totp};

use crate::caller::AccountId;
use crate::refusal::{Refusal, Trouble};
use crate::secret::{Key, Secret, Use, random};
use crate::types::Enrollment;

/// Recovery codes that are given out at once.
const RECOVERY_CODES: usize = 10;

/// Returns what makes the codes of an account.
fn codes(key: &Key, seed: &[u8], issuer: &str, email: &str) -> Result<Totp, Refusal> {
    let secret = key.hash(Use::Totp, seed);
    let secret: Vec<u8> = secret.into_iter().take(20).collect();
    let built = Builder::new()
        .with_secret(secret)
        .with_skew(1)
        .with_issuer(Some(issuer.replace(':', " ")))
        .with_account_name(email.replace(':', " "))
        .build();
    built.map_err(|error| Refusal::Trouble(Trouble(error.to_string())))
}

/// Draws a seed for an account.
pub(crate) fn seed(account: &AccountId) -> Result<Vec<u8>, Refusal> {
    let mut seed = random::<16>()?.to_vec();
    seed.extend(account.as_str().as_bytes());
    Ok(seed)
}

/// Returns what a person enters into the app.
pub(crate) fn enrollment(
    key: &Key,
    seed: &[u8],
    issuer: &str,
    email: &str,
) -> Result<Enrollment, Refusal> {
    let codes = codes(key, seed, issuer, email)?;
    let uri = codes.to_url().map_err(|error| Refusal::Trouble(Trouble(error.to_string())))?;
    Ok(Enrollment { secret: Secret::new(codes.secret().to_base32()), uri: Secret::new(uri) })
}

/// Returns the step of a code that fits now and was not used before.
pub(crate) fn step(
    key: &Key,
    seed: &[u8],
    code: &str,
    now: Timestamp,
    used: i64,
) -> Result<Option<i64>, Refusal> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let codes = codes(key, seed, "", "")?;
    let second = u64::try_from(now.as_second()).unwrap_or(0);
    let step = codes.check(&digits, second).and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > used))
}

/// Draws recovery codes.
pub(crate) fn recovery_codes() -> Result<Vec<Secret>, Refusal> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let text = BASE32_NOPAD.encode(&random::<10>()?).to_ascii_lowercase();
            let (first, second) = text.split_at(8);
            Ok(Secret::new(format!("{first}-{second}")))
        })
        .collect()
}

/// Returns the hash of a recovery code of an account, however it was typed.
pub(crate) fn recovery_hash(key: &Key, account: &AccountId, code: &str) -> [u8; 32] {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    key.hash(Use::Recovery, format!("{account} {letters}").as_bytes())
}
