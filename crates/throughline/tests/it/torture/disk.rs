//! A disk that is full, has no room for names, takes no writes; and too few open files.

use std::process::Command;

use tempfile::TempDir;

use super::{
    DEALS, Mounted, Random, check_loads, check_whole, content, exports, in_company, init, no_panic,
    root, run, times,
};

/// A company on a small disk with one load; none where that cannot be made.
fn small(folder: &TempDir, options: &str) -> Option<(Mounted, std::path::PathBuf)> {
    if !root() {
        eprintln!("skipped: only root can mount a small disk");
        return None;
    }
    let disk = folder.path().join("disk");
    let Some(mounted) = Mounted::at(&disk, &["-t", "tmpfs", "-o", options, "tmpfs"]) else {
        eprintln!("skipped: no disk in memory can be mounted here");
        return None;
    };
    let company = disk.join("acme");
    init(&company);
    let source = exports(&company, 0, DEALS);
    in_company(&company, &["load", source.to_str().unwrap()]).content();
    Some((mounted, company))
}

fn remount(disk: &Mounted, options: &str) {
    let options = format!("remount,{options}");
    assert!(content(Command::new("mount").args(["-o", &options]).arg(&disk.0)), "{options}");
}

fn used(disk: &Mounted) -> u64 {
    let df = Command::new("df").args(["-k", "--output=used"]).arg(&disk.0).output().unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    text.lines().nth(1).and_then(|used| used.trim().parse().ok()).unwrap()
}

#[test]
fn a_full_disk_is_named_and_the_next_load_works_after_room_is_made() {
    let folder = TempDir::new().unwrap();
    let Some((disk, company)) = small(&folder, "size=200m") else { return };
    let n = times(20);
    let mut random = Random(3);
    let (mut refused, mut acknowledged) = (0, vec![0]);
    for at in 1..=n {
        // Exports lie elsewhere: only the lake runs out of room.
        let source = exports(folder.path(), at, DEALS);
        let works: [&[&str]; 4] = [
            &["load", source.to_str().unwrap()],
            &["load", source.to_str().unwrap()],
            &["build"],
            &["compact"],
        ];
        let args = works[at % 4];
        let room = random.below(if at % 4 == 3 { 300 } else { 700 });
        remount(&disk, &format!("size={}k", used(&disk) + room));
        let done = in_company(&company, args);
        no_panic(&done, &format!("{args:?} with {room} KiB free"));
        remount(&disk, "size=200m");
        let load = args[0] == "load";
        if done.code == 0 {
            if load {
                acknowledged.push(at);
            }
        } else {
            refused += 1;
            assert_eq!(done.code, 4, "{}", done.stderr);
            let said =
                done.stderr.contains("no space is left") || done.stderr.contains("disk is full");
            assert!(said && done.stderr.contains(".throughline"), "{}", done.stderr);
        }
        check_loads(&company, &acknowledged);
        if done.code != 0 && load {
            in_company(&company, args).content();
            acknowledged.push(at);
            assert_eq!(check_loads(&company, &acknowledged), 0);
        }
    }
    check_whole(&company);
    println!(
        "disk full at {n} sizes: {refused} runs said so, 0 of {} loads lost",
        acknowledged.len()
    );
    assert!(refused > 0);
    disk.unmount();
}

#[test]
fn a_disk_without_room_for_names_refuses_and_works_again() {
    let folder = TempDir::new().unwrap();
    let Some((disk, company)) = small(&folder, "size=200m,nr_inodes=4000") else { return };
    let source = exports(folder.path(), 1, DEALS);
    let args = ["load", source.to_str().unwrap()];
    let taken = folder.path().join("disk/taken");
    std::fs::create_dir_all(&taken).unwrap();
    let mut n = 0;
    while std::fs::write(taken.join(n.to_string()), "").is_ok() {
        n += 1;
    }
    std::fs::remove_file(taken.join("0")).unwrap();
    let done = in_company(&company, &args);
    no_panic(&done, "no inodes");
    assert_eq!(done.code, 4, "{}\n{}", done.stdout, done.stderr);
    std::fs::remove_dir_all(&taken).unwrap();
    assert_eq!(check_loads(&company, &[0]), 0);
    in_company(&company, &args).content();
    assert_eq!(check_loads(&company, &[0, 1]), 0);
    check_whole(&company);
    disk.unmount();
}

#[test]
fn a_disk_that_takes_no_writes_is_said_to_be_so() {
    let folder = TempDir::new().unwrap();
    let Some((disk, company)) = small(&folder, "size=200m") else { return };
    in_company(&company, &["build"]).content();
    let source = exports(folder.path(), 1, DEALS);
    remount(&disk, "ro");
    for args in [&["load", source.to_str().unwrap()][..], &["compact"], &["loads"], &["verify"]] {
        let done = in_company(&company, args);
        no_panic(&done, &format!("{args:?}"));
        if done.code != 0 {
            assert_eq!(done.code, 4, "{args:?}: {}", done.stderr);
            assert!(done.stderr.to_lowercase().contains("read-only"), "{args:?}: {}", done.stderr);
        }
    }
    assert_ne!(in_company(&company, &["load", source.to_str().unwrap()]).code, 0);
    remount(&disk, "rw");
    assert_eq!(check_loads(&company, &[0]), 0);
    check_whole(&company);
    disk.unmount();
}

#[test]
fn too_few_open_files_is_an_error_and_no_loss() {
    let folder = TempDir::new().unwrap();
    let company = folder.path().join("acme");
    init(&company);
    let mut acknowledged = Vec::new();
    let (mut refused, program) = (0, env!("CARGO_BIN_EXE_throughline"));
    for (at, limit) in [8, 10, 12, 14, 16, 20, 24, 32, 64].into_iter().enumerate() {
        let source = exports(&company, at, DEALS);
        let script = format!("ulimit -n {limit}; exec {program} load {}", source.display());
        let done = run(Command::new("sh").args(["-c", &script]).current_dir(&company));
        no_panic(&done, &format!("{limit} open files"));
        if done.code == 0 {
            acknowledged.push(at);
        } else {
            refused += 1;
        }
        check_loads(&company, &acknowledged);
    }
    check_whole(&company);
    println!("few open files: {refused} loads refused, {} stored", acknowledged.len());
    assert!(acknowledged.contains(&8), "64 are enough");
}
