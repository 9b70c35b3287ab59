//! The sample company against the reference model.
