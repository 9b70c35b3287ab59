//! A small company, a server for it, people who sign in, and a client that speaks plain bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

use access::{
    Access, Actor, Caller, HashCost, Login, ManualClock, NewAccount, Role, Secret, SystemClock,
};
use intake::{Lookups, Settings as Reading};
use jiff::civil::date;
use lake::{Lake, LoadRequest, SourceFile};
use project::Project;
use sample::{Dirt, Layout, Plan};
use web::{Limits, Server, Settings};

pub(crate) const PASSWORD: &str = "seven mild herons under one bridge";
pub(crate) const ADDRESS: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The exports of a company, made once.
static EXPORTS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { touches: 1_000, dirt: Dirt::all(), ..Plan::default() };
    let layout = Layout { gzip: false, rows_per_file: None };
    sample::company(&plan)
        .write_as(folder.path(), date(2026, 9, 30), &layout, &mut |_, _| {})
        .unwrap();
    std::fs::remove_file(folder.path().join("truth.json")).unwrap();
    folder
});

/// A company's folder with definitions and nothing loaded.
pub(crate) fn empty() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in sample::DEFINITIONS {
        std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Loads the exports into a company's folder.
pub(crate) fn load(folder: &Path) {
    let project = Project::find(Some(folder)).unwrap();
    let definitions = project.definitions().unwrap();
    let reading = Reading {
        currency: definitions.currency,
        day_order: definitions.source_day_order,
        ..Reading::default()
    };
    let (planned, _) = intake::survey(&[EXPORTS.path().to_path_buf()], &reading);
    let planned: Vec<_> = planned
        .into_iter()
        .filter(|file| !matches!(file.shape(), intake::preset::Shape::Skip(_)))
        .collect();
    let (lookups, _) = Lookups::gather(&planned, &reading);
    let lake = Lake::create(project.lake()).unwrap();
    let source = |file: &intake::Planned| {
        let hash = *blake3::Hash::from_hex(&file.content_hash).unwrap().as_bytes();
        SourceFile::new(Arc::clone(&file.name), hash, file.preset.clone())
    };
    let recorded_at = definitions.calendar().end_of_day(date(2026, 9, 30));
    let files = planned.iter().map(source).collect();
    let mut loading = lake.begin(LoadRequest::new(recorded_at, files)).unwrap();
    for (at, file) in planned.iter().enumerate() {
        file.read(&reading, &lookups, &mut |row| {
            loading.push(at, row).unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    loading.prepare().unwrap().commit().unwrap();
}

/// A loaded company whose build is kept, to be copied.
static LOADED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = empty();
    load(folder.path());
    let project = Project::find(Some(folder.path())).unwrap();
    project::View::open(&project, None, &mut |_, _, _| {}).unwrap();
    folder
});

/// A copy of the loaded company.
pub(crate) fn loaded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(LOADED.path(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A server that runs, and stops when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) access: Arc<Access>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) computed: Box<dyn Fn() -> u64 + Send + Sync>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    people: Mutex<BTreeMap<String, String>>,
}

/// Starts a server for a folder.
pub(crate) fn start(folder: tempfile::TempDir, change: impl FnOnce(&mut Settings)) -> Running {
    start_with(folder, SystemClock::start(), change)
}

/// Starts a server whose accounts live by another clock.
pub(crate) fn start_with(
    folder: tempfile::TempDir,
    clock: impl access::Clock + 'static,
    change: impl FnOnce(&mut Settings),
) -> Running {
    let project = Project::find(Some(folder.path())).unwrap();
    let mut rules = access::Settings::new(true);
    rules.hash_cost = HashCost::FOR_TESTS;
    let access = Arc::new(Access::open(folder.path(), rules, clock).unwrap());
    let listener = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = Settings::new(address, None).unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&log);
    settings.log = Arc::new(move |line| lines.lock().unwrap().push(line.json()));
    settings.sample_company = Some(format!("{} (sample)", sample::COMPANY));
    change(&mut settings);
    let server = Server::new(project, Arc::clone(&access), settings, listener).unwrap();
    let computed = Box::new(server.counter());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        server
            .run(async move {
                let _stopped: Result<(), _> = stopped.await;
            })
            .unwrap();
    });
    Running {
        address,
        access,
        folder,
        log,
        computed,
        stop: Some(stop),
        thread: Some(thread),
        people: Mutex::default(),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The server that tests share which change nothing that others see.
pub(crate) fn shared() -> &'static Running {
    static SHARED: OnceLock<Running> = OnceLock::new();
    SHARED.get_or_init(|| {
        let running = start(loaded(), |_| {});
        running.ready();
        running
    })
}

impl Running {
    /// Stops, and waits until it has.
    pub(crate) fn end(&mut self) -> Duration {
        let began = Instant::now();
        if let Some(stop) = self.stop.take() {
            let _told: Result<(), ()> = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        began.elapsed()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    /// Waits until the first build is in service.
    pub(crate) fn ready(&self) {
        let cookie = self.cookie(Role::Ceo, None);
        for _ in 0..600 {
            let told = self.get("/api/v1/health", &cookie);
            if told.status == 200 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no build went into service");
    }

    /// The value of the header `Cookie` of somebody with a role.
    pub(crate) fn cookie(&self, role: Role, segment: Option<&str>) -> String {
        let name = format!("{role}-{}", segment.unwrap_or("all"));
        let mut people = self.people.lock().unwrap();
        let email = people.entry(name.clone()).or_insert_with(|| {
            let email = format!("{name}@fennmark.example");
            self.person(&email, role, segment);
            email
        });
        self.sign_in(email)
    }

    /// Adds a person who can sign in.
    pub(crate) fn person(&self, email: &str, role: Role, segment: Option<&str>) {
        let new = NewAccount {
            email: email.to_owned(),
            name: format!("Person {email}"),
            role,
            segment: segment.map(str::to_owned),
            by_provider: false,
        };
        let (account, _) = self.access.invite(Actor::Console, &new, None).unwrap();
        self.access.set_password(&account.id, PASSWORD).unwrap();
    }

    /// Signs a person in, past the pages.
    pub(crate) fn sign_in(&self, email: &str) -> String {
        match self.access.login(email, PASSWORD, ADDRESS).unwrap() {
            Login::Done(session) => {
                format!("throughline-{}={}", self.address.port(), session.secret.reveal())
            }
            Login::SecondFactor(_) => panic!("no second factor was asked for"),
        }
    }

    /// Who holds a cookie.
    pub(crate) fn caller(&self, cookie: &str) -> Caller {
        let secret = cookie.split_once('=').unwrap().1;
        self.access.by_session(&Secret::new(secret)).unwrap()
    }

    /// An API token of somebody with a role.
    pub(crate) fn token(&self, role: Role) -> String {
        let caller = self.caller(&self.cookie(role, None));
        let made = self.access.create_token(&caller, "test", role, None, ADDRESS).unwrap();
        made.0.reveal().to_owned()
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> Response {
        self.ask("GET", path, &[("cookie", cookie)], b"")
    }

    /// Sends a form as the page does.
    pub(crate) fn post(&self, path: &str, cookie: &str, form: &str) -> Response {
        let headers = [
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        self.ask("POST", path, &headers, form.as_bytes())
    }

    /// Sends JSON as a program does.
    pub(crate) fn api(&self, method: &str, path: &str, token: &str, body: &str) -> Response {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.ask(method, path, &headers, body.as_bytes())
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || !matches!(method, "GET" | "HEAD") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes)
    }

    /// Sends bytes and reads to the end.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // The server may answer and close before it has read everything.
        let _sent: std::io::Result<()> = stream.write_all(bytes);
        read(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the first error of the envelope.
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Reads an answer to its end.
pub(crate) fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let _end: std::io::Result<usize> = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else { return Response { status: 0, headers: Vec::new(), body: bytes } };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
        body = joined(&body);
    }
    Response { status, headers, body }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}

/// Limits whose times are over soon.
pub(crate) fn impatient() -> Limits {
    Limits {
        header: Duration::from_millis(400),
        body: Duration::from_millis(400),
        grace: Duration::from_millis(1_500),
        ..Limits::default()
    }
}

/// A clock that is moved by hand.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-02T09:00:00Z".parse().unwrap()))
}
