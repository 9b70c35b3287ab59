//! Exit codes: the kind of a failure alone decides which.

pub(crate) use project::{Failure, Kind};

/// Everything was done.
pub(crate) const EXIT_OK: u8 = 0;
/// Finished, and found problems: a check failed, a file was refused.
pub(crate) const EXIT_FOUND: u8 = 1;
/// Used in a wrong way: an option, a definition or a mapping.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Input that cannot be read.
pub(crate) const EXIT_INPUT: u8 = 3;
/// The world around: disk, lock, permission.
pub(crate) const EXIT_WORLD: u8 = 4;
/// A fault of ours.
pub(crate) const EXIT_BUG: u8 = 70;
/// Stopped by Ctrl-C.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Returns the exit code of a failure.
pub(crate) const fn exit_code(failure: &Failure) -> u8 {
    match failure.kind {
        Kind::Found => EXIT_FOUND,
        Kind::Usage => EXIT_USAGE,
        Kind::Input => EXIT_INPUT,
        Kind::World => EXIT_WORLD,
        Kind::Bug => EXIT_BUG,
    }
}

/// What a command returns: the exit code of a run that did what it was asked.
pub(crate) type Outcome = Result<u8, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_interface() {
        let codes = [EXIT_OK, EXIT_FOUND, EXIT_USAGE, EXIT_INPUT, EXIT_WORLD, EXIT_BUG];
        assert_eq!(codes, [0, 1, 2, 3, 4, 70]);
        assert_eq!(EXIT_INTERRUPTED, 130);
    }
}
