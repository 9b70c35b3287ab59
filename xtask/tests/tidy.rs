//! The tree is tidy: each test names the places that are not.

#[track_caller]
fn check(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn arrows_between_crates_point_down_only() {
    check(&xtask::sideways_arrows());
}

#[test]
fn every_file_begins_with_a_head() {
    check(&xtask::headless_files());
}

#[test]
fn no_file_has_grown_into_two_rooms() {
    check(&xtask::long_files(1000));
}

#[test]
fn lines_fit_the_page() {
    check(&xtask::wide_lines(100, 120));
}

#[test]
fn text_files_end_with_a_newline_and_none_is_huge() {
    check(&xtask::odd_files());
}

#[test]
fn nothing_is_left_undone_in_code() {
    check(&xtask::foreign_words());
}

#[test]
fn every_licence_is_permissive() {
    check(&xtask::refused_licences());
}

#[test]
fn the_architecture_speaks_of_every_crate() {
    check(&xtask::unmentioned("ARCHITECTURE.md", &xtask::crates()));
}
