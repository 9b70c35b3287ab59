//! What is on disk stays whole while everything around it fails: small here, large with
//! `THROUGHLINE_TORTURE=1000`. Each test prints its figures; what a machine does not allow is
//! printed as skipped.
//!
//! The data tell on themselves: load N brings [`DEALS`] deals named `load-N`, with accounts of the
//! same name, so that whatever is read shows which loads are in it, and whether they are whole.

mod disk;
mod faults;
mod interrupt;
mod kill;
mod power;
mod readers;
mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Cell;
use lake::Lake;
use project::Project;

use crate::program::Run;

/// Deals of a load.
const DEALS: usize = 120;

/// How often something is tried: `usual`, or what the environment says.
fn times(usual: usize) -> usize {
    let more = std::env::var("THROUGHLINE_TORTURE").ok().and_then(|n| n.parse().ok());
    more.unwrap_or(usual)
}

/// Random numbers, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// Writes the exports of a load into a folder, and returns their folder.
fn exports(company: &Path, load: usize, deals: usize) -> PathBuf {
    let folder = company.join(format!("in/{load:05}"));
    std::fs::create_dir_all(&folder).unwrap();
    let mut accounts = "Id,Name,Industry,NumberOfEmployees,BillingCountry,CreatedDate,\
                        SystemModstamp,IsDeleted\n"
        .to_owned();
    let mut rows = "Id,Name,StageName,Amount,CurrencyIsoCode,CloseDate,CreatedDate,SystemModstamp,\
                    IsDeleted,IsClosed,IsWon,AccountId\n"
        .to_owned();
    for n in 0..deals {
        let id = format!("{load:05}{n:07}");
        accounts.push_str(&format!(
            "001{id},load-{load},Retail,{n},DE,2026-01-05T10:00:00.000Z,\
             2026-03-02T10:00:00.000Z,false\n"
        ));
        rows.push_str(&format!(
            "006{id},load-{load},Closed Won,1.00,EUR,2026-03-02,2026-01-05T10:00:00.000Z,\
             2026-03-02T10:00:00.000Z,false,true,true,001{id}\n"
        ));
    }
    std::fs::write(folder.join("Account.csv"), accounts).unwrap();
    std::fs::write(folder.join("Opportunity.csv"), rows).unwrap();
    folder
}

/// Makes a company in a folder.
fn init(folder: &Path) {
    let made = program(folder.parent().unwrap())
        .args(["init", folder.file_name().unwrap().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("COLUMNS");
    command
}

fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn in_company(company: &Path, args: &[&str]) -> Run {
    run(program(company).args(args).args(["--width", "400"]))
}

fn start(company: &Path, args: &[&str]) -> Child {
    program(company)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Says which loads are in a lake at its newest snapshot; fails where one is not whole.
fn loads_in(company: &Path) -> BTreeMap<String, usize> {
    let place = Project::find(Some(company)).unwrap().lake();
    if !Lake::is_at(place.clone()) {
        return BTreeMap::new();
    }
    let lake = Lake::open(place).unwrap();
    let Some(newest) = lake.newest().unwrap() else { return BTreeMap::new() };
    let count = |table: &str| {
        let frame = lake.frame(newest, table, &["id", "name"]).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in 0..frame.n_rows() {
            let Cell::Text(name) = frame.cell("name", row) else { panic!("a name") };
            *counts.entry(name.to_string()).or_default() += 1;
        }
        counts
    };
    let deals = count("opportunity");
    assert_eq!(deals, count("account"), "both tables of a load come together");
    deals
}

/// Fails unless each load that was acknowledged is there once and whole, and each other one whole
/// or not at all. Returns how many are there that were not acknowledged.
fn check_loads(company: &Path, acknowledged: &[usize]) -> usize {
    let there = loads_in(company);
    for (name, n) in &there {
        assert_eq!(*n, DEALS, "{name} has {n} of {DEALS} deals");
    }
    let names: Vec<String> = acknowledged.iter().map(|load| format!("load-{load}")).collect();
    for name in &names {
        assert!(there.contains_key(name), "{name} was acknowledged and is lost: {there:?}");
    }
    there.len() - names.len()
}

/// Fails unless every byte is as it was written.
fn check_whole(company: &Path) {
    let verify = in_company(company, &["verify"]);
    assert_eq!(verify.code, 0, "{}\n{}", verify.stdout, verify.stderr);
}

/// True for the user that may mount.
fn root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// True where a program runs and is content.
fn content(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|done| done.success())
}

/// Compiles a small C program or library for a test; none where there is no compiler.
fn compile(name: &str, shared: bool, folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(name);
    let target = folder.join(Path::new(name).with_extension(if shared { "so" } else { "bin" }));
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-o"]).arg(&target).arg(source);
    if shared {
        gcc.args(["-shared", "-fPIC", "-ldl"]);
    }
    content(&mut gcc).then_some(target)
}

/// A file system mounted for a test.
struct Mounted(PathBuf);

impl Mounted {
    fn at(folder: &Path, args: &[&str]) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        content(Command::new("mount").args(args).arg(folder)).then(|| Self(folder.to_owned()))
    }

    fn unmount(self) {
        drop(self);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for _ in 0..50 {
            if content(Command::new("umount").arg(&self.0)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Fails where a program said something that only a fault of ours says.
fn no_panic(run: &Run, what: &str) {
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(!said.contains("panicked") && run.code != 101 && run.code != 70, "{what}: {said}");
}
