//! Login through an identity provider; without one there is nothing at these addresses.

use crate::problem::Problem;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// Goes to the provider.
pub(crate) fn begin(_site: &Site, _visit: &Visit) -> Outcome {
    Err(Problem::not_found())
}

/// Comes back from it.
pub(crate) fn callback(_site: &Site, _visit: &Visit) -> Outcome {
    Err(Problem::not_found())
}
