//! Writes, flushes and opens that fail at random: no false word, no panic, no second flush.

use tempfile::TempDir;

use super::{
    DEALS, Random, check_loads, check_whole, compile, exports, in_company, init, no_panic, program,
    run, times,
};

#[test]
fn failing_writes_flushes_and_opens_never_make_a_false_acknowledgement() {
    let folder = TempDir::new().unwrap();
    let Some(shim) = compile("shim.c", true, folder.path()) else {
        eprintln!("skipped: no gcc to make the library that fails calls");
        return;
    };
    let n = times(40);
    let company = folder.path().canonicalize().unwrap().join("acme");
    init(&company);
    let log = folder.path().join("faults.log");
    let mut random = Random(5);
    let mut acknowledged = Vec::new();
    let (mut failed, mut stored) = (0, 0);
    for at in 0..n {
        let source = exports(&company, at, DEALS);
        let backups = company.join("backups");
        let args: &[&str] = match at % 8 {
            3 => &["build"],
            5 => &["compact"],
            7 => &["backup", backups.to_str().unwrap()],
            _ => &["load", source.to_str().unwrap()],
        };
        let kinds = ["", "sync", "write", "open"][at % 4];
        let rate = if kinds == "sync" { 60_000 } else { 2_000 + random.below(15_000) };
        let done = run(program(&company)
            .args(args)
            .env("LD_PRELOAD", &shim)
            .env("FAULT_UNDER", company.join(".throughline"))
            .env("FAULT_SEED", format!("{}", at + 1))
            .env("FAULT_RATE", rate.to_string())
            .env("FAULT_KINDS", kinds)
            .env("FAULT_LOG", &log));
        no_panic(&done, &format!("{args:?} with seed {}", at + 1));
        if done.code == 0 && args[0] == "load" {
            acknowledged.push(at);
        }
        failed += usize::from(done.code != 0);
        // Whatever failed: what is there is whole, and nothing that was acknowledged is missing.
        in_company(&company, &["loads"]).content();
        stored = check_loads(&company, &acknowledged);
    }
    check_whole(&company);
    let noted = std::fs::read_to_string(&log).unwrap_or_default();
    let count = |kind: &str| noted.lines().filter(|line| line.starts_with(kind)).count();
    let retried: Vec<&str> = noted.lines().filter(|line| line.starts_with("retry")).collect();
    println!(
        "{} writes, {} flushes and {} opens failed in {n} runs; {failed} runs said so; {} loads \
         acknowledged, all there; {stored} stored without word; {} files flushed again",
        count("write"),
        count("sync"),
        count("open"),
        acknowledged.len(),
        retried.len()
    );
    assert!(count("write") + count("sync") + count("open") > n / 4, "too little failed: {noted}");
    assert!(failed > 0 && !acknowledged.is_empty());
    assert!(retried.is_empty(), "flushed again after a flush had failed: {retried:?}");
}
