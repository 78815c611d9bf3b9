//! Which credential is meant, where the command line, the address of the cluster and the environment may each name one.

use std::io::Read;
use std::path::Path;

use crate::cluster::Credential;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// More than any password has; a larger file is a mistake.
const MAX_PASSWORD_FILE: u64 = 64 << 10;

/// A user, as far as named.
#[derive(Clone, Debug, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Where options are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    #[default]
    CommandLine,
    Environment,
}

/// What one source names.
#[derive(Clone, Debug, Default)]
pub(super) struct CredentialSource {
    pub(super) origin: Origin,
    pub(super) login: Login,
    /// The password of `login` is that of `--password-file`.
    pub(super) password_from_file: bool,
    /// `user:password@` of an address from the same source.
    pub(super) address: Login,
    pub(super) api_key: Option<Secret>,
    pub(super) bearer_token: Option<Secret>,
}

/// The sources in order of precedence.
#[derive(Clone, Debug)]
pub(super) struct CredentialSources(pub(super) Vec<CredentialSource>);

/// What a source adds up to.
#[derive(Clone, Debug)]
enum Named {
    Login(Login),
    ApiKey(Secret),
    BearerToken(Secret),
}

impl Origin {
    /// How an option is called there.
    pub(super) fn name(self, option: &str) -> String {
        match self {
            Self::CommandLine => format!("--{option}"),
            Self::Environment => format!("ELASTICSEARCH_{}", option.replace('-', "_").to_ascii_uppercase()),
        }
    }
}

impl CredentialSources {
    /// The first source that names a credential decides. Two kinds there are an error; a user or a password that is
    /// missing there is taken from the sources below, then from `ask`, which gets the user's name.
    ///
    /// # Errors
    /// [`Error::Usage`]: two kinds, a password without a user, no password, or characters that no header may contain.
    pub(super) fn resolve(&self, ask: impl FnOnce(&str) -> Option<Secret>) -> Result<Option<Credential>> {
        for (at, source) in self.0.iter().enumerate() {
            return match source.credential()? {
                None => continue,
                Some(Named::Login(login)) => basic(completed(login, &self.0[at + 1..])?, ask).map(Some),
                Some(Named::ApiKey(key)) => Ok(Some(Credential::ApiKey(header_value(&key, "the API key")?))),
                Some(Named::BearerToken(token)) => {
                    Ok(Some(Credential::Bearer(header_value(&token, "the bearer token")?)))
                }
            };
        }
        Ok(None)
    }
}

/// The user with what only sources of lower precedence name. A password in an address belongs to the user in it and
/// completes no other.
fn completed(mut login: Login, others: &[CredentialSource]) -> Result<Login> {
    for other in others {
        if login.username.is_none() {
            login.username = other.username()?;
        } else if login.password.is_none() {
            login.password = other.login.password.clone();
        }
    }
    Ok(login)
}

impl CredentialSource {
    /// The one credential of this source.
    fn credential(&self) -> Result<Option<Named>> {
        let username = self.username()?;
        let password = match (&self.login.password, &self.address.password) {
            (Some(_), Some(_)) => return Err(self.names_two(&self.login_in_address(), &self.password_option())),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let login = (username.is_some() || password.is_some()).then_some(Login { username, password });
        let login_name = match (&self.address.username, &self.address.password) {
            (None, None) if self.login.username.is_some() => self.origin.name("username"),
            (None, None) => self.password_option(),
            _ => self.login_in_address(),
        };
        let api_key = self.api_key.clone().map(Named::ApiKey);
        let bearer_token = self.bearer_token.clone().map(Named::BearerToken);
        let mut named = [
            (login.map(Named::Login), login_name),
            (api_key, self.origin.name("api-key")),
            (bearer_token, self.origin.name("bearer-token")),
        ]
        .into_iter()
        .filter_map(|(credential, name)| Some((credential?, name)));
        match (named.next(), named.next()) {
            (Some((_, one)), Some((_, other))) => Err(self.names_two(&one, &other)),
            (first, _) => Ok(first.map(|(credential, _)| credential)),
        }
    }

    fn username(&self) -> Result<Option<String>> {
        match (&self.login.username, &self.address.username) {
            (Some(_), Some(_)) => Err(self.names_two(&self.login_in_address(), &self.origin.name("username"))),
            (one, other) => Ok(one.clone().or_else(|| other.clone())),
        }
    }

    fn password_option(&self) -> String {
        match self.password_from_file {
            true => "--password-file".to_owned(),
            false => self.origin.name("password"),
        }
    }

    fn login_in_address(&self) -> String {
        let what = match (&self.address.username, &self.address.password) {
            (Some(_), Some(_)) => "user:password@",
            (Some(_), None) => "the user",
            (None, _) => "the password",
        };
        format!("{what} in {}", self.origin.name("url"))
    }

    fn names_two(&self, one: &str, other: &str) -> Error {
        let source = match self.origin {
            Origin::CommandLine => "the command line",
            Origin::Environment => "the environment",
        };
        Error::usage(
            format!("{one} cannot be used with {other}: {source} names two credentials"),
            "keep one of user and password, API key, or bearer token",
        )
    }
}

fn basic(login: Login, ask: impl FnOnce(&str) -> Option<Secret>) -> Result<Credential> {
    let Some(username) = login.username else {
        return Err(Error::usage("a password is given, but no user", "add --username NAME"));
    };
    if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
        return Err(Error::usage(
            "a user's name must not be empty nor hold `:` or control characters",
            "check --username, or the user in the address",
        ));
    }
    match login.password.or_else(|| ask(&username)) {
        Some(password) => Ok(Credential::Basic { username, password }),
        None => Err(Error::usage(
            "a user is given, but no password, and there is no terminal to ask on",
            "add --password-file FILE (`-` reads stdin) or set ELASTICSEARCH_PASSWORD",
        )),
    }
}

fn header_value(secret: &Secret, what: &str) -> Result<Secret> {
    let text = secret.reveal().trim_end_matches(['\r', '\n']);
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::usage(
            format!("{what} is empty or holds spaces, control characters or others that no header takes"),
            "copy it again, without quotes and line breaks",
        ));
    }
    Ok(Secret::new(text))
}

/// Reads a password, `-` from stdin, without the line feed at its end.
pub(super) fn read_password(path: &Path) -> Result<Secret> {
    let mut text = String::new();
    let opened: std::io::Result<Box<dyn Read>> = match path == Path::new("-") {
        true => Ok(Box::new(std::io::stdin().lock())),
        false => std::fs::File::open(path).map(|file| Box::new(file) as _),
    };
    let length = opened
        .and_then(|file| file.take(MAX_PASSWORD_FILE + 1).read_to_string(&mut text))
        .map_err(|cause| Error::file(path, cause))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || length as u64 > MAX_PASSWORD_FILE {
        return Err(Error::usage(
            "--password-file is empty or too large to be a password",
            "check the file",
        ));
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `u` user, `p` password, `f` a password from a file, `U` and `P` user and password in the address, `k` API key,
    /// `b` bearer token.
    fn source(letters: &str, origin: Origin) -> CredentialSource {
        let name = if origin == Origin::CommandLine { "cli" } else { "env" };
        let text = |letter: char| letters.contains(letter).then(|| format!("{name}-{letter}"));
        let secret = |letter| text(letter).map(Secret::new);
        CredentialSource {
            origin,
            login: Login {
                username: text('u'),
                password: secret('p').or(secret('f')),
            },
            password_from_file: letters.contains('f'),
            address: Login {
                username: text('U'),
                password: secret('P'),
            },
            api_key: secret('k'),
            bearer_token: secret('b'),
        }
    }

    fn show(credential: &Credential) -> String {
        match credential {
            Credential::Basic { username, password } => format!("{username} {}", password.reveal()),
            Credential::ApiKey(key) => key.reveal().to_owned(),
            Credential::Bearer(token) => token.reveal().to_owned(),
        }
    }

    #[test]
    fn the_command_line_wins_and_two_kinds_are_an_error() {
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
            ("uk", "", Err("--username cannot be used with --api-key")),
            ("kb", "", Err("--api-key cannot be used with --bearer-token")),
            (
                "UPup",
                "",
                Err("user:password@ in --url cannot be used with --username"),
            ),
            ("UPk", "", Err("user:password@ in --url cannot be used with --api-key")),
            (
                "UPp",
                "",
                Err("user:password@ in --url cannot be used with --password:"),
            ),
            ("UPf", "", Err("cannot be used with --password-file:")),
            ("Uu", "", Err("the user in --url cannot be used with --username")),
            ("Pp", "", Err("the password in --url cannot be used with --password:")),
            ("pk", "", Err("--password cannot be used with --api-key")),
            ("fb", "", Err("--password-file cannot be used with --bearer-token")),
            ("Upk", "", Err("the user in --url cannot be used with --api-key")),
            (
                "p",
                "uU",
                Err("the user in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_USERNAME"),
            ),
            (
                "",
                "UPp",
                Err("in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_PASSWORD"),
            ),
            (
                "",
                "uk",
                Err("ELASTICSEARCH_USERNAME cannot be used with ELASTICSEARCH_API_KEY"),
            ),
            (
                "",
                "UPup",
                Err("in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_USERNAME"),
            ),
            ("p", "", Err("no user")),
            ("", "p", Err("no user")),
        ] {
            let sources = CredentialSources(vec![
                source(explicit, Origin::CommandLine),
                source(environment, Origin::Environment),
            ]);
            let found = sources.resolve(|_| Some(Secret::new("asked")));
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

    #[test]
    fn without_a_terminal_a_missing_password_is_an_error() {
        let sources = CredentialSources(vec![source("u", Origin::CommandLine)]);
        let error = sources.resolve(|_| None).unwrap_err();
        assert!(error.hint().unwrap().contains("--password-file"));
    }

    #[test]
    fn keys_fit_into_a_header_and_are_never_in_the_message() {
        let resolve = |text: &str| {
            let source = CredentialSource {
                api_key: Some(Secret::new(text)),
                ..CredentialSource::default()
            };
            CredentialSources(vec![source]).resolve(|_| None)
        };
        let good = resolve("id:key\n").unwrap().unwrap();
        assert_eq!(show(&good), "id:key");
        for bad in ["", "s3cr3t x", "s3cr3t\r\nx-evil: 1", "s3cr3tä"] {
            let error = resolve(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{bad}");
        }
    }

    #[test]
    fn a_password_file_loses_one_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        for (text, password) in [
            ("p", "p"),
            ("p\n", "p"),
            ("p\r\n", "p"),
            ("p\n\n", "p\n"),
            (" p ", " p "),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_password(&file).unwrap().reveal(), password);
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(read_password(&file), Err(Error::Usage { .. })));
        assert!(matches!(
            read_password(&directory.path().join("none")),
            Err(Error::File { .. })
        ));
    }
}
