//! What the page may do, told to the browser: show itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The content of the `Content-Security-Policy`: nothing is loaded, nothing is run, no form leads anywhere, and the
/// one style sheet is known by its hash, so that text in the page could not style it either.
pub(super) fn policy(style: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(style));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}
