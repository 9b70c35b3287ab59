//! A server on a sample company with an account for each role, for tests that ask over HTTP.
//!
//! The company is made once a run; the server lives as long as a test holds it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::run_with;

/// The roles, by their identifiers.
pub(crate) const ROLES: [&str; 7] =
    ["ceo", "cmo", "cfo", "cro", "analyst", "viewer", "administrator"];

/// A server that runs until this is dropped.
pub(crate) struct Served {
    process: Child,
    log: Arc<Mutex<String>>,
    /// Its address, for example `http://127.0.0.1:40123`.
    pub(crate) address: String,
    /// The company's folder.
    pub(crate) folder: PathBuf,
    /// Role to mail address and password.
    pub(crate) people: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself, which the tests say in their own words.
        let _ended = self.process.kill();
        let _code = self.process.wait();
    }
}

impl Served {
    /// The server that all tests share: a company of 20,000 touches with an account for each role.
    pub(crate) fn sample() -> Arc<Self> {
        static SHARED: Mutex<Weak<Served>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = shared.upgrade() {
            return served;
        }
        let served = Arc::new(Self::start(sample_company(), accounts(sample_company())));
        *shared = Arc::downgrade(&served);
        served
    }

    /// A server of its own on a copy of the sample company, for tests that change accounts.
    pub(crate) fn apart() -> Self {
        let people = accounts(sample_company());
        let folder = place("apart");
        copy(sample_company(), &folder);
        Self::start(&folder, people)
    }

    /// Starts a server on a folder, at a port of its own choice, and waits until it answers.
    pub(crate) fn start(folder: &Path, people: Value) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_throughline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--no-open", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = Arc::new(Mutex::new(String::new()));
        keep(process.stdout.take().expect("a pipe"), &log);
        keep(process.stderr.take().expect("a pipe"), &log);
        let began = Instant::now();
        let address = loop {
            let said = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(address) = address(&said) {
                break address;
            }
            let ended = process.try_wait().expect("the server can be asked");
            let late = began.elapsed() > Duration::from_secs(120);
            assert!(ended.is_none() && !late, "the server does not start: {ended:?}\n{said}");
            std::thread::sleep(Duration::from_millis(50));
        };
        let served = Self { process, log, address, folder: folder.to_owned(), people };
        served.wait_for_figures();
        served
    }

    /// Waits until the first build is done: until then pages say how far it is.
    fn wait_for_figures(&self) {
        let Some(person) = self.people.get("analyst") else { return };
        let began = Instant::now();
        let cookie = self.sign_in(person);
        loop {
            let headers = [("Cookie", cookie.as_str())];
            let asked = request(&self.address, "GET", "/api/v1/questions/pipeline", &headers, "");
            let (status, body) = asked.map(|reply| (reply.status, reply.body)).unwrap_or_default();
            if status == 200 {
                return;
            }
            let late = began.elapsed() > Duration::from_secs(180);
            assert!(!late, "the server has no figures: {status} {body}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Signs in by the form and returns the cookie.
    #[track_caller]
    fn sign_in(&self, person: &Value) -> String {
        let text = |name: &str| person[name].as_str().expect("a text");
        let (email, password) = (text("email"), text("password").replace(' ', "+"));
        let form = format!("email={}&password={password}&next=/", email.replace('@', "%40"));
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers = [kind, ("Sec-Fetch-Site", "same-origin")];
        let reply = request(&self.address, "POST", "/login", &headers, &form).expect("an answer");
        assert_eq!(reply.status, 303, "{email} cannot sign in: {}", reply.body);
        let cookie = reply.cookie.expect("a cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    /// Makes a token of the interface for a role.
    #[track_caller]
    pub(crate) fn token_of(&self, role: &str) -> String {
        let cookie = self.sign_in(&self.people[role]);
        let kind = ("Content-Type", "application/json");
        let headers = [kind, ("Sec-Fetch-Site", "same-origin"), ("Cookie", cookie.as_str())];
        let body = r#"{"name":"for the test"}"#;
        let reply = request(&self.address, "POST", "/api/v1/tokens", &headers, body);
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, 201, "{}", reply.body);
        let envelope: Value = serde_json::from_str(&reply.body).expect("JSON");
        envelope["data"]["token"].as_str().expect("a token").to_owned()
    }

    /// What the server has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails the test where a handler has panicked.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let log = self.log();
        let panicked: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
        assert!(panicked.is_empty(), "the server panicked: {panicked:?}");
    }
}

/// Keeps what a stream says, line by line.
fn keep(stream: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
}

fn address(said: &str) -> Option<String> {
    let at = said.find("http://127.0.0.1:")?;
    let address: String = said[at..]
        .chars()
        .enumerate()
        .take_while(|(at, sign)| *at < 17 || sign.is_ascii_digit())
        .map(|(_, sign)| sign)
        .collect();
    (address.len() > 17).then_some(address)
}

/// The sample company, made once a run: removed at the start of the next.
fn sample_company() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = place("sample");
        let path = folder.to_str().expect("a path that is text");
        let outside = folder.parent().expect("a folder around it");
        run_with(&["demo", "--scale", "20000", "--no-serve", "--dir", path], &[], outside)
            .content();
        folder
    })
}

/// An account for each role; they are made once for a folder.
pub(crate) fn accounts(folder: &Path) -> Value {
    static MADE: Mutex<Vec<(PathBuf, Value)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, people)) = made.iter().find(|(known, _)| known == folder) {
        return people.clone();
    }
    let mut people = serde_json::Map::new();
    for role in ROLES {
        // No word of the name, the address or the company: those are refused.
        let email = format!("{role}@fennmark.example");
        let password = format!("granite heron {} under rain", people.len());
        add(folder, &["user", "add", &email, "--role", role, "--password-stdin"], &password);
        people.insert(role.to_owned(), json!({ "email": email, "password": password }));
    }
    let (email, password) = ("limited@fennmark.example", "granite heron far from rain");
    let limited = ["--role", "cmo", "--segment", "mid-market", "--password-stdin"];
    add(folder, &[&["user", "add", email][..], &limited].concat(), password);
    people.insert("limited".to_owned(), json!({ "email": email, "password": password }));
    made.push((folder.to_owned(), Value::Object(people.clone())));
    Value::Object(people)
}

fn add(folder: &Path, args: &[&str], password: &str) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let stdin = process.stdin.take();
    stdin.expect("a pipe").write_all(password.as_bytes()).expect("the program reads");
    let output = process.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Copies a folder, but for the exports that have been loaded.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_name() == "exports" {
            continue;
        } else if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A folder of this run, empty or absent, that stays for a look after it.
pub(crate) fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("served").join(name);
    let _absent = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.parent().expect("a folder around it")).expect("a folder");
    folder
}

/// What the server answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) cookie: Option<String>,
    pub(crate) body: String,
}

/// Asks as simply as HTTP/1.0 allows; `None` where nothing is answered.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Reply> {
    let host = address.strip_prefix("http://")?;
    let mut stream = std::net::TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut asked = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n");
    for (name, value) in headers {
        asked.push_str(&format!("{name}: {value}\r\n"));
    }
    asked.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(asked.as_bytes()).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let cookie = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.trim().to_owned())
    });
    Some(Reply { status, cookie, body: body.to_owned() })
}

/// What the tests of the page use from outside: Node.js with its packages, Chromium, Python.
pub(crate) struct Tools {
    node: PathBuf,
    chromium: PathBuf,
    /// A Python with the packages of the tests.
    pub(crate) python: PathBuf,
}

impl Tools {
    /// Finds them, or says that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.exists());
        let tools = Self {
            node: named("THROUGHLINE_NODE").unwrap_or_default(),
            chromium: named("THROUGHLINE_CHROMIUM").unwrap_or_default(),
            python: named("THROUGHLINE_PYTHON").unwrap_or_default(),
        };
        let version = Command::new("node").arg("--version").output();
        let version = version.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        let major: u32 = version
            .unwrap_or_default()
            .trim_start_matches('v')
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0);
        let lacks = [
            (major < 20, "Node.js 20 or later"),
            (!tools.node.join("node_modules/playwright-core").exists(), "playwright-core"),
            (!tools.chromium.exists(), "Chromium"),
            (!tools.python.exists(), "Python with the packages of tests/requirements.txt"),
        ];
        let lacks: Vec<&str> =
            lacks.into_iter().filter(|(absent, _)| *absent).map(|(_, what)| what).collect();
        if lacks.is_empty() {
            return Some(tools);
        }
        eprintln!("skipped: {} absent; run bash scripts/test", lacks.join(", "));
        None
    }

    /// Runs a script of `tests/browser` against a server; the test fails with what it says.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, served: &Served, environment: &[(&str, &str)]) {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser");
        let downloads = place(&format!("downloads-{}", script.replace('.', "-")));
        let output = Command::new("node")
            .arg(scripts.join(script))
            .env("THROUGHLINE_URL", &served.address)
            .env("THROUGHLINE_PEOPLE", served.people.to_string())
            .env("THROUGHLINE_NODE", &self.node)
            .env("THROUGHLINE_CHROMIUM", &self.chromium)
            .env("THROUGHLINE_PYTHON", &self.python)
            .env("THROUGHLINE_DOWNLOADS", downloads)
            .envs(environment.iter().copied())
            .output()
            .expect("node runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        served.is_sound();
        assert!(output.status.success(), "{script}:\n{said}{errors}");
        eprintln!("{script}: {said}");
    }
}
