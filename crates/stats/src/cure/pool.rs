//! Sources that share what they know.
