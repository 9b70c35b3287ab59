//! What stands around the content, as the templates want it: navigation, notices, footer.

use domain::{Answer, Theme};

use super::asset;
use super::shell::{NoticeKind, Scope, Shell, segment};

/// The frame of a page.
pub(super) struct Around {
    pub(super) title: String,
    pub(super) company: String,
    pub(super) sample: bool,
    pub(super) theme: &'static str,
    pub(super) shortcuts: bool,
    pub(super) reader: Option<ReaderView>,
    pub(super) groups: Vec<NavGroup>,
    pub(super) notices: Vec<NoticeView>,
    pub(super) facts: Vec<Fact>,
    pub(super) css: String,
    pub(super) js: String,
    pub(super) sign: String,
    pub(super) fonts: Vec<String>,
    pub(super) home: String,
}

pub(super) struct ReaderView {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) segment: Option<String>,
}

pub(super) struct NavGroup {
    pub(super) name: &'static str,
    pub(super) entries: Vec<NavEntry>,
}

pub(super) struct NavEntry {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) current: bool,
    /// The letter that leads here after `g`.
    pub(super) key: Option<char>,
}

pub(super) struct NoticeView {
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) text: String,
    pub(super) link: Option<(String, String)>,
}

/// A name and a value of the footer.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) day: bool,
    pub(super) href: String,
}

impl Around {
    /// The frame of a page that is called `title`.
    pub(super) fn new(shell: &Shell, title: &str) -> Self {
        let company = shell.company.clone();
        let title = if company.is_empty() {
            format!("{title} · Throughline")
        } else {
            format!("{title} · {company}")
        };
        let fonts = ["inter-regular.woff2", "inter-semibold.woff2", "serif-headline.woff2"];
        Self {
            title,
            company,
            sample: shell.sample,
            theme: match shell.theme {
                Theme::System => "",
                theme => theme.id(),
            },
            shortcuts: shell.reader.as_ref().is_none_or(|reader| reader.shortcuts),
            reader: shell.reader.as_ref().map(|reader| ReaderView {
                name: reader.name.clone(),
                role: reader.role.clone(),
                segment: reader.segment.clone(),
            }),
            groups: navigation(shell),
            notices: shell.notices.iter().map(notice).collect(),
            facts: facts(shell, None),
            css: asset::url("app.css"),
            js: asset::url("app.js"),
            sign: asset::url("sign.svg"),
            fonts: fonts.into_iter().map(asset::url).collect(),
            home: shell.scope.link("/"),
        }
    }

    /// The same with a footer that speaks of an answer.
    pub(super) fn of(shell: &Shell, title: &str, answer: &Answer) -> Self {
        let mut around = Self::new(shell, title);
        around.facts = facts(shell, Some(answer));
        around
    }
}

fn notice(notice: &super::shell::Notice) -> NoticeView {
    let (kind, word) = match notice.kind {
        NoticeKind::Info => ("info", "Note"),
        NoticeKind::Progress => ("progress", "Under way"),
        NoticeKind::Done => ("done", "Done"),
        NoticeKind::Warning => ("warning", "Attention"),
    };
    NoticeView { kind, word, text: notice.text.clone(), link: notice.link.clone() }
}

fn navigation(shell: &Shell) -> Vec<NavGroup> {
    let Some(reader) = &shell.reader else { return Vec::new() };
    let may = reader.may;
    // Pages without figures keep the scope too, so that the way back shows the same.
    let mut taken = Vec::new();
    let mut entry = |path: &str, label: &str| {
        let key = label
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .find(|c| c.is_ascii_alphabetic() && !taken.contains(c));
        taken.extend(key);
        let below = path != "/" && shell.here.starts_with(&format!("{path}/"));
        NavEntry {
            href: shell.scope.link(path),
            label: label.to_owned(),
            current: shell.here == path || below,
            key,
        }
    };
    let mut answers = vec![entry("/", "Scorecard")];
    for question in &shell.questions {
        answers.push(entry(&format!("/{}", segment(&question.value)), &question.label));
    }
    answers.push(entry("/board", "Board pack"));
    let mut trust = vec![entry("/health", "Data health"), entry("/definitions", "Definitions")];
    if may.analyze {
        trust.push(entry("/analyst", "Analyst"));
    }
    let mut office = Vec::new();
    if may.manage_people {
        office.push(entry("/people", "People"));
    }
    if may.read_audit {
        office.push(entry("/audit", "Audit log"));
    }
    office.push(entry("/settings", "Settings"));
    [("Answers", answers), ("Ground", trust), ("Account", office)]
        .into_iter()
        .map(|(name, entries)| NavGroup { name, entries })
        .collect()
}

fn facts(shell: &Shell, answer: Option<&Answer>) -> Vec<Fact> {
    let plain = |name, value: String| Fact { name, value, day: false, href: String::new() };
    let known = shell.facts.clone().unwrap_or_default();
    let asked = answer.map(|answer| &answer.asked);
    let as_of = asked.map(|asked| asked.as_of).or(known.as_of);
    let or = |from_answer: Option<String>, from_shell: &str| {
        from_answer.unwrap_or_else(|| from_shell.to_owned())
    };
    let mut facts = Vec::new();
    if let Some(day) = as_of {
        facts.push(Fact { day: true, ..plain("As of", day.to_string()) });
    }
    let currency = or(asked.map(|asked| asked.currency.to_string()), &known.currency);
    facts.push(plain("Currency", currency));
    facts.push(plain("Days begin in", or(asked.map(|a| a.time_zone.clone()), &known.time_zone)));
    facts.push(plain("Fiscal year starts in", known.fiscal_year_starts));
    facts.push(Fact {
        href: shell.scope.link("/definitions"),
        ..plain("Definitions", or(asked.map(|asked| asked.definitions.clone()), &known.definitions))
    });
    facts.push(plain("Throughline", known.version));
    facts.retain(|fact| !fact.value.is_empty());
    facts
}

/// Addresses of what stands behind the figures of an answer; empty where the reader may not open
/// it.
pub(super) struct Links<'a> {
    /// What stands before each path: empty on the server, its address in a file.
    pub(super) origin: &'a str,
    pub(super) scope: &'a Scope,
    pub(super) rows: bool,
    pub(super) export: bool,
    pub(super) words: bool,
}

impl<'a> Links<'a> {
    /// The links that a reader is offered on the server.
    pub(super) fn of(shell: &'a Shell) -> Self {
        let may = shell.reader.as_ref().map(|reader| reader.may).unwrap_or_default();
        Self {
            origin: "",
            scope: &shell.scope,
            rows: may.open_rows,
            export: may.export,
            words: true,
        }
    }

    pub(super) fn rows(&self, question: &str, figure: &str) -> String {
        let path = format!("/{}/rows/{}", segment(question), segment(figure));
        self.path(self.rows, &path)
    }

    pub(super) fn table(&self, question: &str, table: &str, kind: &str) -> String {
        let path = format!("/{}/table/{}.{kind}", segment(question), segment(table));
        self.path(self.export, &path)
    }

    pub(super) fn question(&self, question: &str) -> String {
        self.path(self.words, &format!("/{}", segment(question)))
    }

    pub(super) fn word(&self, word: &str) -> String {
        let page = self.path(self.words, "/definitions");
        if page.is_empty() { page } else { format!("{page}#{}", segment(word)) }
    }

    fn path(&self, offered: bool, path: &str) -> String {
        if offered { format!("{}{}", self.origin, self.scope.link(path)) } else { String::new() }
    }
}
