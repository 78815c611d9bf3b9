//! Which credential is meant, when the command line, the address and the environment may each name some.

mod claims;

pub(in crate::cli) use claims::{Claims, Login, Source};

use crate::cluster::Credential;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// What the sources add up to, before a missing password is asked for.
#[derive(Clone, Debug)]
enum Chosen {
    Login(Login),
    ApiKey(Secret),
    Bearer(Secret),
}

/// The command line wins over the environment. Two kinds in the source that decides are an error; a user or
/// a password that is missing there is taken from the environment, then from `ask`, which gets the user's name.
///
/// # Errors
/// [`Error::Usage`]: two kinds, a password without a user, no password to be had, or characters that no header holds.
pub(in crate::cli) fn choose(
    explicit: &Claims,
    environment: &Claims,
    ask: impl FnOnce(&str) -> Option<Secret>,
) -> Result<Option<Credential>> {
    let chosen = match explicit.only()? {
        Some(Chosen::Login(login)) => Some(Chosen::Login(completed(login, environment)?)),
        Some(chosen) => Some(chosen),
        None => environment.only()?,
    };
    match chosen {
        None => Ok(None),
        Some(Chosen::Login(login)) => basic(login, ask).map(Some),
        Some(Chosen::ApiKey(key)) => Ok(Some(Credential::ApiKey(in_header(key, "the API key")?))),
        Some(Chosen::Bearer(token)) => Ok(Some(Credential::Bearer(in_header(token, "the bearer token")?))),
    }
}

/// The user of the command line with what only the environment names. A password in an address belongs to the user in
/// it and completes no other.
fn completed(login: Login, environment: &Claims) -> Result<Login> {
    Ok(match login {
        Login { username: None, .. } => Login {
            username: environment.user()?,
            ..login
        },
        Login { password: None, .. } => Login {
            password: environment.login.password.clone(),
            ..login
        },
        login => login,
    })
}

fn basic(login: Login, ask: impl FnOnce(&str) -> Option<Secret>) -> Result<Credential> {
    let Some(username) = login.username else {
        return Err(usage("a password is given, but no user", "add --username NAME"));
    };
    if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
        return Err(usage(
            "a user's name must not be empty nor hold `:` or control characters",
            "check --username, or the user in the address",
        ));
    }
    match login.password.or_else(|| ask(&username)) {
        Some(password) => Ok(Credential::Basic { username, password }),
        None => Err(usage(
            "a user is given, but no password, and there is no terminal to ask on",
            "add --password-file FILE (`-` reads stdin) or set ELASTICSEARCH_PASSWORD",
        )),
    }
}

fn in_header(secret: Secret, what: &str) -> Result<Secret> {
    let text = secret.reveal().trim_end_matches(['\r', '\n']);
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(usage(
            format!("{what} is empty or holds spaces, control characters or others that no header takes"),
            "copy it again, without quotes and line breaks",
        ));
    }
    Ok(Secret::new(text))
}

fn usage(message: impl Into<String>, hint: &str) -> Error {
    Error::Usage {
        message: message.into(),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `u` user, `p` password, `f` a password from a file, `U` and `P` user and password in the address, `k` API key,
    /// `b` bearer token.
    fn claims(letters: &str, source: Source) -> Claims {
        let name = source.one_of("cli", "env");
        let text = |letter: char| letters.contains(letter).then(|| format!("{name}-{letter}"));
        let secret = |letter| text(letter).map(Secret::new);
        Claims {
            source,
            login: Login {
                username: text('u'),
                password: secret('p').or(secret('f')),
            },
            from_file: letters.contains('f'),
            address: Login {
                username: text('U'),
                password: secret('P'),
            },
            api_key: secret('k'),
            bearer: secret('b'),
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
            let found = choose(
                &claims(explicit, Source::CommandLine),
                &claims(environment, Source::Environment),
                |_| Some(Secret::new("asked")),
            );
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
        let error = choose(&claims("u", Source::CommandLine), &Claims::default(), |_| None).unwrap_err();
        assert!(error.hint().unwrap().contains("--password-file"));
    }

    #[test]
    fn keys_fit_into_a_header_and_are_never_in_the_message() {
        let key = |text: &str| Claims {
            api_key: Some(Secret::new(text)),
            ..Claims::default()
        };
        let good = choose(&key("id:key\n"), &Claims::default(), |_| None).unwrap().unwrap();
        assert_eq!(show(&good), "id:key");
        for bad in ["", "s3cr3t x", "s3cr3t\r\nx-evil: 1", "s3cr3tä"] {
            let error = choose(&key(bad), &Claims::default(), |_| None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{bad}");
        }
    }
}
