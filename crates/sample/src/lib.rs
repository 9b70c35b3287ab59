//! A simulated company with known truth that writes exports in the sources' own formats.
