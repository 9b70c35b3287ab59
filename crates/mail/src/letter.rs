//! A digest as a message for one reader: headers, plain text and HTML beside each other.

use jiff::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use show::visible::visible;

use crate::digest::Digest;
use crate::error::Error;
use crate::settings::Settings;

/// Characters of a name or a subject that are kept: what is longer is neither.
const CHARACTERS_MOST: usize = 120;

/// Who a digest is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    /// The account, by its identifier.
    pub account: String,
    /// The name of the person.
    pub name: String,
    /// Where it goes.
    pub email: String,
}

/// A message, ready to be handed to a mail server.
#[derive(Clone, Debug)]
pub struct Letter {
    message: Message,
}

impl Letter {
    /// Puts a digest into an envelope. The same reader and week give the same Message-ID, so that a
    /// mail program that gets it twice can tell.
    pub fn write(
        digest: &Digest,
        reader: &Reader,
        settings: &Settings,
        week: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let to = address(&reader.email, settings)?;
        let name = Some(one_line(&reader.name)).filter(|name| !name.is_empty());
        let key = format!("{week}\n{}\n{}", reader.account, settings.base);
        let key = blake3::hash(key.as_bytes()).to_hex();
        let key = key.get(..24).unwrap_or_default();
        let home = settings.from.email.domain();
        let unsubscribe = format!("<{}settings>", settings.base);
        let message = Message::builder()
            .from(settings.from.clone())
            .to(Mailbox::new(name, to))
            .subject(one_line(&digest.subject))
            .date(now.into())
            .message_id(Some(format!("<digest.{week}.{key}@{home}>")))
            .header(Unsubscribe(unsubscribe))
            .header(Automatic("auto-generated".to_owned()))
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, &digest.text))
                    .singlepart(part(ContentType::TEXT_HTML, &digest.html)),
            )
            .map_err(|error| Error::Letter(error.to_string()))?;
        Ok(Self { message })
    }

    /// The bytes of the message (RFC 5322).
    pub fn bytes(&self) -> Vec<u8> {
        self.message.formatted()
    }

    pub(crate) fn envelope(&self) -> &lettre::address::Envelope {
        self.message.envelope()
    }
}

/// Reads an address and checks that digests may go there.
pub(crate) fn address(email: &str, settings: &Settings) -> Result<Address, Error> {
    let refused =
        |why: &str| Error::Address { address: visible(email).into_owned(), why: why.to_owned() };
    let address: Address = email.parse().map_err(|_| refused("is not an e-mail address"))?;
    if settings.allows(&address) {
        Ok(address)
    } else {
        Err(refused("lies outside of `recipient_domains` in [digest]"))
    }
}

/// Text from data for a header: one line, nothing hidden, not endless.
fn one_line(text: &str) -> String {
    visible(text.trim()).chars().take(CHARACTERS_MOST).collect()
}

fn part(kind: ContentType, body: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(body.to_owned())
}

/// How to get no more of these (RFC 2369).
#[derive(Clone)]
struct Unsubscribe(String);

/// No person wrote this, so that nobody's holiday answers it (RFC 3834).
#[derive(Clone)]
struct Automatic(String);

type Parsed<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl Header for Unsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Parsed<Self> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

impl Header for Automatic {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(text: &str) -> Parsed<Self> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}
