//! Nobody holds on to more than a share: connections that are not read, streams, hosts.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use access::Role;

use crate::support::{impatient, loaded, read, shared, start};

#[test]
fn an_answer_that_nobody_reads_ends_its_connection() {
    let server = start(loaded(), |settings| {
        settings.limits = impatient();
        settings.limits.write = Duration::from_millis(300);
    });
    let font = show::html::assets().iter().find(|asset| asset.name.ends_with("woff2")).unwrap();
    let mut stream = server.connect();
    let ask = format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", font.url());
    let _sent: std::io::Result<()> = stream.write_all(ask.repeat(500).as_bytes());
    std::thread::sleep(Duration::from_millis(1_500));
    let began = Instant::now();
    let mut all = Vec::new();
    let _end: std::io::Result<usize> = stream.read_to_end(&mut all);
    assert!(all.len() < 500 * font.bytes.len(), "{}", all.len());
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_account_has_a_few_streams_and_a_session_that_ends_ends_its_own() {
    let server = start(loaded(), |settings| settings.limits.stream = Duration::from_secs(4));
    server.ready();
    let cookie = server.cookie(Role::Viewer, None);
    let head = format!("GET /progress HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n");
    let mut held: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
            stream
        })
        .collect();
    assert_eq!(server.get("/progress", &cookie).status, 503);
    assert_eq!(server.post("/logout", &cookie, "").status, 303);
    let began = Instant::now();
    let mut rest = String::new();
    // The last piece comes, and the stream is closed long before its own time.
    while !rest.ends_with("0\r\n\r\n") {
        let mut bytes = [0; 4_096];
        let n = held[0].read(&mut bytes).unwrap();
        rest.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_request_names_one_host_and_a_member_once() {
    let server = shared();
    for hosts in ["", "host: x\r\nhost: y\r\n"] {
        let ask = format!("GET /login HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        assert_eq!(server.raw(ask.as_bytes()).status, 400, "{hosts}");
    }
    let token = server.token(Role::Viewer);
    let told = server.api("PATCH", "/api/v1/me", &token, r#"{"name":"a","name":"b"}"#);
    assert_eq!(told.status, 422);
}

#[test]
fn an_address_has_a_share_of_the_connections() {
    let server = start(loaded(), |settings| {
        settings.limits = impatient();
        settings.limits.per_proxy = 3;
        settings.limits.header = Duration::from_secs(20);
    });
    let held: Vec<_> = (0..3).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(read(&mut server.connect()).status, 503);
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.get("/healthz", "").status, 200);
}
