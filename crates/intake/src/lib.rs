//! Reads what people export: files in, canonical facts or quarantined rows out.
