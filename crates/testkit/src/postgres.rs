//! A PostgreSQL server for a test: its own cluster in its own folder, gone at the end.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The password of the server's user `postgres`.
pub const PASSWORD: &str = "correct horse";

/// The same as the server keeps it, after one round of hashing in place of thousands, which take a
/// program that is built for tests longer than all else.
const VERIFIER: &str = "SCRAM-SHA-256$1:c2l4dGVlbi1ieXRlLXNhbA==$YFYm9LlPjLkTFgwK3tJPSrCAQmbaS/EKvM10HME2Z5k=:bubtbKu3CDS1dDe1xlBXgMpJmw19v6iAjEh/RWylwgA=";

/// A running server on this machine.
#[derive(Debug)]
pub struct Cluster {
    /// Its port.
    pub port: u16,
    folder: PathBuf,
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Cluster {
    /// Returns a server that all tests of this process share, or says why the test is skipped.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::start(&[])?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// Starts a server with settings of its own; a certificate is one file with its key.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL is not installed");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("throughline-pg-{}", unique()));
        let data = folder.join("data");
        fs::create_dir_all(&folder).ok()?;
        let password = folder.join("password");
        fs::write(&password, PASSWORD).ok()?;
        let user = unprivileged(&folder);
        let as_user = |program: &str| {
            let path = programs.join(program);
            match user {
                None => Command::new(path),
                Some((user, group)) => {
                    let mut command = Command::new("setpriv");
                    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
                    command.args(["--clear-groups", "--pdeathsig", "INT", "--"]).arg(path);
                    command
                }
            }
        };
        let made = as_user("initdb")
            .args(["--no-sync", "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata"])
            .arg(&data)
            .arg(format!("--pwfile={}", password.display()))
            .env("LC_ALL", "C")
            .current_dir(&folder)
            .output();
        let made = match made {
            Ok(made) if made.status.success() => true,
            Ok(made) => {
                skip(&format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim()));
                false
            }
            Err(error) => {
                skip(&format!("initdb: {error}"));
                false
            }
        };
        if !made {
            let _removed: std::io::Result<()> = fs::remove_dir_all(&folder);
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut server = as_user("postgres");
        server.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "autovacuum=off",
            "log_min_messages=fatal",
            "max_connections=60",
        ] {
            server.arg("-c").arg(setting);
        }
        for setting in settings {
            server.arg("-c").arg(setting.replace("{folder}", &folder.display().to_string()));
        }
        server.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
        let log = fs::File::create(folder.join("log")).ok()?;
        server.stderr(log);
        // The server ends with the thread that started it, so that it never outlives the tests.
        let (stop, stopped) = channel();
        let keeper = thread::spawn(move || {
            let Ok(mut child) = server.spawn() else { return };
            let _told = stopped.recv();
            let pid = child.id().to_string();
            let _asked = Command::new("kill").args(["-INT", &pid]).status();
            let _ended = child.wait();
        });
        let cluster = Self { port, folder, stop: Some(stop), keeper: Some(keeper) };
        for _ in 0..300 {
            thread::sleep(Duration::from_millis(100));
            if TcpStream::connect(("127.0.0.1", port)).is_ok() && cluster.ready(&programs) {
                let sql = format!("ALTER ROLE postgres PASSWORD '{VERIFIER}'");
                cluster.run("postgres", &sql);
                return Some(cluster);
            }
        }
        let log = fs::read_to_string(cluster.folder.join("log")).unwrap_or_default();
        skip(&format!("the server did not start: {}", log.trim()));
        None
    }

    /// Where files for the server can stand.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database and returns its address, without the password.
    pub fn database(&self, name: &str) -> String {
        self.run("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.address(name)
    }

    /// Makes an empty database of a new name and returns the name.
    pub fn new_database(&self) -> String {
        let name = format!("test_{}", unique().replace('-', "_"));
        self.database(&name);
        name
    }

    /// Returns the address of a database with the password.
    pub fn login(&self, name: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://postgres:{password}@127.0.0.1:{}/{name}", self.port)
    }

    /// Returns the address of a database, without the password.
    pub fn address(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs statements as the server's owner.
    #[track_caller]
    pub fn run(&self, database: &str, statements: &str) -> String {
        let programs = programs().expect("the server runs");
        let done = self.psql(&programs, database, statements);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn ready(&self, programs: &Path) -> bool {
        self.psql(programs, "postgres", "SELECT 1").status.success()
    }

    fn psql(&self, programs: &Path, database: &str, statements: &str) -> std::process::Output {
        Command::new(programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
            .args(["-U", "postgres", "-p", &self.port.to_string(), "-d", database])
            .args(["-c", statements])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("psql runs")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _joined = keeper.join();
        }
        let _removed: std::io::Result<()> = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        debian.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.into_iter().rev().chain(std::env::split_paths(&path)).find(|folder| {
        ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file())
    })
}

/// The server refuses to run as root: its folder is given to the user `nobody`.
#[cfg(unix)]
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    const NOBODY: u32 = 65534;
    let root = fs::metadata(folder).ok()?.uid() == 0;
    if !root {
        return None;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).ok()?;
    chown(folder, Some(NOBODY), Some(NOBODY)).ok()?;
    chown(folder.join("password"), Some(NOBODY), Some(NOBODY)).ok()?;
    Some((NOBODY, NOBODY))
}

#[cfg(not(unix))]
fn unprivileged(_: &Path) -> Option<(u32, u32)> {
    None
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
