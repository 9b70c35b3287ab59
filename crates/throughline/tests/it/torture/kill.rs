//! Killed at any moment of a load, a build, a compaction or a backup.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::postgres::Cluster;

use super::{DEALS, Random, check_loads, check_whole, exports, in_company, init, start, times};

/// Waits for a child up to a moment, then kills it as a power switch would. Returns its exit code
/// where it was faster.
fn kill_after(mut child: Child, wait: Duration) -> Option<i32> {
    let end = Instant::now() + wait;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn nothing_is_lost_or_doubled_at_whatever_moment_it_is_killed() {
    let folder = TempDir::new().unwrap();
    let company = folder.path().join("acme");
    init(&company);
    let backups = folder.path().join("backups");
    let to = backups.to_str().unwrap();
    let acknowledged = kill(&company, times(50), Some(to));
    in_company(&company, &["backup", to]).content();
    let names = std::fs::read_dir(&backups).unwrap().flatten().map(|entry| entry.file_name());
    let halves = names.filter(|name| name.to_string_lossy().starts_with(".part")).count();
    assert_eq!(halves, 0, "half a backup is swept by the next");
    let again = folder.path().join("again");
    in_company(&company, &["restore", to, "--to", again.to_str().unwrap()]).content();
    assert_eq!(check_loads(&again, &acknowledged), 0);
    check_whole(&again);
}

#[test]
fn nor_where_the_catalog_is_on_a_server() {
    let Some(cluster) = Cluster::shared() else { return };
    let folder = TempDir::new().unwrap();
    let company = folder.path().join("acme");
    init(&company);
    let settings = format!(
        "[lake]\ncatalog = \"{}\"\ndata = \"shared\"\n",
        cluster.login(&cluster.new_database())
    );
    std::fs::write(company.join("server.toml"), settings).unwrap();
    kill(&company, times(20), None);
}

/// Kills what a company does at random moments, and returns which loads were acknowledged.
fn kill(company: &Path, n: usize, backups: Option<&str>) -> Vec<usize> {
    let mut random = Random(1);
    let mut acknowledged = Vec::new();
    let (mut killed, mut unacknowledged) = (0, 0);
    let mut slowest = Duration::ZERO;
    // How long each work takes when it is left alone, as far as that is known.
    let mut usual = [Duration::from_millis(400); 4];
    for at in 0..n {
        let work = [0, 1, 0, 2, 3][at % 5];
        let source = exports(company, at, DEALS);
        let args: &[&str] = match work {
            0 => &["load", source.to_str().unwrap()],
            1 => &["build"],
            2 => &["compact"],
            _ => match backups {
                Some(to) => &["backup", to],
                None => &["loads"],
            },
        };
        let begun = Instant::now();
        let most = u64::try_from(usual[work].as_micros()).unwrap() * 5 / 4;
        let wait = Duration::from_micros(random.below(most));
        match kill_after(start(company, args), wait) {
            None => killed += 1,
            Some(code) => {
                usual[work] = begun.elapsed();
                // A build, or a compaction of nothing, finds that nothing was loaded yet.
                assert!(code == 0 || code == 1 && acknowledged.is_empty(), "{args:?}: {code}");
                if work == 0 {
                    acknowledged.push(at);
                }
            }
        }
        if killed > 0 && usual[work] < Duration::from_secs(20) {
            // Towards the end of the work, too.
            usual[work] += usual[work] / 20;
        }
        let next = Instant::now();
        in_company(company, &["loads"]).content();
        slowest = slowest.max(next.elapsed());
        let found = check_loads(company, &acknowledged);
        unacknowledged = found;
        if at % 5 == 4 || at + 1 == n {
            check_whole(company);
        }
    }
    // What was being loaded when it was killed goes through now, or is known.
    for load in (0..n).filter(|at| [0, 2].contains(&(at % 5))) {
        let source = company.join(format!("in/{load:05}"));
        in_company(company, &["load", source.to_str().unwrap()]).content();
        if !acknowledged.contains(&load) {
            acknowledged.push(load);
        }
    }
    assert_eq!(check_loads(company, &acknowledged), 0);
    check_whole(company);
    println!(
        "killed at {killed} of {n} moments: 0 loads lost of {}, 0 doubled, {unacknowledged} stored \
         without word; next start within {} ms",
        acknowledged.len(),
        slowest.as_millis()
    );
    assert!(slowest < Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 5 }));
    acknowledged
}
