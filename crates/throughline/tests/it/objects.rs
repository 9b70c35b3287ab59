//! Objects of a store that speaks S3 (moto's server), read by the program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::program::{Company, Run};

/// A store on this machine.
pub(crate) struct Store {
    child: Child,
    pub(crate) port: u16,
}

impl Store {
    /// Starts one, or says why the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        let python = std::env::var("THROUGHLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let log = BufReader::new(child.stderr.take()?);
        let mut started = false;
        let mut said = String::new();
        let mut lines = log.lines().map_while(Result::ok);
        for line in lines.by_ref() {
            started = line.contains("Running on") || line.contains("CTRL+C");
            if started {
                break;
            }
            said = line;
        }
        if !started {
            let _ended = child.wait();
            eprintln!("skipped: no store that speaks S3: {said}");
            return None;
        }
        // Nobody waits for a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port })
    }

    /// Sends a request and returns its status.
    pub(crate) fn put(&self, path: &str, body: &[u8]) -> u16 {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        for _ in 0..50 {
            if let Ok(answer) = ureq::put(&url).send(body) {
                return answer.status().as_u16();
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{url} does not answer");
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            pair("AWS_ACCESS_KEY_ID", "key"),
            pair("AWS_SECRET_ACCESS_KEY", "correct horse"),
            pair("AWS_REGION", "eu-central-1"),
            pair("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", self.port)),
            pair("AWS_ALLOW_HTTP", "true"),
        ]
    }

    /// Runs the program with the credentials of the store, without those in `not`.
    pub(crate) fn run(&self, company: &Company, args: &[&str], not: &[&str]) -> Run {
        let environment = self.environment();
        let given: Vec<(&str, &str)> = environment
            .iter()
            .filter(|(name, _)| !not.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        company.run_with(args, &given)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[test]
fn objects_are_read_as_files_of_a_folder() {
    let Some(store) = Store::start() else { return };
    assert_eq!(store.put("crm", b""), 200);
    let deals: String = (1..=50_000).fold(
        "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon,SystemModstamp\n".to_owned(),
        |text, n| {
            text + &format!(
                "o{n},Deal {n},Prospecting,{n}.50,2026-12-31,2026-01-01T00:00:00Z,false,false,\
                 2026-01-01T00:00:00Z\n"
            )
        },
    );
    let accounts = "Id,Name,Website,OwnerId,CreatedDate,SystemModstamp\n\
                    a1,Acme,acme.example,,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z\n";
    store.put("crm/exports/2026%2010/opportunity.csv", deals.as_bytes());
    store.put("crm/exports/account.csv", accounts.as_bytes());
    store.put("crm/exports/.hidden.csv", accounts.as_bytes());
    store.put("crm/exportsX/other.csv", b"a,b\n1,2\n");
    let company = Company::new();

    let run = store.run(&company, &["load", "s3://crm/exports/", "--json"], &[]).content();
    assert_eq!(run.data()["rows"]["loaded"], 50_001);
    let names: Vec<String> = run.data()["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["2026 10/opportunity.csv", "account.csv"]);
    let again = store.run(&company, &["load", "s3://crm/exports", "--json"], &[]).content();
    assert_eq!(again.data()["rows"]["loaded"], 0);
    let one = store.run(&company, &["load", "s3://crm/exports/account.csv", "--json"], &[]);
    assert_eq!(one.content().data()["files"][0]["status"]["status"], "loaded_before");
    let ledger = company.run(&["loads", "--json"]).content().stdout;
    assert!(ledger.contains("s3://crm/exports") && !ledger.contains("correct horse"), "{ledger}");
    let left = fs::read_dir(company.path().join(".throughline/staging")).unwrap().count();
    assert_eq!(left, 0, "what was brought is gone");

    let load = |address: &str, not: &[&str]| store.run(&company, &["load", address, "--json"], not);
    load("s3://crm/nothing/", &[]).fails(3, "s3://crm/nothing holds no object");
    load("s3://nowhere/exports/", &[]).fails(4, "object.");
    load("s3://crm/exports/", &["AWS_SECRET_ACCESS_KEY"]).fails(2, "object.credentials");
    load("s3://crm/exports/", &["AWS_ALLOW_HTTP"]).fails(2, "object.plain");
    load("s3://crm/exports/?versionId=1", &[]).fails(2, "object.url");
}
