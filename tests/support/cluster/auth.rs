//! Authentication, and how a secured cluster refuses requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Answer, Call};

/// The credentials that a secured cluster accepts.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    basic: Vec<(String, String)>,
    api_keys: Vec<(String, String)>,
    bearer: Vec<String>,
}

impl Auth {
    /// No credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user with a password.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.basic.push((user.to_owned(), password.to_owned()));
        self
    }

    /// Adds an API key with its ID and secret.
    #[must_use]
    pub fn api_key(mut self, id: &str, key: &str) -> Self {
        self.api_keys.push((id.to_owned(), key.to_owned()));
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer.push(token.to_owned());
        self
    }

    /// Returns the response if the request is refused.
    pub(super) fn refuse(&self, call: &Call) -> Option<Answer> {
        let missing = || format!("missing authentication credentials for REST request [{}]", call.uri());
        let Some(header) = call.header("authorization") else {
            return Some(refusal(&missing()));
        };
        let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
        let known = |pairs: &[(String, String)], (name, secret): &(String, String)| {
            pairs.iter().any(|pair| pair.0 == *name && pair.1 == *secret)
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => match decoded(value) {
                Some(pair) if known(&self.basic, &pair) => None,
                Some((user, _)) => Some(refusal(&format!(
                    "unable to authenticate user [{user}] for REST request [{}]",
                    call.uri()
                ))),
                None => Some(refusal(&missing())),
            },
            "apikey" if decoded(value).is_some_and(|pair| known(&self.api_keys, &pair)) => None,
            "bearer" if self.bearer.iter().any(|token| token == value) => None,
            _ => Some(refusal(&missing())),
        }
    }
}

fn decoded(value: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    text.split_once(':')
        .map(|(name, secret)| (name.to_owned(), secret.to_owned()))
}

fn refusal(reason: &str) -> Answer {
    let offered = ["ApiKey", "Basic realm=\"security\" charset=\"UTF-8\""];
    let cause = json!({"type": "security_exception", "reason": reason, "header": {"WWW-Authenticate": offered}});
    let mut error = json!({"root_cause": [cause.clone()]});
    for (key, value) in cause.as_object().into_iter().flatten() {
        error[key] = value.clone();
    }
    let answer = Answer::json(401, &json!({"error": error, "status": 401}));
    offered
        .iter()
        .fold(answer, |answer, offer| answer.with_header("www-authenticate", offer))
}
