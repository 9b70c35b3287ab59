//! The weekly mail, as a real mail server receives it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::program::run_with;
use crate::served::{Served, request};

/// A mail server in a process of its own, ended with the test.
struct MailServer {
    process: Child,
    input: ChildStdin,
    port: u16,
    taken: Receiver<Value>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A Python with the packages of the tests, or nothing and a word about it.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("THROUGHLINE_PYTHON").map(PathBuf::from);
    let ready = python.filter(|python| {
        let import = Command::new(python).args(["-c", "import aiosmtpd"]).output();
        import.is_ok_and(|out| out.status.success())
    });
    if ready.is_none() {
        eprintln!("skipped: no mail server (scripts/test installs it)");
    }
    ready
}

impl MailServer {
    fn start(python: &Path, secrets: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail_server.py");
        let mut process = Command::new(python)
            .arg(script)
            .args(secrets)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is read")).lines();
        let port = lines.next().expect("it says where it is").expect("it is text");
        let input = process.stdin.take().expect("it is told what to do");
        let (sender, taken) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let message = serde_json::from_str(&line).expect("it is JSON");
                // A test that has ended waits for no more.
                let _gone = sender.send(message);
            }
        });
        Self { process, input, port: port.parse().expect("a port"), taken }
    }

    /// Refuses so many messages for now.
    fn refuse(&mut self, messages: usize) {
        writeln!(self.input, "{messages}").expect("it listens");
        // It reads the line beside its work.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// The next messages that it takes, by their reader.
    #[track_caller]
    fn take(&self, count: usize) -> Vec<Value> {
        let next = |_| self.taken.recv_timeout(Duration::from_secs(90)).expect("a digest arrives");
        let mut all: Vec<Value> = (0..count).map(next).collect();
        all.sort_by_key(|message| message["to"].to_string());
        all
    }

    #[track_caller]
    fn takes_no_more(&self) {
        let more = self.taken.recv_timeout(Duration::from_secs(2)).ok();
        assert_eq!(more, None, "a digest came twice");
    }
}

/// Signs in and switches the digest on.
fn opt_in(served: &Served, role: &str) {
    let person = &served.people[role];
    let encode = |text: &Value| text.as_str().unwrap().replace(' ', "+").replace('@', "%40");
    let form =
        format!("email={}&password={}", encode(&person["email"]), encode(&person["password"]));
    let send = |path: &str, cookie: &str, form: &str| {
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Cookie", cookie),
        ];
        let reply = request(&served.address, "POST", path, &headers, form).expect("an answer");
        assert!(reply.status < 400, "{}", reply.body);
        reply.cookie.unwrap_or_default()
    };
    let cookie = send("/login", "", &form);
    let cookie = cookie.split(';').next().unwrap_or_default();
    send("/settings/preferences", cookie, "theme=system&digest=on");
}

/// Writes an amount as the digest does: three digits and a letter.
fn short(amount: &str) -> String {
    let amount: f64 = amount.parse().unwrap();
    let (part, letter) = if amount >= 1e6 { (amount / 1e6, "M") } else { (amount / 1e3, "K") };
    let digits = if part < 10.0 { 2 } else { usize::from(part < 100.0) };
    let text = format!("{part:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{letter}")
}

/// The digest says what `ask` says, under the rights of its reader, and nothing else.
#[track_caller]
fn check(message: &Value, to: &str, asked: &Value, elsewhere: &str) {
    let part = |name: &str| message[name].as_str().unwrap().to_owned();
    assert_eq!(message["to"], serde_json::json!([to]));
    assert_eq!(message["defects"], serde_json::json!([]));
    let parts = serde_json::json!(["multipart/alternative", "text/plain", "text/html"]);
    assert_eq!(message["parts"], parts);
    let (text, html) = (part("text"), part("html"));
    let flat = text.replace('\n', " ");
    let headline = asked["headline"].as_str().unwrap();
    assert!(flat.contains(headline), "expected `{headline}` in:\n{text}");
    for figure in asked["figures"].as_array().unwrap().iter().take(6) {
        let label = figure["label"].as_str().unwrap();
        assert!(text.contains(label) && html.contains(label), "{label}\n{text}");
        if let Some(amount) = figure["value"]["amount"].as_str().filter(|a| a.len() > 8) {
            let written = short(amount);
            assert!(text.contains(&written), "`{label}` is {amount}, not {written} in:\n{text}");
            assert!(html.contains(&written), "`{label}` is {amount}, not {written} in:\n{html}");
        }
    }
    let link = format!(
        "https://numbers.fennmark.example/pipeline?period={}",
        asked["asked"]["period"]["label"].as_str().unwrap()
    );
    assert!(text.contains(&link), "expected `{link}` in:\n{text}");
    assert!(!text.contains(elsewhere), "`{elsewhere}` is another reader's:\n{text}");
}

#[test]
fn each_reader_gets_their_own_figures_once_a_week_whatever_fails_in_between() {
    let Some(python) = python() else { return };
    let mut mail = MailServer::start(&python, &[]);
    let served = Served::apart();
    let folder = served.folder.clone();
    let run = |args: &[&str]| run_with(args, &[], &folder);
    run(&["digest", "send"]).fails(2, "digests are switched off");
    // The hour before this one, in the company's zone, so that one is due now.
    let ask = run(&["ask", "pipeline", "--json"]).content().data();
    let zone = ask["asked"]["time_zone"].as_str().unwrap();
    let due = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let due = due.in_tz(zone).unwrap();
    let settings = format!(
        "[digest]\nenabled = true\nbase_url = \"https://numbers.fennmark.example\"\n\
         host = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nday = \"{}\"\nhour = {}\n\
         from = \"Throughline <throughline@fennmark.example>\"\n\
         recipient_domains = [\"fennmark.example\"]\nquestions = [\"pipeline\"]\n",
        mail.port,
        due.strftime("%A").to_string().to_lowercase(),
        due.hour(),
    );
    std::fs::write(folder.join("server.toml"), &settings).unwrap();

    // Nobody has asked for it yet.
    let nobody = run(&["digest", "send"]).content();
    assert!(nobody.stdout.contains("nobody is waiting"), "{}", nobody.stdout);
    let people = served.people.clone();
    drop(served);
    let served = Served::start(&folder, people.clone());
    opt_in(&served, "cfo");
    opt_in(&served, "limited");
    drop(served);

    let waiting = run(&["digest", "send", "--dry-run"]).content().stdout;
    assert_eq!(waiting.matches("would be sent").count(), 2, "{waiting}");
    mail.refuse(2);
    let refused = run(&["digest", "send"]);
    refused.fails(1, "again: the mail server did not take the digest (it answered 451)");

    // The wait passes, and the week began after digests were switched on.
    let ledger = folder.join(".throughline/digest.sqlite");
    let pass = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                c.execute('update digests set next_at = 0'); \
                c.execute('update begun set at = 0'); c.commit()";
    let passed = Command::new(&python).args(["-c", pass]).arg(&ledger).status();
    assert!(passed.is_ok_and(|status| status.success()));
    let served = Served::start(&folder, people);
    let all = run(&["ask", "pipeline", "--json"]).content().data();
    let limited = ["ask", "pipeline", "--segment", "mid-market", "--json"];
    let limited = run(&limited).content().data();
    let headline = |answer: &Value| answer["headline"].as_str().unwrap().to_owned();
    assert_ne!(headline(&all), headline(&limited));
    let messages = mail.take(2);
    check(&messages[0], "cfo@fennmark.example", &all, "segment");
    check(&messages[1], "limited@fennmark.example", &limited, &headline(&all)[..40]);
    assert_ne!(messages[0]["id"], messages[1]["id"]);
    let again = run(&["digest", "send"]).content();
    assert!(again.stdout.contains("nobody is waiting"), "{}", again.stdout);
    mail.takes_no_more();
    let audit = run(&["audit"]).content().stdout;
    assert_eq!(audit.matches("digest 2").count(), 4, "{audit}");
    served.is_sound();

    // By hand, to an address of the company and to no other.
    run(&["digest", "send", "--to", "ceo@fennmark.example"]).content();
    check(&mail.take(1)[0], "ceo@fennmark.example", &all, "segment");
    run(&["digest", "send", "--to", "ceo@elsewhere.example"]).fails(4, "recipient_domains");
    let preview = run(&["digest", "preview"]).content().stdout;
    assert!(preview.contains(&headline(&all)[..40]), "{preview}");
    mail.takes_no_more();
}

/// Makes a certificate for this machine, or says that the test is skipped.
pub(crate) fn certificate(folder: &Path) -> Option<(String, String)> {
    let file = |name: &str| folder.join(name).to_str().expect("a path that is text").to_owned();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let about = "[req]\ndistinguished_name = name\nx509_extensions = more\nprompt = no\n\
                 [name]\nCN = localhost\n\
                 [more]\nsubjectAltName = DNS:localhost\nbasicConstraints = critical,CA:FALSE\n";
    std::fs::write(file("certificate.conf"), about).expect("a file can be written");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-config", &file("certificate.conf")])
        .args(["-keyout", &key, "-out", &certificate])
        .output();
    if made.is_ok_and(|made| made.status.success()) {
        return Some((certificate, key));
    }
    eprintln!("skipped: no openssl to make a certificate with");
    None
}

#[test]
fn a_password_goes_only_to_a_server_that_proves_who_it_is() {
    let Some(python) = python() else { return };
    let outside = tempfile::tempdir().unwrap();
    let company = outside.path().join("small");
    let small = ["demo", "--scale", "1000", "--no-serve", "--dir", "small"];
    run_with(&small, &[], outside.path()).content();
    let Some((certificate, key)) = certificate(&company) else { return };
    let private = MailServer::start(&python, &[&certificate, &key, "throughline", "correct horse"]);
    let clear = MailServer::start(&python, &[]);
    let send = |port: u16, trust: &str, password: &str| {
        let settings = format!(
            "[digest]\nenabled = true\nbase_url = \"https://numbers.fennmark.example\"\n\
             host = \"localhost\"\nport = {port}\nsecurity = \"starttls\"\n{trust}\n\
             user = \"throughline\"\npassword_env = \"MAIL_PASSWORD\"\n\
             from = \"throughline@fennmark.example\"\n\
             recipient_domains = [\"fennmark.example\"]\nquestions = [\"pipeline\"]\n"
        );
        std::fs::write(company.join("server.toml"), settings).unwrap();
        let args = ["digest", "send", "--to", "ceo@fennmark.example"];
        run_with(&args, &[("MAIL_PASSWORD", password)], &company)
    };
    let trust = "certificate_file = \"certificate.pem\"";
    send(clear.port, trust, "correct horse").fails(4, "could not be reached");
    send(private.port, "", "correct horse").fails(4, "its certificate is not trusted");
    send(private.port, trust, "battery staple").fails(4, "it answered 535");
    send(private.port, trust, "").fails(4, "the variable `MAIL_PASSWORD` is empty");
    send(private.port, trust, "correct horse").content();
    assert_eq!(private.take(1)[0]["to"], serde_json::json!(["ceo@fennmark.example"]));
    clear.takes_no_more();
}
