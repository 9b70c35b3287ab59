//! How an answer looks: an Answer in, bytes out.
