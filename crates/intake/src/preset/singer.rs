//! Records of a Singer tap that nothing reads, as [`crate::singer`] stages them.

use super::Read::{Instant, Text};
use super::{API, Preset, Shape, col, fact};

pub(super) const PRESETS: &[Preset] = &[Preset {
    id: "singer.unmapped",
    system: "singer",
    about: "records of a stream that no preset and no mapping reads, kept as they came",
    any: &[&["_singer.key", "unmapped_stream", "unmapped_content"]],
    none: &[],
    dialect: API,
    shape: Shape::Rows,
    facts: &[fact(
        "unmapped_record",
        &[
            col("stream", &["unmapped_stream"], Text),
            col("key", &["_singer.key"], Text),
            col("content", &["unmapped_content"], Text),
            col("modified_at", &["updated_at"], Instant),
        ],
    )],
    until: &[],
    guarded: &[],
}];
