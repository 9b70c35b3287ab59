//! What costs nothing to refuse, and what must not stop the others.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use access::Role;

use crate::support::{impatient, loaded, read, shared, start};

#[test]
fn half_open_connections_are_closed_and_do_not_stop_the_others() {
    let server = start(loaded(), |settings| settings.limits = impatient());
    let mut half: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-sl").unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(server.get("/healthz", "").status, 200);
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    for stream in &mut half {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap_or_default();
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_connection_too_many_is_told_to_come_again() {
    let server = start(loaded(), |settings| {
        settings.limits = impatient();
        settings.limits.connections = 4;
        settings.limits.header = Duration::from_secs(20);
    });
    let mut held: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut one = [0; 1];
        stream.read_exact(&mut one).unwrap();
    }
    let told = read(&mut server.connect());
    assert_eq!((told.status, told.header("retry-after")), (503, "2"));
    assert_eq!(told.header("x-content-type-options"), "nosniff");
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.get("/healthz", "").status, 200);
}

#[test]
fn texts_are_packed_and_fonts_are_not() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    let packed = |path: &str, how: &str| {
        let headers = [("cookie", &*cookie), ("accept-encoding", how)];
        server.ask("GET", path, &headers, b"")
    };
    let plain = server.get("/pipeline", &cookie);
    for how in ["gzip", "br"] {
        let told = packed("/pipeline", how);
        assert_eq!((told.status, told.header("content-encoding")), (200, how));
        assert!(told.body.len() * 2 < plain.body.len(), "{} {}", told.body.len(), plain.body.len());
        assert_eq!(told.header("etag"), plain.header("etag"));
    }
    let font = show::html::assets().iter().find(|asset| asset.name.ends_with("woff2")).unwrap();
    assert_eq!(packed(&font.url(), "gzip").header("content-encoding"), "");
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    let mark = server.get("/api/v1/questions/pipeline", &cookie).header("etag").to_owned();
    assert!(mark.starts_with("W/\""), "{mark}");
    let again =
        |path: &str| server.ask("GET", path, &[("cookie", &cookie), ("if-none-match", &mark)], b"");
    let told = again("/api/v1/questions/pipeline");
    assert_eq!((told.status, told.body.len()), (304, 0));
    assert_eq!(told.header("x-content-type-options"), "nosniff");
    assert_eq!(again("/api/v1/questions/programs").status, 200);
}

#[test]
fn a_head_is_the_answer_without_its_body() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    for path in ["/pipeline", "/api/v1/me", "/healthz", "/board.xlsx"] {
        let told = server.ask("HEAD", path, &[("cookie", &cookie)], b"");
        assert_eq!((told.status, told.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn a_server_that_stops_lets_open_requests_end_and_no_longer() {
    let mut server = start(loaded(), |settings| settings.limits = impatient());
    server.ready();
    let cookie = server.cookie(Role::Ceo, None);
    let (address, path) =
        (server.address, format!("GET /pipeline HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n"));
    let open = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(path.as_bytes()).unwrap();
        read(&mut stream).status
    });
    std::thread::sleep(Duration::from_millis(30));
    let took = server.end();
    assert_eq!(open.join().unwrap(), 200);
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(std::net::TcpStream::connect(address).is_err());
}
