//! Channels as numbers, and the rules that give them, asked once for each distinct set of values.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Definitions;
use domain::definition::Side;

/// The number of a channel: its place in the definitions; the last one is `unknown`.
pub(crate) type Channel = u16;

/// The values that the rules look at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) kind: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) medium: Option<&'a str>,
    pub(crate) campaign: Option<&'a str>,
    pub(crate) program_kind: Option<&'a str>,
    pub(crate) program_name: Option<&'a str>,
    pub(crate) platform: Option<&'a str>,
    pub(crate) lead_source: Option<&'a str>,
    pub(crate) channel_text: Option<&'a str>,
}

impl<'a> Look<'a> {
    fn value(&self, field: &str) -> Option<&'a str> {
        match field {
            "kind" => self.kind,
            "source" => self.source,
            "medium" => self.medium,
            "campaign" => self.campaign,
            "program_kind" => self.program_kind,
            "program_name" => self.program_name,
            "platform" => self.platform,
            "lead_source" => self.lead_source,
            "channel_text" => self.channel_text,
            _ => None,
        }
    }
}

/// The channels of the definitions.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    definitions: Arc<Definitions>,
    ids: Vec<Arc<str>>,
    sides: Vec<Side>,
    direct: Vec<bool>,
    /// The fields that some rule looks at: only these tell two sets of values apart.
    fields: Vec<&'static str>,
    known: HashMap<Vec<u8>, Channel>,
}

impl Channels {
    pub(crate) fn new(definitions: Arc<Definitions>) -> Self {
        let mut ids: Vec<Arc<str>> = Vec::new();
        let (mut sides, mut direct) = (Vec::new(), Vec::new());
        for channel in definitions.channels.iter().take(usize::from(u16::MAX) - 1) {
            ids.push(Arc::clone(&channel.id));
            sides.push(channel.side);
            direct.push(channel.direct);
        }
        ids.push("unknown".into());
        sides.push(Side::Unknown);
        direct.push(false);
        let fields = domain::definition::RULE_FIELDS
            .iter()
            .copied()
            .filter(|field| definitions.rules.iter().any(|rule| rule.when.contains_key(field)))
            .collect();
        Self { definitions, ids, sides, direct, fields, known: HashMap::new() }
    }

    /// The channel of what no rule fits.
    pub(crate) fn unknown(&self) -> Channel {
        u16::try_from(self.ids.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    pub(crate) fn id(&self, channel: Channel) -> Arc<str> {
        self.ids.get(usize::from(channel)).map_or_else(|| "unknown".into(), Arc::clone)
    }

    pub(crate) fn id_of(&self, channel: Channel) -> &str {
        self.ids.get(usize::from(channel)).map_or("unknown", |id| id)
    }

    pub(crate) fn side(&self, channel: Channel) -> Side {
        self.sides.get(usize::from(channel)).copied().unwrap_or(Side::Unknown)
    }

    pub(crate) fn direct(&self, channel: Channel) -> bool {
        self.direct.get(usize::from(channel)).copied().unwrap_or(false)
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns the channel with this identifier.
    pub(crate) fn named(&self, id: &str) -> Channel {
        let at = self.ids.iter().position(|known| &**known == id);
        at.and_then(|at| u16::try_from(at).ok()).unwrap_or_else(|| self.unknown())
    }

    /// Returns the channel of a recorded lead source; `unknown` without one.
    pub(crate) fn of_lead_source(&mut self, text: Option<&str>) -> Channel {
        match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => self.of(&Look { lead_source: Some(text), ..Look::default() }),
            None => self.unknown(),
        }
    }

    /// Returns the channel that the rules give.
    pub(crate) fn of(&mut self, look: &Look<'_>) -> Channel {
        let mut key = Vec::with_capacity(64);
        for field in &self.fields {
            key.extend_from_slice(look.value(field).unwrap_or("").as_bytes());
            key.push(0x1f);
        }
        if let Some(&channel) = self.known.get(&key) {
            return channel;
        }
        let value_of = |field: &str| look.value(field).map(Arc::from);
        let found = self.definitions.channel_of(&value_of).map(|channel| Arc::clone(&channel.id));
        let channel = found.map_or_else(|| self.unknown(), |id| self.named(&id));
        self.known.insert(key, channel);
        channel
    }
}

/// Side names, shared.
pub(crate) fn side_text(side: Side) -> Arc<str> {
    use std::sync::LazyLock;
    static TEXTS: LazyLock<Vec<Arc<str>>> =
        LazyLock::new(|| Side::ALL.iter().map(|side| side.id().into()).collect());
    let at = Side::ALL.iter().position(|known| *known == side);
    at.and_then(|at| TEXTS.get(at)).map_or_else(|| side.id().into(), Arc::clone)
}
