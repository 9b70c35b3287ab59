//! `verify`, `backup`, `restore`, `compact` and `repair` as a user runs them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{DEALS, Random, check_loads, check_whole, exports, in_company, init, times};

/// A company with accounts, loads and a build.
fn company(folder: &TempDir, loads: usize) -> PathBuf {
    let company = folder.path().join("acme");
    init(&company);
    in_company(&company, &["user", "add", "cfo@acme.com", "--role", "cfo"]).content();
    for load in 0..loads {
        let source = exports(&company, load, DEALS);
        in_company(&company, &["load", source.to_str().unwrap()]).content();
    }
    in_company(&company, &["build"]).content();
    company
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name();
        if entry.path().is_dir() {
            files(&entry.path(), into);
        } else if !["writer.lock", "secret"].iter().any(|other| name == *other) {
            into.push(entry.path());
        }
    }
    into.sort();
}

/// Accounts are kept where only their owner reads them.
fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn verify_finds_every_changed_byte_cut_swap_and_gap() {
    let n = times(30);
    let folder = TempDir::new().unwrap();
    let company = company(&folder, 3);
    check_whole(&company);
    let inner = company.join(".throughline");
    let mut all = Vec::new();
    files(&inner, &mut all);
    all.retain(|path| !path.to_string_lossy().ends_with("build.json"));
    let mut random = Random(17);
    let mut below = |limit: usize| usize::try_from(random.below(limit as u64)).unwrap();
    for at in 0..n {
        let path = &all[below(all.len())];
        let whole = std::fs::read(path).unwrap();
        let other = all.iter().find(|other| {
            *other != path
                && other.extension() == path.extension()
                && std::fs::read(other).unwrap() != whole
        });
        // A build that lacks a file or a part of it counts as not there: it is made anew.
        let derived = path.starts_with(inner.join("derived"));
        let what = match (at % 6, other) {
            (3, Some(other)) if !derived => {
                std::fs::copy(other, path).unwrap();
                format!("{} in its place", other.display())
            }
            (4, _) if !derived => {
                let cut = below(whole.len());
                std::fs::write(path, &whole[..cut]).unwrap();
                format!("cut to {cut}")
            }
            (5, _) if !derived && !path.ends_with("state.seal") => {
                std::fs::remove_file(path).unwrap();
                "removed".to_owned()
            }
            _ => {
                let byte = below(whole.len());
                let mut bytes = whole.clone();
                bytes[byte] ^= u8::try_from(1 + below(255)).unwrap();
                std::fs::write(path, bytes).unwrap();
                format!("byte {byte} of {}", whole.len())
            }
        };
        let verify = in_company(&company, &["verify"]);
        assert_ne!(verify.code, 0, "{}: {what}\n{}", path.display(), verify.stdout);
        assert!(!verify.stderr.contains("panicked"), "{}", verify.stderr);
        std::fs::write(path, whole).unwrap();
        if path.parent() == Some(&*inner) {
            private(path);
        }
        for beside in ["lake/catalog.sqlite", "state.sqlite"] {
            for end in ["-wal", "-shm"] {
                drop(std::fs::remove_file(inner.join(format!("{beside}{end}"))));
            }
        }
    }
    check_whole(&company);
    println!("verify found {n} of {n} changes of facts, builds, accounts and audit log");
}

#[test]
fn a_restored_company_gives_the_same_answers_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let company = company(&folder, 2);
    let ask = |company: &Path| in_company(company, &["ask", "pipeline", "--json"]).content().stdout;
    let answer = ask(&company);
    let backups = folder.path().join("backups");
    let to = backups.to_str().unwrap();
    let first = in_company(&company, &["backup", to, "--json"]).content().data();
    assert_eq!(first["linked"], 0);
    assert_eq!((&first["secret"], &first["secret_left_out"]), (&false.into(), &true.into()));
    let second = in_company(&company, &["backup", to, "--json"]).content().data();
    assert!(second["linked"].as_u64().unwrap() > 0, "{second}");
    let again = folder.path().join("again");
    let target = again.to_str().unwrap();
    in_company(&company, &["restore", to, "--to", target]).content();
    let secret = ".throughline/secret";
    assert!(!again.join(secret).exists(), "it is in no backup unless asked for");
    std::fs::copy(company.join(secret), again.join(secret)).unwrap();
    assert_eq!(ask(&again), answer);
    check_whole(&again);
    // Loading goes on where it was.
    let source = exports(&again, 7, DEALS);
    in_company(&again, &["load", source.to_str().unwrap()]).content();
    check_loads(&again, &[0, 1, 7]);
    check_whole(&again);
    // Newer facts are not replaced unless told so.
    let refused = in_company(&company, &["restore", to, "--to", target]);
    refused.fails(1, "has newer facts (load 3");
    check_loads(&again, &[0, 1, 7]);
    in_company(&company, &["restore", to, "--to", target, "--replace"]).content();
    assert_eq!(check_loads(&again, &[0, 1]), 0);
    assert_eq!(ask(&again), answer);
    let other = folder.path().join("other");
    init(&other);
    let source = exports(&other, 0, DEALS);
    in_company(&other, &["load", source.to_str().unwrap()]).content();
    in_company(&other, &["restore", to]).fails(1, "facts of another lake");
}

#[test]
fn a_damaged_file_is_brought_back_and_a_damaged_backup_is_refused() {
    let folder = TempDir::new().unwrap();
    let company = company(&folder, 2);
    let backups = folder.path().join("backups");
    let to = backups.to_str().unwrap();
    let made = in_company(&company, &["backup", to, "--json"]).content().data();
    let main = company.join(".throughline/lake/main/opportunity");
    let mut facts = Vec::new();
    files(&main, &mut facts);
    let file = facts.iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(file, bytes).unwrap();
    let verify = in_company(&company, &["verify"]);
    verify.fails(1, "has other bytes than were written");
    assert!(verify.stderr.contains("table `opportunity`"), "{}", verify.stderr);
    let read = in_company(&company, &["compact"]);
    read.fails(4, "has other bytes than were written");
    in_company(&company, &["restore", to]).content();
    check_whole(&company);
    assert_eq!(check_loads(&company, &[0, 1]), 0);
    // The keys of the folder stay.
    in_company(&company, &["user", "list"]).content();
    let backup = PathBuf::from(made["folder"].as_str().unwrap());
    let mut copied = Vec::new();
    files(&backup, &mut copied);
    let empty = |path: &PathBuf| std::fs::metadata(path).unwrap().len() == 0;
    assert_eq!(copied.iter().find(|path| empty(path)), None, "every file has a byte to lose");
    let mut random = Random(23);
    for _ in 0..times(8) {
        let at = usize::try_from(random.below(copied.len() as u64)).unwrap();
        let whole = std::fs::read(&copied[at]).unwrap();
        let byte = usize::try_from(random.below(whole.len() as u64)).unwrap();
        let mut bytes = whole.clone();
        bytes[byte] ^= 1;
        std::fs::write(&copied[at], bytes).unwrap();
        let refused = in_company(&company, &["restore", backup.to_str().unwrap()]);
        assert_ne!(refused.code, 0, "{} byte {byte}", copied[at].display());
        assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
        std::fs::write(&copied[at], whole).unwrap();
    }
    check_whole(&company);
    in_company(&company, &["restore", folder.path().join("acme/in").to_str().unwrap()])
        .fails(2, "holds no backup");
}

#[test]
fn compaction_changes_no_figure_and_old_days_stay_as_they_were() {
    let folder = TempDir::new().unwrap();
    let company = company(&folder, 6);
    let ask = || in_company(&company, &["ask", "pipeline", "--json"]).content().stdout;
    let answer = ask();
    let done = in_company(&company, &["compact", "--purge", "--json"]).content().data();
    let tables = done["tables"].as_array().unwrap();
    let deals = tables.iter().find(|table| table["table"] == "opportunity").unwrap();
    assert_eq!(
        (deals["n_before"].as_u64(), deals["n_after"].as_u64(), deals["n_rows"].as_u64()),
        (Some(6), Some(1), Some(6 * DEALS as u64))
    );
    assert_eq!(ask(), answer);
    let lake = lake::Lake::open(company.join(".throughline/lake")).unwrap();
    for (n, snapshot) in lake.snapshots().unwrap().iter().enumerate() {
        let rows = lake.n_rows(snapshot.id, "opportunity").unwrap();
        assert_eq!(rows, ((n + 1) * DEALS) as u64);
        assert_eq!(lake.frame(snapshot.id, "opportunity", &["id"]).unwrap().n_rows() as u64, rows);
    }
    assert!(in_company(&company, &["compact"]).content().stdout.contains("nothing to merge"));
    drop(lake);
    check_whole(&company);
    let source = exports(&company, 9, DEALS);
    in_company(&company, &["load", source.to_str().unwrap()]).content();
    check_loads(&company, &[0, 1, 2, 3, 4, 5, 9]);
    check_whole(&company);
}

#[test]
fn an_older_catalog_is_never_served_and_repair_says_what_is_lost() {
    let folder = TempDir::new().unwrap();
    let company = company(&folder, 1);
    let catalog = company.join(".throughline/lake/catalog.sqlite");
    let older = std::fs::read(&catalog).unwrap();
    let source = exports(&company, 1, DEALS);
    in_company(&company, &["load", source.to_str().unwrap()]).content();
    std::fs::write(&catalog, older).unwrap();
    for args in [&["ask", "pipeline"][..], &["loads"], &["load", source.to_str().unwrap()]] {
        in_company(&company, args).fails(4, "is not the one that was committed last");
    }
    let repair = in_company(&company, &["repair"]);
    repair.fails(1, "load 2, recorded at ");
    check_whole(&company);
    assert_eq!(check_loads(&company, &[0]), 0);
    in_company(&company, &["load", source.to_str().unwrap()]).content();
    assert_eq!(check_loads(&company, &[0, 1]), 0);
    check_whole(&company);
    assert!(in_company(&company, &["repair"]).content().stdout.contains("nothing to repair"));
    // The whole catalog gone is no new lake either.
    std::fs::remove_file(&catalog).unwrap();
    in_company(&company, &["loads"]).fails(4, "is gone or empty");
    in_company(&company, &["load", source.to_str().unwrap()]).fails(4, "is gone or empty");
}
