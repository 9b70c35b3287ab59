//! Files that attack the machine rather than the figures: archives and lying binary headers.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::program::Company;

const DEALS: &str = "Id,Name,StageName,Amount,CurrencyIsoCode,CloseDate,CreatedDate\n\
    006Hs0000000001,Deal,Prospecting,100.00,USD,2026-03-31,2026-01-02T09:00:00.000Z\n";

/// Packs entries; `bytes` of each are written as they are.
fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path.display().to_string()) }
        }
    }
    found
}

#[test]
fn an_archive_of_exports_is_read_as_its_files_and_known_again() {
    let company = Company::new();
    company.write(
        "exports.zip",
        packed(&[("q1/deals.csv", DEALS.as_bytes()), ("q1/.DS_Store", b"x")]),
    );
    let load = company.run(&["load", "exports.zip", "--json"]).content().data();
    assert_eq!(load["files"][0]["name"], "exports.zip/q1/deals.csv");
    assert_eq!(load["rows"]["loaded"], 1);
    // The same content unpacked is the same file.
    company.write("deals.csv", DEALS);
    let again = company.run(&["load", "deals.csv", "--json"]).content().data();
    assert_eq!(
        again["rows"]["known"].as_u64().unwrap() + again["rows"]["read"].as_u64().unwrap(),
        0
    );
    assert!(files(&company.path().join(".throughline/staging")).is_empty());
}

#[test]
fn archives_that_lead_outside_nest_or_hold_too_much_are_refused_by_name() {
    let many: Vec<(String, &[u8])> = (0..10_001).map(|n| (format!("{n}.csv"), &b"a"[..])).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let bomb = vec![b'0'; 64 * 1024 * 1024];
    let mut link = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    link.add_symlink("passwd.csv", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let mut cut = packed(&[("deals.csv", DEALS.as_bytes())]);
    cut.truncate(cut.len() - 30);
    #[rustfmt::skip]
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("up",      packed(&[("../../outside.csv", DEALS.as_bytes())]), "../../outside.csv"),
        ("root",    packed(&[("/tmp/outside.csv", DEALS.as_bytes())]),  "/tmp/outside.csv"),
        ("link",    link.finish().unwrap().into_inner(),                "is a link"),
        ("nested",  packed(&[("in.zip", &packed(&[("a.csv", b"a")]))]), "nested archives are not opened"),
        ("many",    packed(&many),                                      "10001 entries, the limit is 10000"),
        ("bomb",    packed(&[("deals.csv", &bomb)]),                    "more than 200 times its size"),
        ("cut",     cut,                                                "zip archive"),
        ("nothing", packed(&[]),                                        "zip"),
    ];
    let company = Company::new();
    for (name, bytes, says) in table {
        company.write(&format!("{name}.zip"), bytes);
        let load = company.run(&["load", &format!("{name}.zip")]);
        load.fails(3, says);
    }
    assert!(!company.outside().join("outside.csv").exists());
    assert!(!Path::new("/tmp/outside.csv").exists());
    assert!(files(&company.path().join(".throughline/staging")).is_empty());
    company.write("deals.csv", DEALS);
    company.run(&["load", "deals.csv"]).content();
}

fn parquet_deals(compression: Compression, name: &str) -> Vec<u8> {
    let text = |values: &[&str]| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values.iter().copied()))
    };
    let batch = RecordBatch::try_from_iter([
        ("Id", text(&["006Hs0000000001", "006Hs0000000002"])),
        ("Name", text(&["Deal", name])),
        ("StageName", text(&["Prospecting", "Prospecting"])),
        ("Amount", Arc::new(Int64Array::from(vec![100, 200])) as ArrayRef),
        ("CloseDate", text(&["2026-03-31", "2026-03-31"])),
        ("CreatedDate", text(&["2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z"])),
    ])
    .unwrap();
    let properties =
        WriterProperties::builder().set_compression(compression).set_dictionary_enabled(false);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_page_that_declares_two_gigabytes_is_refused_and_the_next_load_works() {
    let company = Company::new();
    let sound = parquet_deals(Compression::SNAPPY, "Deal");
    company.write("sound.parquet", &sound);
    let load = company.run(&["load", "sound.parquet", "--json"]).content().data();
    assert_eq!(load["rows"]["loaded"], 2);

    // The header of the first page: type 0, size unpacked, size packed, each as a field of its own.
    let header = sound.windows(2).position(|bytes| bytes == [0x15, 0x00]).expect("a page");
    let mut refused = 0;
    for lie in [&[0xFE, 0xFF, 0xFF, 0xFF, 0x0F][..], &[0xFE, 0xFF, 0xFF, 0xFF, 0x07], &[0x01]] {
        let mut lying = sound.clone();
        // One byte is replaced by up to five; the page behind it loses as many.
        assert_eq!(lying[header + 2], 0x15);
        lying.splice(header + 3..=header + 3, lie.iter().copied());
        let extra = lie.len() - 1;
        let page = header + 3 + lie.len() + 20;
        lying.drain(page..page + extra);
        assert_eq!(lying.len(), sound.len());
        company.write("lying.parquet", &lying);
        let load = company.run(&["load", "lying.parquet"]);
        load.fails(3, "lying.parquet");
        refused += 1;
    }
    assert_eq!(refused, 3);
    let loads = company.run(&["loads", "--json"]).content().data();
    assert_eq!(loads["loads"].as_array().unwrap().len(), 1, "nothing of a lying file is kept");
}

#[test]
fn what_breaks_its_decoder_ends_the_trial_and_not_the_program() {
    let company = Company::new();
    // A page that unpacks to 64 MiB: more than a process has at hand when it starts.
    let long = "x".repeat(64 * 1024 * 1024);
    company.write("sound.parquet", parquet_deals(Compression::SNAPPY, &long));
    let trial = |bytes: &str, seconds: &str, file: &str| {
        company.run(&["decode-trial", "--bytes", bytes, "--seconds", seconds, file]).code
    };
    assert_eq!(trial("536870912", "60", "sound.parquet"), 0);
    // Without memory the process is ended by the system: no code of its own.
    assert!(![0, 1].contains(&trial("0", "60", "sound.parquet")));
    company.write("broken.parquet", b"PAR1 something else PAR1");
    assert_eq!(trial("536870912", "60", "broken.parquet"), 1, "refused in order");
}
