use std::ops::ControlFlow;
use intake::*;
#[test]
fn overview() {
    let root = std::path::PathBuf::from("/work/shared/data/source-samples");
    let settings = Settings::default();
    let (planned, diags) = survey(&[root], &settings);
    let (lookups, d2) = Lookups::gather(&planned, &settings);
    for p in &planned {
        let r = p.read(&settings, &lookups, &mut |_| ControlFlow::Continue(()));
        println!("{} [{}] {} {:?} line {} unmatched {:?} notes {:?}", p.name, p.preset, p.encoding.name(), p.tables, p.header_line, p.unmatched, p.notes);
        match r {
            Ok(s) => println!("    rows {} acc {} nofact {} facts {:?} refused {:?} controls {:?}\n    warn {:?}", s.rows_read, s.accepted, s.without_fact, s.facts, s.refused, s.controls.iter().map(|c| format!("{}.{} {} {} {}", c.table, c.column, c.currency, c.rows, c.sum)).collect::<Vec<_>>(), s.warnings.iter().map(|w| format!("{} {}", w.code, w.message)).collect::<Vec<_>>()),
            Err(e) => println!("    REJECTED {} {} {:?}", e.0.code, e.0.message, e.0.hint),
        }
    }
    for d in diags.iter().chain(&d2) { println!("DIAG {:?} {} {:?} {}", d.level, d.code, d.place, d.message); }
}
