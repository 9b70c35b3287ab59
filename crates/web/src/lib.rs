//! The server: pages, files and the JSON API over the same answers.
