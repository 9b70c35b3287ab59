//! Several machines with one lake: its catalog on a PostgreSQL server, its files in a folder that
//! all of them see.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use testkit::postgres::{Cluster, PASSWORD};

use crate::program::{Company, Run};

const LOGIN: [(&str, &str); 1] = [("LAKE_PASSWORD", PASSWORD)];

/// Writes the settings of a machine.
fn settings(company: &Company, address: &str, folder: &Path) {
    let text = format!(
        "[lake]\ncatalog = \"{address}\"\npassword_env = \"LAKE_PASSWORD\"\ndata = \"{}\"\n",
        folder.display()
    );
    company.write("server.toml", text);
}

/// Machines that share a lake, each with a folder of its own.
fn machines<const N: usize>(cluster: &Cluster) -> ([Company; N], TempDir) {
    let address = cluster.address(&cluster.new_database());
    let folder = TempDir::new().unwrap();
    let machines = std::array::from_fn(|_| {
        let company = Company::new();
        settings(&company, &address, folder.path());
        company
    });
    (machines, folder)
}

fn run(company: &Company, args: &[&str]) -> Run {
    company.run_with(args, &LOGIN)
}

#[test]
fn two_machines_share_a_lake_and_answer_alike() {
    let Some(cluster) = Cluster::shared() else { return };
    let ([one, other], folder) = machines(&cluster);
    let alone = Company::new();
    let exports = one.outside().join("exports");
    let plan = sample::Plan { seed: 3, touches: 1_000, ..sample::Plan::default() };
    sample::company(&plan).write(&exports).unwrap();
    for company in [&one, &other, &alone] {
        for (name, text) in sample::DEFINITIONS {
            company.write(name, text);
        }
    }
    let path = exports.display().to_string();
    let load = ["load", &path, "--known-on", "2026-09-30", "--json"];
    let dry = run(&other, &["load", &path, "--dry-run", "--json"]).content().data();
    let loaded = run(&one, &load).content().data();
    assert_eq!(dry["rows"], loaded["rows"]);
    assert_eq!(loaded["rows"], alone.run(&load).content().data()["rows"]);
    let again = run(&other, &["load", &path, "--json"]).content().data();
    assert_eq!(again["rows"]["loaded"], 0, "{again}");
    let ask = ["ask", "pipeline", "--period", "2026Q3", "--as-of", "2026-09-30", "--json"];
    let theirs = run(&other, &ask).content().data();
    let ours = alone.run(&ask).content().data();
    assert!(ours["figures"].as_array().is_some_and(|figures| !figures.is_empty()), "{ours}");
    assert_eq!(theirs["figures"], ours["figures"]);
    assert!(!other.path().join(".throughline/lake").join("main").exists());

    let verified = run(&other, &["verify"]).content();
    assert!(verified.stdout.contains("checked by its chain"), "{}", verified.stdout);
    run(&other, &["compact", "--purge"]).content();
    assert_eq!(run(&one, &ask).content().data()["figures"], ours["figures"]);
    let data = run(&one, &["repair", "--json"]).content().data();
    assert_eq!(data["repaired"], false);
    let lost = folder.path().join("anchor.log");
    std::fs::rename(&lost, folder.path().join("kept.log")).unwrap();
    run(&one, &ask).fails(4, "`anchor.log` is gone or empty");
    std::fs::rename(folder.path().join("kept.log"), lost).unwrap();

    let to = one.outside().join("backups").display().to_string();
    run(&one, &["backup", &to]).fails(2, "pg_dump");
    assert!(!Path::new(&to).exists());
    alone.run(&["backup", &to]).content();
    run(&one, &["restore", &to]).fails(2, "pg_dump");

    let wrong = other.run_with(&ask, &[("LAKE_PASSWORD", "battery staple")]);
    wrong.fails(4, "password authentication failed");
    assert!(!wrong.stdout.contains("battery staple"), "{}", wrong.stdout);
    other.run(&ask).fails(4, "`LAKE_PASSWORD` is not set");
    other.write("server.toml", "[lake]\ncatalogue = \"x\"\n");
    other.run(&ask).fails(2, "section [lake]");
}

#[test]
fn what_one_machine_holds_or_refuses_another_decides() {
    let Some(cluster) = Cluster::shared() else { return };
    let ([one, other], _folder) = machines(&cluster);
    let deals = |n: usize, more: &str| {
        let mut text =
            "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon,CurrencyIsoCode\n"
                .to_owned();
        for n in 0..n {
            text.push_str(&format!(
                "00600000000{n:04}AAA,Deal {n},Negotiation,10.50,2026-09-30,2026-01-05T10:00:00Z,\
                 false,false,EUR\n"
            ));
        }
        one.write("in/deals.csv", text + more);
        one.write(
            "in/manifest.toml",
            "connection = \"crm\"\n[[file]]\nname = \"deals.csv\"\ncomplete = true\n",
        );
    };
    let bad = "006000000000999AAA,Deal,Negotiation,much,2026-09-30,2026-01-05T10:00:00Z,false,\
               false,EUR\n";
    deals(10, bad);
    run(&one, &["load", "in"]);
    let listed = run(&other, &["quarantine", "--json"]).data();
    assert!(listed.to_string().contains("much"), "{listed}");
    deals(6, bad);
    run(&one, &["load", "in"]).fails(1, "held as h1");
    let data = run(&other, &["loads", "--json"]).data();
    assert_eq!(data["held"][0]["state"], "waiting");
    std::fs::remove_dir_all(one.path().join("in")).unwrap();
    run(&other, &["accept", "h1", "--because", "archived", "--by", "cfo"]).content();
    let data = run(&one, &["loads", "--json"]).content().data();
    assert_eq!(data["held"][0]["state"], "accepted");
    assert_eq!(data["held"][0]["decided_by"], "cfo");
    let whole: Value = run(&one, &["verify", "--json"]).content().data();
    assert_eq!(whole["whole"], true);
}
