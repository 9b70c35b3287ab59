//! Object stores that speak S3: objects come and go as whole files.
//!
//! Credentials are those of the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
//! `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, a web identity or a container's role);
//! the machine's metadata service is asked only where `AWS_METADATA_ENDPOINT` names it. A
//! connection is encrypted unless `AWS_ALLOW_HTTP=true` says otherwise.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    ClientOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, RetryConfig, WriteMultipart,
};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::fault::{Fault, causes};

/// A part of an upload, and the largest object that is sent in one piece.
const PART: usize = 8 * 1024 * 1024;
/// Parts under way at once.
const PARTS_AT_ONCE: usize = 2;
/// How long a connection or a silent answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Objects below a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<AmazonS3>,
    bucket: String,
    prefix: String,
}

/// An object as the store lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// Its key below the prefix.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// What the store calls this content.
    pub tag: Option<String>,
}

/// True for an address of an object store.
pub fn is_objects_url(text: &str) -> bool {
    text.starts_with("s3://")
}

impl Objects {
    /// Opens `s3://BUCKET/PREFIX`; nothing is asked of the store yet.
    pub fn open(text: &str) -> Result<Self, Fault> {
        let (bucket, prefix) = parse(text)?;
        let given = |names: &[&str]| {
            names.iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()))
        };
        let key = given(&["AWS_ACCESS_KEY_ID"]) && given(&["AWS_SECRET_ACCESS_KEY"]);
        let role = given(&[
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_METADATA_ENDPOINT",
        ]);
        let public = std::env::var("AWS_SKIP_SIGNATURE").is_ok_and(|value| value == "true");
        if !key && !role && !public {
            return Err(Fault::new(
                "object.credentials",
                format!("no credentials for s3://{bucket}"),
                "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION; a store that is not \
                 Amazon's is named by AWS_ENDPOINT_URL.",
            ));
        }
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(PATIENCE)
            .with_user_agent(object_store::HeaderValue::from_static("throughline"));
        let retry =
            RetryConfig { max_retries: 4, retry_timeout: PATIENCE * 2, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::from_env();
        let plain = builder
            .get_config_value(&AmazonS3ConfigKey::Endpoint)
            .is_some_and(|endpoint| endpoint.starts_with("http:"));
        let allowed = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true");
        if plain && !allowed {
            return Err(Fault::new(
                "object.plain",
                "the endpoint of the object store is not encrypted",
                "Name one with https, or set AWS_ALLOW_HTTP=true where the network is private.",
            ));
        }
        builder = builder
            .with_client_options(client.with_allow_http(allowed))
            .with_retry(retry)
            .with_bucket_name(&bucket);
        let store = builder.build().map_err(|error| {
            Fault::new(
                "object.settings",
                format!("s3://{bucket} cannot be opened: {}", causes(&error)),
                "Check the variables that begin with AWS_.",
            )
        })?;
        Ok(Self { store: Arc::new(store), bucket, prefix })
    }

    /// Returns the address.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// Lists the objects whose keys begin with `under` and a `/` (all of them where it is empty),
    /// in the order of their keys; stops with a fault above `most`.
    pub fn list(&self, under: &str, most: usize) -> Result<Vec<Object>, Fault> {
        let prefix = self.path(under)?;
        let listed = run(async {
            let mut stream = self.store.list(Some(&prefix));
            let mut found: Vec<ObjectMeta> = Vec::new();
            while let Some(meta) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                found.push(meta?);
                if found.len() > most {
                    break;
                }
            }
            Ok(found)
        })?;
        let listed = listed.map_err(|error| self.fault(under, &error))?;
        if listed.len() > most {
            return Err(Fault::new(
                "object.too-many",
                format!("{} holds more than {most} objects", self.url()),
                "Name a longer prefix.",
            ));
        }
        let mut objects: Vec<Object> = listed
            .into_iter()
            .filter_map(|meta| {
                let key = meta.location.as_ref().strip_prefix(&self.prefix)?;
                let key = key.trim_start_matches('/').to_owned();
                Some(Object { key, bytes: meta.size, tag: meta.e_tag })
            })
            .collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Looks an object up; none where there is none.
    pub fn head(&self, key: &str) -> Result<Option<Object>, Fault> {
        let path = self.path(key)?;
        match run(self.store.head(&path))? {
            Ok(meta) => Ok(Some(Object { key: key.to_owned(), bytes: meta.size, tag: meta.e_tag })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault(key, &error)),
        }
    }

    /// Brings an object into a new file, flushed, and returns its size; nothing is left of one that
    /// is larger than `most` or that breaks off.
    pub fn get(&self, key: &str, to: &FilePath, most: u64) -> Result<u64, Fault> {
        let done = self.fetch(key, to, most);
        if done.is_err() {
            let _removed: std::io::Result<()> = std::fs::remove_file(to);
        }
        done
    }

    fn fetch(&self, key: &str, to: &FilePath, most: u64) -> Result<u64, Fault> {
        let path = self.path(key)?;
        let disk = |error: std::io::Error| {
            Fault::new(
                "object.disk",
                format!("{} cannot be written: {error}", to.display()),
                "Check free space and rights, then try again.",
            )
        };
        let mut file = File::create_new(to).map_err(disk)?;
        let mut bytes = 0_u64;
        let (expected, ended) = run(async {
            let result = match self.store.get(&path).await {
                Ok(result) => result,
                Err(error) => return Err(self.fault(key, &error)),
            };
            let expected = result.meta.size;
            if expected > most {
                return Err(Fault::new(
                    "object.too-large",
                    format!("s3://{}/{path} has {expected} bytes, more than {most}", self.bucket),
                    "Split it, or raise the limit.",
                ));
            }
            let mut stream = result.into_stream();
            loop {
                let part = poll_fn(|context| stream.as_mut().poll_next(context)).await;
                match part {
                    None => return Ok((expected, bytes)),
                    Some(Ok(part)) => {
                        bytes += part.len() as u64;
                        file.write_all(&part).map_err(disk)?;
                    }
                    Some(Err(error)) => return Err(self.fault(key, &error)),
                }
            }
        })??;
        if expected != ended {
            return Err(Fault::new(
                "object.cut",
                format!("s3://{}/{path} broke off at byte {ended} of {expected}", self.bucket),
                "Try again.",
            ));
        }
        file.sync_all().map_err(disk)?;
        Ok(ended)
    }

    /// Stores a file as an object and returns its size once the store has it whole. An object of
    /// that name is replaced.
    pub fn put(&self, key: &str, from: &FilePath) -> Result<u64, Fault> {
        let path = self.path(key)?;
        let disk = |error: std::io::Error| {
            Fault::new(
                "object.disk",
                format!("{} cannot be read: {error}", from.display()),
                "Check the file and its rights.",
            )
        };
        let mut file = File::open(from).map_err(disk)?;
        let bytes = file.metadata().map_err(disk)?.len();
        let mut part = Vec::new();
        let mut next = |part: &mut Vec<u8>| {
            part.clear();
            (&mut file).take(PART as u64).read_to_end(part).map_err(disk)
        };
        next(&mut part)?;
        let sent = if bytes <= PART as u64 {
            run(self.store.put(&path, PutPayload::from(part)))?.map(|_| ())
        } else {
            run(async {
                let upload = match self.store.put_multipart(&path).await {
                    Ok(upload) => upload,
                    Err(error) => return Ok(Err(error)),
                };
                let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
                while !part.is_empty() {
                    if let Err(error) = writer.wait_for_capacity(PARTS_AT_ONCE).await {
                        let _aborted: object_store::Result<()> = writer.abort().await;
                        return Ok(Err(error));
                    }
                    writer.write(&part);
                    if let Err(fault) = next(&mut part) {
                        let _aborted: object_store::Result<()> = writer.abort().await;
                        return Err(fault);
                    }
                }
                Ok(writer.finish().await.map(|_| ()))
            })??
        };
        sent.map_err(|error| self.fault(key, &error))?;
        Ok(bytes)
    }

    /// Stores a short text as a new object; false where one of that name is there already.
    pub fn put_new(&self, key: &str, text: &str) -> Result<bool, Fault> {
        let path = self.path(key)?;
        let payload = PutPayload::from(text.as_bytes().to_vec());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match run(self.store.put_opts(&path, payload, options))? {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.fault(key, &error)),
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub fn delete(&self, key: &str) -> Result<(), Fault> {
        let path = self.path(key)?;
        match run(self.store.delete(&path))? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(key, &error)),
        }
    }

    fn path(&self, key: &str) -> Result<Path, Fault> {
        let joined = match (self.prefix.as_str(), key) {
            (prefix, "") => prefix.to_owned(),
            ("", key) => key.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        };
        Path::parse(&joined).map_err(|error| {
            Fault::new(
                "object.key",
                format!("`{joined}` is no key that can be read: {}", causes(&error)),
                "Rename the object: no empty part, no `.` and no `..` between two `/`.",
            )
        })
    }

    fn fault(&self, key: &str, error: &object_store::Error) -> Fault {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        let place = match key {
            "" => self.url(),
            key => format!("{}/{key}", self.url().trim_end_matches('/')),
        };
        match error {
            NotFound { .. } => Fault::new(
                "object.missing",
                format!("{place} does not exist"),
                "Check the bucket and the name.",
            ),
            PermissionDenied { .. } | Unauthenticated { .. } => Fault::new(
                "object.denied",
                format!("{place} is not open to these credentials"),
                "Check the credentials and what they may do.",
            ),
            error => Fault::new(
                "object.failed",
                format!("{place}: {}", causes(error)),
                "Check the network and the variables that begin with AWS_, then try again.",
            ),
        }
    }
}

/// Reads `s3://BUCKET/PREFIX`.
fn parse(text: &str) -> Result<(String, String), Fault> {
    let fault = || {
        Fault::new(
            "object.url",
            "the address of an object store is s3://BUCKET/PREFIX",
            "Credentials stand in the environment, not in the address.",
        )
    };
    let url: Url = text.parse().map_err(|_| fault())?;
    let bare = url.username().is_empty() && url.password().is_none();
    let plain = url.query().is_none() && url.fragment().is_none() && url.port().is_none();
    if url.scheme() != "s3" || !bare || !plain {
        return Err(fault());
    }
    let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or_else(fault)?;
    // The text itself, not the address: a key is no path and keeps its characters.
    let prefix = text.get("s3://".len() + bucket.len()..).unwrap_or_default();
    Ok((bucket.to_owned(), prefix.trim_matches('/').to_owned()))
}

/// Waits for an answer, on a thread that may wait.
fn run<T>(task: impl Future<Output = T>) -> Result<T, Fault> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().ok());
    let runtime = runtime.as_ref().ok_or_else(|| {
        Fault::new(
            "object.machine",
            "this machine gives no means to wait for the network",
            "Check the limits of open files and processes.",
        )
    })?;
    Ok(runtime.block_on(task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        #[rustfmt::skip]
        let table = [
            ("s3://bucket",                 Some(("bucket", ""))),
            ("s3://bucket/",                Some(("bucket", ""))),
            ("s3://bucket/exports/2026/",   Some(("bucket", "exports/2026"))),
            ("s3://bucket/a b/ü%20c",       Some(("bucket", "a b/ü%20c"))),
            ("s3:///exports",               None),
            ("s3://key:secret@bucket/x",    None),
            ("s3://bucket/x?versionId=1",   None),
            ("https://bucket/x",            None),
            ("bucket/x",                    None),
        ];
        for (text, expected) in table {
            let found = parse(text).ok();
            let found = found.as_ref().map(|(bucket, prefix)| (bucket.as_str(), prefix.as_str()));
            assert_eq!(found, expected, "{text}");
        }
        let fault = parse("s3://key:secret@bucket/x").unwrap_err();
        assert!(!format!("{fault:?}").contains("secret"));
    }
}
