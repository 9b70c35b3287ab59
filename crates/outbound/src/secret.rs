//! Where a secret is, and how it is read.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret is, never the secret itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Secret {
    /// In a variable of the environment.
    Variable(String),
    /// In a file that nobody else can read.
    File(PathBuf),
}

/// Why a secret cannot be read, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place} {why}")]
pub struct Unreadable {
    place: String,
    why: &'static str,
}

impl Secret {
    /// Reads the secret; a file must be readable by its owner only.
    pub fn read(&self) -> Result<String, Unreadable> {
        let fault = |why| Unreadable { place: self.to_string(), why };
        let text = match self {
            Self::Variable(name) => std::env::var(name)
                .map_err(|_| fault("is not set; set it before the program starts"))?,
            Self::File(path) => {
                if open_to_others(path).map_err(|_| fault("cannot be read"))? {
                    return Err(fault("can be read by others; run `chmod 600` on it"));
                }
                std::fs::read_to_string(path).map_err(|_| fault("cannot be read as text"))?
            }
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(fault("is empty"));
        }
        Ok(secret.to_owned())
    }
}

#[cfg(unix)]
pub(crate) fn open_to_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(crate) fn open_to_others(path: &Path) -> std::io::Result<bool> {
    std::fs::metadata(path).map(|_| false)
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_a_file_that_nobody_else_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = || Secret::File(path.clone()).read();
        assert!(read().unwrap_err().to_string().ends_with("cannot be read"));
        std::fs::write(&path, "correct horse\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = PermissionsExt::from_mode;
            std::fs::set_permissions(&path, mode(0o640)).unwrap();
            let open = read().unwrap_err().to_string();
            assert!(open.contains("chmod 600") && !open.contains("horse"), "{open}");
            std::fs::set_permissions(&path, mode(0o600)).unwrap();
        }
        assert_eq!(read().unwrap(), "correct horse");
        std::fs::write(&path, "\n").unwrap();
        assert!(read().unwrap_err().to_string().ends_with("is empty"));
        let unset = Secret::Variable("THROUGHLINE_NO_SUCH_VARIABLE".to_owned());
        assert!(unset.read().unwrap_err().to_string().contains("is not set"));
    }
}
