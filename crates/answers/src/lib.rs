//! What the facts mean: one file per question, pure functions.
