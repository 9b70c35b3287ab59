//! Builds and what is computed: once for all, in the background, and never a half.

use std::time::{Duration, Instant};

use access::Role;

use crate::support::{empty, load, loaded, shared, start};

#[test]
fn what_many_ask_at_once_is_computed_once() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    let before = (server.computed)();
    let path = "/api/v1/questions/attribution?period=2026Q1";
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(server.get(path, &cookie).status, 200));
        }
    });
    // Other tests may ask for something of their own meanwhile, but not for this.
    let computed = (server.computed)() - before;
    assert_eq!(server.get(path, &cookie).status, 200);
    assert!((1..32).contains(&computed), "{computed}");
}

#[test]
fn an_empty_company_says_what_to_load_and_a_load_is_noticed() {
    let server = start(empty(), |_| {});
    let cookie = server.cookie(Role::Ceo, None);
    let told = wait(|| {
        let told = server.get("/", &cookie);
        (told.text().contains("throughline load")).then_some(told)
    });
    assert_eq!(told.status, 200);
    assert_eq!(server.get("/api/v1/questions/pipeline", &cookie).code(), "nothing-loaded");
    load(&server.root());
    server.ready();
    assert_eq!(server.get("/api/v1/questions/pipeline", &cookie).status, 200);
}

#[test]
fn changed_definitions_are_noticed_and_broken_ones_are_told_while_the_last_good_ones_serve() {
    let server = start(loaded(), |_| {});
    server.ready();
    let cookie = server.cookie(Role::Ceo, None);
    let asked =
        || server.get("/api/v1/questions/pipeline", &cookie).json()["data"]["asked"].clone();
    let before = asked();
    let file = server.root().join("throughline.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\nthis is no definition\n")).unwrap();
    let told = wait(|| {
        let text = server.get("/pipeline", &cookie).text();
        text.contains("throughline check").then_some(text)
    });
    assert!(told.contains("has a fault"));
    assert_eq!(asked(), before);
    std::fs::write(&file, text.replace(sample::COMPANY, "Renamed Ltd")).unwrap();
    let after = wait(|| Some(asked()).filter(|now| now["company"] == "Renamed Ltd (sample)"));
    assert_ne!(after["definitions"], before["definitions"]);
}

#[test]
fn an_earlier_day_is_answered_as_of_that_day_and_a_day_to_come_is_refused() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    let path = "/api/v1/questions/pipeline";
    let told = server.get(&format!("{path}?as_of=2026-10-02"), &cookie).json();
    assert_eq!(told["data"]["asked"]["as_of"], "2026-10-02");
    let told = server.get(&format!("{path}?as_of=2020-01-01"), &cookie);
    assert_eq!((told.status, &*told.code()), (404, "nothing-known"));
    assert_eq!(server.get(&format!("{path}?as_of=2999-01-01"), &cookie).status, 400);
}

#[test]
fn the_health_of_the_process_waits_for_nobody() {
    let server = shared();
    std::thread::scope(|scope| {
        let cookie = server.cookie(Role::Ceo, None);
        for n in 1..=4 {
            let path = format!("/api/v1/questions/attribution?period=2025Q{n}");
            let cookie = cookie.clone();
            scope.spawn(move || server.get(&path, &cookie));
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(server.get("/healthz", "").text(), "ok\n");
            slowest = slowest.max(began.elapsed());
        }
        // Two cores are shared with the other tests here; a lock would take seconds.
        assert!(slowest < Duration::from_millis(300), "{slowest:?}");
    });
}

#[test]
fn the_news_of_a_build_come_as_events() {
    use std::io::{Read, Write};
    let server = shared();
    let cookie = server.cookie(Role::Viewer, None);
    let mut stream = server.connect();
    let head = format!("GET /progress HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = String::new();
    let mut bytes = [0; 4_096];
    while !told.contains("\n\n") {
        let n = stream.read(&mut bytes).unwrap();
        told.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    assert!(told.contains("content-type: text/event-stream"), "{told}");
    assert!(told.contains("data: {\"over\":true"), "{told}");
}

/// Asks until there is something, for half a minute.
fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not happen");
}
