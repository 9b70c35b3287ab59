//! Ctrl-C, a closed pipe, and a lock whose holder is alive or dead.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{DEALS, check_loads, check_whole, content, exports, in_company, init, program, start};

fn parquet_files(company: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let main = company.join(".throughline/lake/main");
    for folder in std::fs::read_dir(main).unwrap().flatten() {
        files.extend(std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.path()));
    }
    files.sort();
    files
}

/// A company with one load, and a large second one that is on its way. Returns it when files of
/// the second are there.
fn at_work(folder: &TempDir) -> (std::path::PathBuf, std::process::Child) {
    let company = folder.path().join("acme");
    init(&company);
    let first = exports(&company, 0, DEALS);
    in_company(&company, &["load", first.to_str().unwrap()]).content();
    let before = parquet_files(&company);
    let large = exports(&company, 1, 60_000);
    let child = start(&company, &["load", large.to_str().unwrap()]);
    let end = Instant::now() + Duration::from_secs(60);
    while parquet_files(&company) == before && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    (company, child)
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_load_with_130_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let (company, child) = at_work(&folder);
    let kept = in_company(&company, &["verify", "--json"]).data();
    assert_eq!(kept["facts"]["n_snapshots"], 3);
    assert!(content(Command::new("kill").args(["-INT", &child.id().to_string()])));
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let verify = in_company(&company, &["verify", "--json"]).content().data();
    assert_eq!(verify["facts"]["n_leftovers"], 0, "temporary files are removed");
    assert_eq!(check_loads(&company, &[0]), 0);
}

#[cfg(unix)]
#[test]
fn a_lock_names_its_holder_and_one_of_a_dead_holder_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let (company, mut child) = at_work(&folder);
    let other = exports(&company, 2, DEALS);
    let args = ["load", other.to_str().unwrap()];
    let refused = in_company(&company, &args);
    refused.fails(4, &format!("is being written by process {} on ", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    in_company(&company, &args).content();
    assert_eq!(check_loads(&company, &[0, 2]), 0);
    check_whole(&company);
}

#[test]
fn a_pipe_that_is_closed_early_ends_it_quietly() {
    let folder = TempDir::new().unwrap();
    let company = folder.path().join("acme");
    init(&company);
    let first = exports(&company, 0, DEALS);
    in_company(&company, &["load", first.to_str().unwrap()]).content();
    for args in [&["loads", "--json"][..], &["verify", "--json"], &["ask", "pipeline", "--full"]] {
        let mut child = program(&company)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut byte = [0];
        let _one = out.read(&mut byte).unwrap();
        drop(out);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}
