//! The credential. Its parts can come from the command line, the URL, a profile or the environment; a missing password is
//! prompted for.

use crate::cli::secrets::SecretPlace;
use crate::cluster::Credential;
use crate::commands::Environment;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// The source of options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    #[default]
    CommandLine,
    Environment,
    /// The profile of this name.
    Profile(String),
    /// The option that selects a cluster of a copy by its URL.
    Cluster(&'static str),
}

impl Origin {
    /// The name of an option in this source.
    pub(super) fn name(&self, option: &str) -> String {
        match self {
            Self::CommandLine => format!("--{option}"),
            Self::Environment => format!("ELASTICSEARCH_{}", option.replace('-', "_").to_ascii_uppercase()),
            Self::Profile(profile) => format!("{} of profile {profile}", option.replace('-', "_")),
            Self::Cluster(option) => format!("--{option}"),
        }
    }
}

/// What a part of a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Username,
    Password,
    /// A password in a URL or after a user name, which is not used with another user name.
    PasswordOfUser,
    ApiKey,
    BearerToken,
}

/// A part of a credential.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// The option that contains it, for messages.
    pub(super) option: String,
    pub(super) place: SecretPlace,
}

impl Part {
    async fn read(&self, environment: &Environment) -> Result<Secret> {
        self.place.read(&self.option, environment).await
    }
}

/// The parts of the credential that one source contains, in the order in which messages name them.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) parts: Vec<Part>,
}

impl Source {
    pub(super) fn new(origin: Origin) -> Self {
        let parts = Vec::new();
        Self { origin, parts }
    }

    /// Adds a part, unless it is missing or empty.
    pub(super) fn add(&mut self, kind: Kind, option: String, text: Option<Secret>) {
        if let Some(text) = text.filter(|text| !text.reveal().is_empty()) {
            let place = SecretPlace::Text(text);
            self.parts.push(Part { kind, option, place });
        }
    }

    /// The option that contains a secret as text, if there is one.
    pub(super) fn secret_in_text(&self) -> Option<&str> {
        let is_text = |part: &&Part| part.kind != Kind::Username && matches!(part.place, SecretPlace::Text(_));
        self.parts.iter().find(is_text).map(|part| part.option.as_str())
    }

    /// The part of a kind, which can be given only once.
    fn only(&self, kind: Kind) -> Result<Option<&Part>> {
        let parts: Vec<&Part> = self.parts.iter().filter(|part| part.kind == kind).collect();
        Self::refuse_two(&parts)?;
        Ok(parts.first().copied())
    }

    /// Refuses parts that belong to different credentials.
    fn refuse_two(parts: &[&Part]) -> Result<()> {
        let is_password = |part: &Part| matches!(part.kind, Kind::Password | Kind::PasswordOfUser);
        let is_user = |part: &Part| part.kind == Kind::Username;
        for (index, part) in parts.iter().enumerate() {
            let completes = |other: &Part| is_user(part) && is_password(other) || is_password(part) && is_user(other);
            if let Some(other) = parts[index + 1..].iter().find(|other| !completes(other)) {
                return Err(Error::usage(
                    format!(
                        "{} cannot be used with {}: these are two credentials",
                        part.option, other.option
                    ),
                    "keep one of them: user name and password, API key, or bearer token",
                ));
            }
        }
        Ok(())
    }
}

/// The first source that contains a credential decides. Two kinds of credentials in one source are an error. A missing
/// user name or password is read from the next sources, then from `ask`, which is called with the user name. A password in
/// a URL is only used with the user name in that URL. Only the secrets that are needed are read.
///
/// # Errors
/// If there are two kinds of credentials, a password without a user name, no password, or characters that are not allowed
/// in a header, or if a secret cannot be read.
pub(super) async fn resolve(
    sources: &[Source],
    environment: &Environment,
    ask: impl AsyncFnOnce(&str) -> Result<Option<Secret>>,
) -> Result<Option<Credential>> {
    let first = sources.iter().position(|source| !source.parts.is_empty());
    let Some((source, others)) = first.and_then(|first| sources[first..].split_first()) else {
        return Ok(None);
    };
    Source::refuse_two(&source.parts.iter().collect::<Vec<_>>())?;
    let (mut username, mut password) = (None, None);
    for part in &source.parts {
        match part.kind {
            Kind::Username => username = Some(part),
            Kind::Password | Kind::PasswordOfUser => password = Some(part),
            Kind::ApiKey => {
                let key = header_value(&part.read(environment).await?, "the API key")?;
                return Ok(Some(Credential::ApiKey(key)));
            }
            Kind::BearerToken => {
                let token = header_value(&part.read(environment).await?, "the bearer token")?;
                return Ok(Some(Credential::Bearer(token)));
            }
        }
    }
    for other in others {
        if username.is_none() {
            username = other.only(Kind::Username)?;
        } else if password.is_none() {
            password = other.only(Kind::Password)?;
        }
    }
    let Some(username) = username else {
        return Err(Error::usage("a password requires a user name", "add --username NAME"));
    };
    let username = username.read(environment).await?.reveal().to_owned();
    if username.contains(':') || username.chars().any(char::is_control) {
        return Err(Error::usage(
            "invalid user name: it contains `:` or control characters",
            "check --username, or the user name in the URL",
        ));
    }
    let password = match password {
        Some(password) => Some(password.read(environment).await?),
        None => ask(&username).await?,
    };
    let Some(password) = password else {
        let alternative = match &others.last().unwrap_or(source).origin {
            Origin::Profile(name) => format!("password_file to profile {name}"),
            _ => "set ELASTICSEARCH_PASSWORD".to_owned(),
        };
        return Err(Error::usage(
            "the password is missing, and it cannot be prompted for without a terminal",
            format!("add --password-file FILE (`-` for stdin), or {alternative}"),
        ));
    };
    Ok(Some(Credential::Basic { username, password }))
}

fn header_value(secret: &Secret, what: &str) -> Result<Secret> {
    let text = secret.reveal().trim_end_matches(['\r', '\n']);
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::usage(
            format!("{what} is empty, or contains spaces or characters that are not allowed in an HTTP header"),
            "copy it again, without quotes or line breaks",
        ));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `u` user, `c` a password after the user and a colon, `p` password, `f` a password from a file, `U` and `P` user and
    /// password in the address, `k` API key, `b` bearer token.
    fn source(letters: &str, origin: Origin) -> Source {
        let name = if origin == Origin::CommandLine { "cli" } else { "env" };
        let text = |letter: char| {
            let given = letters.contains(letter);
            given.then(|| Secret::new(format!("{name}-{letter}")))
        };
        let option = |option| origin.name(option);
        let in_url = format!("the credential in {}", option("url"));
        let options = [
            (Kind::Username, in_url.clone(), text('U')),
            (Kind::PasswordOfUser, in_url, text('P')),
            (Kind::Username, option("username"), text('u')),
            (Kind::PasswordOfUser, "the password in --username".to_owned(), text('c')),
            (Kind::Password, option("password"), text('p')),
            (Kind::Password, option("password-file"), text('f')),
            (Kind::ApiKey, option("api-key"), text('k')),
            (Kind::BearerToken, option("bearer-token"), text('b')),
        ];
        let mut source = Source::new(origin);
        for (kind, option, text) in options {
            source.add(kind, option, text);
        }
        source
    }

    async fn resolve_asking(sources: &[Source], answer: Option<&str>) -> Result<Option<Credential>> {
        let ask = async |_: &str| Ok(answer.map(Secret::new));
        resolve(sources, &Environment::new(), ask).await
    }

    fn show(credential: &Credential) -> String {
        match credential {
            Credential::Basic { username, password } => format!("{username} {}", password.reveal()),
            Credential::ApiKey(key) => key.reveal().to_owned(),
            Credential::Bearer(token) => token.reveal().to_owned(),
        }
    }

    #[tokio::test]
    async fn command_line_credentials_override_the_environment() {
        for (explicit, environment, expected) in [
            ("", "", Ok("none")),
            ("up", "", Ok("cli-u cli-p")),
            ("", "up", Ok("env-u env-p")),
            ("k", "up", Ok("cli-k")),
            ("b", "upk", Ok("cli-b")),
            ("u", "up", Ok("cli-u env-p")),
            ("p", "up", Ok("env-u cli-p")),
            ("u", "k", Ok("cli-u asked")),
            ("UP", "k", Ok("cli-U cli-P")),
            ("U", "p", Ok("cli-U env-p")),
            ("Up", "", Ok("cli-U cli-p")),
            ("Uf", "k", Ok("cli-U cli-f")),
            ("Pu", "", Ok("cli-u cli-P")),
            ("p", "U", Ok("env-U cli-p")),
            ("f", "U", Ok("env-U cli-f")),
            ("p", "UP", Ok("env-U cli-p")),
            ("", "Up", Ok("env-U env-p")),
            ("u", "UP", Ok("cli-u asked")),
            ("up", "UP", Ok("cli-u cli-p")),
            ("", "UP", Ok("env-U env-P")),
            ("", "u", Ok("env-u asked")),
            ("", "k", Ok("env-k")),
            ("uc", "k", Ok("cli-u cli-c")),
            ("uc", "up", Ok("cli-u cli-c")),
            (
                "ucp",
                "",
                Err("the password in --username cannot be used with --password:"),
            ),
            ("ucf", "", Err("cannot be used with --password-file:")),
            ("ucb", "", Err("--username cannot be used with --bearer-token")),
            ("Uuc", "", Err("the credential in --url cannot be used with --username")),
            ("c", "", Err("requires a user name")),
            ("uk", "", Err("--username cannot be used with --api-key")),
            ("kb", "", Err("--api-key cannot be used with --bearer-token")),
            (
                "UPup",
                "",
                Err("the credential in --url cannot be used with --username"),
            ),
            ("UPk", "", Err("the credential in --url cannot be used with --api-key")),
            (
                "UPp",
                "",
                Err("the credential in --url cannot be used with --password:"),
            ),
            ("UPf", "", Err("cannot be used with --password-file:")),
            ("Uu", "", Err("the credential in --url cannot be used with --username")),
            ("Pp", "", Err("the credential in --url cannot be used with --password:")),
            ("pk", "", Err("--password cannot be used with --api-key")),
            ("fb", "", Err("--password-file cannot be used with --bearer-token")),
            ("Upk", "", Err("the credential in --url cannot be used with --api-key")),
            (
                "p",
                "uU",
                Err("the credential in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_USERNAME"),
            ),
            (
                "",
                "UPp",
                Err("the credential in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_PASSWORD"),
            ),
            (
                "",
                "uk",
                Err("ELASTICSEARCH_USERNAME cannot be used with ELASTICSEARCH_API_KEY"),
            ),
            (
                "",
                "UPup",
                Err("the credential in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_USERNAME"),
            ),
            ("p", "", Err("requires a user name")),
            ("", "p", Err("requires a user name")),
        ] {
            let sources = [
                source(explicit, Origin::CommandLine),
                source(environment, Origin::Environment),
            ];
            let found = resolve_asking(&sources, Some("asked")).await;
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let found = found.as_ref().map_or("none".to_owned(), show);
                    assert_eq!(found, expected, "{explicit} / {environment}");
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{explicit} / {environment}: {error}")
                }
                (found, _) => unreachable!("{explicit} / {environment}: {found:?}"),
            }
        }
    }

    #[tokio::test]
    async fn without_a_terminal_a_missing_password_is_an_error() {
        let error = resolve_asking(&[source("u", Origin::CommandLine)], None)
            .await
            .unwrap_err();
        assert!(error.hint().unwrap().contains("--password-file"));
    }

    #[tokio::test]
    async fn invalid_keys_are_refused_without_printing_them() {
        let resolve = async |text: &str| {
            let mut source = Source::new(Origin::CommandLine);
            source.add(Kind::ApiKey, "--api-key".to_owned(), Some(Secret::new(text)));
            resolve_asking(&[source], None).await
        };
        let good = resolve("id:key\n").await.unwrap().unwrap();
        assert_eq!(show(&good), "id:key");
        for bad in ["\n", "s3cr3t x", "s3cr3t\r\nx-evil: 1", "s3cr3tä"] {
            let error = resolve(bad).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{bad}");
        }
        assert!(resolve("").await.unwrap().is_none(), "an empty key is missing");
    }
}
