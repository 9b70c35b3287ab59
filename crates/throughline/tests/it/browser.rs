//! The pages in a real browser: what a reader sees, reaches by keyboard, downloads and prints.
//!
//! The scripts stand in `tests/browser`; each says which of its checks failed and why.

use serde_json::json;

use crate::program::Company;
use crate::served::{Served, Tools};

#[test]
fn every_page_is_accessible_light_and_dark_on_a_desk_and_on_a_telephone() {
    let Some(tools) = Tools::find() else { return };
    tools.run("pages.mjs", &Served::sample(), &[]);
}

#[test]
fn all_is_reached_by_the_keyboard() {
    let Some(tools) = Tools::find() else { return };
    tools.run("keyboard.mjs", &Served::sample(), &[]);
}

#[test]
fn pages_read_the_same_with_scripts_off() {
    let Some(tools) = Tools::find() else { return };
    tools.run("scriptless.mjs", &Served::sample(), &[]);
}

#[test]
fn pages_do_what_the_list_of_behavior_says() {
    let Some(tools) = Tools::find() else { return };
    tools.run("behavior.mjs", &Served::sample(), &[]);
}

#[test]
fn the_first_administrator_comes_by_a_link_of_the_console_and_learns_what_to_load() {
    let Some(tools) = Tools::find() else { return };
    let company = Company::new();
    let served = Served::start(&company.path(), json!({}));
    let log = served.log();
    let link = log
        .split_whitespace()
        .find(|word| word.starts_with("http://") && word.contains("/setup"))
        .unwrap_or_else(|| panic!("no link to set up:\n{log}"));
    tools.run("empty.mjs", &served, &[("THROUGHLINE_SETUP", link)]);
}
