//! Power cuts: a file system of its own that takes no further write from one moment on.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{
    DEALS, Mounted, Random, check_loads, check_whole, compile, content, exports, in_company, init,
    no_panic, root, start, times,
};

#[test]
fn every_acknowledged_load_outlives_a_power_cut() {
    let folder = TempDir::new().unwrap();
    if !root() {
        eprintln!("skipped: only root can mount a disk of its own");
        return;
    }
    let Some(cut) = compile("godown.c", false, folder.path()) else {
        eprintln!("skipped: no gcc to make the program that cuts the power");
        return;
    };
    let image = folder.path().join("disk.img");
    std::fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
    let made = content(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    let (image, disk) = (image.to_str().unwrap().to_owned(), folder.path().join("disk"));
    let mount = || Mounted::at(&disk, &["-o", "loop", &image]);
    let Some(mut mounted) = made.then(mount).flatten() else {
        eprintln!("skipped: no loop device with ext4 here");
        return;
    };
    let company = disk.join("acme");
    init(&company);
    assert!(content(Command::new("sync").arg("-f").arg(&disk)));
    let n = times(10);
    let mut random = Random(9);
    let mut acknowledged = Vec::new();
    let (mut load, mut unsaid) = (0, 0);
    for at in 0..n {
        // Some loads in peace, then one that the cut may meet, or a work that is not a load.
        for _ in 0..random.below(3) {
            let source = exports(folder.path(), load, DEALS);
            in_company(&company, &["load", source.to_str().unwrap()]).content();
            acknowledged.push(load);
            load += 1;
        }
        let source = exports(folder.path(), load, DEALS);
        let works: [&[&str]; 3] = [&["load", source.to_str().unwrap()], &["compact"], &["build"]];
        let args = works[if at % 3 == 0 { 0 } else { at % 3 }];
        let child = start(&company, args);
        std::thread::sleep(Duration::from_millis(random.below(900)));
        if !content(Command::new(&cut).arg(&disk)) {
            eprintln!("skipped: this file system cannot be shut down");
            drop(child.wait_with_output());
            return;
        }
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        if args[0] == "load" {
            if ended.status.code() == Some(0) {
                acknowledged.push(load);
            }
            load += 1;
        }
        mounted.unmount();
        mounted = mount().expect("the disk can be mounted again");
        if company.join(".throughline/lake").is_dir() {
            let next = in_company(&company, &["loads"]);
            no_panic(&next, "after the cut");
            next.content();
        }
        unsaid = check_loads(&company, &acknowledged);
        check_whole(&company);
    }
    println!(
        "power cut at {n} moments: 0 of {} acknowledged loads lost, {unsaid} stored without word",
        acknowledged.len()
    );
    mounted.unmount();
}
