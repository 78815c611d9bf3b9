//! The address of the cluster and the credential. Each can come from the command line, the URL, a profile or the
//! environment; a missing password is prompted for.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use crate::cluster::{Credential, cloud_address};
use crate::commands::Environment;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// In bytes. A larger file is not a password file.
pub(super) const MAX_PASSWORD_FILE: u64 = 64 << 10;

// The parts of the address and the credential that one source contains. Not a doc comment, which clap would use as the
// help of the command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct AccessOptions {
    /// Cluster address [default: https://localhost:9200]
    ///
    /// Can include a path prefix and a credential: `https://user:password@host:9200/prefix`. Special characters in the
    /// credential must be percent-encoded. The credential is never printed. If the URL has a user name but no password,
    /// the password is read as with --username.
    ///
    /// Environment: ELASTICSEARCH_URL
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub(super) url: Option<Secret>,
    /// Elastic Cloud ID, instead of --url
    ///
    /// Environment: ELASTICSEARCH_CLOUD_ID
    #[arg(long, alias = "cloud_id", value_name = "ID")]
    pub(super) cloud_id: Option<String>,
    /// User name; prompts for a missing password
    ///
    /// As in curl, a password can follow the name: `NAME:PASSWORD`. Use only one kind of credential: user name and
    /// password, API key, or bearer token. A credential on the command line overrides the environment. A cluster without
    /// security needs no credential.
    ///
    /// Environment: ELASTICSEARCH_USERNAME
    #[arg(short = 'u', long = "username", value_name = "NAME", value_parser = login)]
    user: Option<Login>,
    /// Password; prefer --password-file
    ///
    /// Other users of this machine can see the password in the process list.
    ///
    /// Environment: ELASTICSEARCH_PASSWORD
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub(super) password: Option<Secret>,
    /// Read the password from a file, or `-` for stdin
    ///
    /// A line break at the end of the file is ignored.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// API key, encoded or as `id:key`
    ///
    /// Environment: ELASTICSEARCH_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret)]
    pub(super) api_key: Option<Secret>,
    /// Bearer token
    ///
    /// Environment: ELASTICSEARCH_BEARER_TOKEN
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub(super) bearer_token: Option<Secret>,
    /// PEM file with CA certificates to trust
    ///
    /// They are added to the bundled certificates and those of the system. Can be repeated; a file can contain several
    /// certificates.
    ///
    /// Environment: ELASTICSEARCH_CA_CERT
    #[arg(long, value_name = "FILE")]
    pub(super) ca_cert: Vec<PathBuf>,
    #[arg(skip)]
    origin: Origin,
    /// `user:password@` in the URL.
    #[arg(skip)]
    url_user: Login,
}

/// The source of the options.
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

/// A user name and password, or one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

/// A part of a credential, as an option contains it.
#[derive(Clone)]
enum Part {
    Username(String),
    Password(Secret),
    ApiKey(Secret),
    BearerToken(Secret),
}

impl Origin {
    /// The name of an option in this source.
    fn name(&self, option: &str) -> String {
        match self {
            Self::CommandLine => format!("--{option}"),
            Self::Environment => format!("ELASTICSEARCH_{}", option.replace('-', "_").to_ascii_uppercase()),
            Self::Profile(profile) => format!("{} of profile {profile}", option.replace('-', "_")),
            Self::Cluster(option) => format!("--{option}"),
        }
    }

    /// How an option is set in this source, for hints.
    fn assignment(&self, option: &str, value: &str) -> String {
        match self {
            Self::CommandLine | Self::Cluster(_) => format!("{} {value}", self.name(option)),
            Self::Environment => format!("{}={value}", self.name(option)),
            Self::Profile(_) => format!("{} = \"{value}\"", option.replace('-', "_")),
        }
    }
}

impl AccessOptions {
    /// The options for a URL after `option`, with the certificates of these.
    pub(super) fn of_url(&self, url: Option<Secret>, option: &'static str) -> Self {
        Self {
            url,
            ca_cert: self.ca_cert.clone(),
            origin: Origin::Cluster(option),
            ..Self::default()
        }
    }

    /// Names the profile that contains these options.
    pub(super) fn set_profile(&mut self, name: &str) {
        self.origin = Origin::Profile(name.to_owned());
    }

    pub(super) fn from_environment(environment: &Environment) -> Result<Self> {
        let origin = Origin::Environment;
        let value = |option: &str| environment.get(&OsString::from(origin.name(option)));
        let text = |option: &str| match value(option).map(|value| value.to_str()) {
            Some(None) => Err(Error::usage(
                format!("{} is not UTF-8", origin.name(option)),
                "set it to valid UTF-8, or unset it",
            )),
            text => Ok(text.flatten().map(str::to_owned)),
        };
        let secret = |option: &str| text(option).map(|text| text.map(Secret::new));
        Ok(Self {
            url: secret("url")?,
            cloud_id: text("cloud-id")?,
            user: Some(Login {
                username: text("username")?,
                password: None,
            }),
            password: secret("password")?,
            api_key: secret("api-key")?,
            bearer_token: secret("bearer-token")?,
            ca_cert: value("ca-cert").map(PathBuf::from).into_iter().collect(),
            origin,
            ..Self::default()
        })
    }

    /// Treats empty values as missing.
    pub(super) fn without_empty(mut self) -> Self {
        let user = self.user.get_or_insert_default();
        for text in [&mut self.cloud_id, &mut user.username] {
            text.take_if(|text| text.is_empty());
        }
        for secret in [
            &mut self.url,
            &mut user.password,
            &mut self.password,
            &mut self.api_key,
            &mut self.bearer_token,
        ] {
            secret.take_if(|secret| secret.reveal().is_empty());
        }
        self
    }

    /// The address. A user in the URL becomes part of the credential.
    pub(super) fn address(&mut self) -> Result<Option<Url>> {
        match (&self.url, &self.cloud_id) {
            (Some(_), Some(_)) => Err(Error::usage(
                format!(
                    "{} cannot be used with {}",
                    self.origin.name("cloud-id"),
                    self.origin.name("url")
                ),
                "remove one of them: a Cloud ID contains the address",
            )),
            (Some(url), None) => {
                let (url, login) = parse_url(url.reveal(), &self.origin)?;
                self.url_user = login;
                Ok(Some(url))
            }
            (None, Some(id)) => {
                let message = format!("{} is not a valid Cloud ID", self.origin.name("cloud-id"));
                let hint = "copy the complete Cloud ID from the deployment's page in the Elastic Cloud Console";
                cloud_address(id).map(Some).ok_or_else(|| Error::usage(message, hint))
            }
            (None, None) => Ok(None),
        }
    }

    pub(super) fn read_password_file(&mut self) -> Result<()> {
        match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(Error::usage(
                    "--password cannot be used with --password-file",
                    "remove --password",
                ));
            }
            (None, Some(path)) => self.password = Some(read_password(path, "--password-file")?),
            (_, None) => {}
        }
        Ok(())
    }

    /// Sets a secret that a profile reads from another place: `password`, `api-key` or `bearer-token`.
    pub(super) fn set_secret(&mut self, name: &str, secret: Secret) {
        let place = match name {
            "password" => &mut self.password,
            "api-key" => &mut self.api_key,
            _ => &mut self.bearer_token,
        };
        *place = Some(secret);
    }

    /// The option that contains a secret, if there is one.
    pub(super) fn secret_option(&self) -> Option<String> {
        let mut parts = self.parts().into_iter();
        parts.find_map(|(option, part)| (!matches!(part, Part::Username(_))).then_some(option))
    }

    /// The parts of this source, each with its option, in the order in which messages name them.
    fn parts(&self) -> Vec<(String, Part)> {
        let Login { username, password } = self.url_user.clone();
        let user = self.user.clone().unwrap_or_default();
        let in_address = match (&username, &password) {
            (Some(_), Some(_)) => "user:password@ in",
            (Some(_), None) => "the user name in",
            (None, _) => "the password in",
        };
        let in_address = format!("{in_address} {}", self.origin.name("url"));
        let has_file = self.password_file.is_some();
        let password_option = if has_file { "password-file" } else { "password" };
        let name = |option| self.origin.name(option);
        let after_username = format!("the password in {}", name("username"));
        let options = [
            (in_address.clone(), username.map(Part::Username)),
            (in_address, password.map(Part::Password)),
            (name("username"), user.username.map(Part::Username)),
            (after_username, user.password.map(Part::Password)),
            (name(password_option), self.password.clone().map(Part::Password)),
            (name("api-key"), self.api_key.clone().map(Part::ApiKey)),
            (name("bearer-token"), self.bearer_token.clone().map(Part::BearerToken)),
        ];
        let options = options.into_iter();
        options.filter_map(|(option, part)| Some((option, part?))).collect()
    }

    /// The user name, which can be given only once.
    fn username(&self) -> Result<Option<String>> {
        let mut users = self.parts();
        users.retain(|(_, part)| matches!(part, Part::Username(_)));
        self.refuse_two(&users)?;
        let user = self.user.as_ref().and_then(|user| user.username.clone());
        Ok(user.or_else(|| self.url_user.username.clone()))
    }

    /// Refuses parts that belong to different credentials.
    fn refuse_two(&self, parts: &[(String, Part)]) -> Result<()> {
        use Part::{Password, Username};
        let source = match &self.origin {
            Origin::CommandLine | Origin::Cluster(_) => "the command line",
            Origin::Environment => "the environment",
            Origin::Profile(name) => &format!("profile {name}"),
        };
        for (index, (option, part)) in parts.iter().enumerate() {
            let completes =
                |other: &Part| matches!((part, other), (Username(_), Password(_)) | (Password(_), Username(_)));
            if let Some((other, _)) = parts[index + 1..].iter().find(|(_, other)| !completes(other)) {
                return Err(Error::usage(
                    format!("{option} cannot be used with {other}: {source} contains two credentials"),
                    "keep one of them: user name and password, API key, or bearer token",
                ));
            }
        }
        Ok(())
    }
}

/// The first source that contains a credential decides. Two kinds of credentials in one source are an error. A missing
/// user name or password is read from the next sources, then from `ask`, which is called with the user name. A password in
/// a URL is only used with the user name in that URL.
///
/// # Errors
/// If there are two kinds of credentials, a password without a user name, no password, or characters that are not allowed
/// in a header.
pub(super) fn resolve(
    sources: &[AccessOptions],
    ask: impl FnOnce(&str) -> Option<Secret>,
) -> Result<Option<Credential>> {
    let Some((source, others)) = sources.split_first() else {
        return Ok(None);
    };
    let parts = source.parts();
    if parts.is_empty() {
        return resolve(others, ask);
    }
    source.refuse_two(&parts)?;
    let mut login = Login::default();
    for (_, part) in parts {
        match part {
            Part::Username(username) => login.username = Some(username),
            Part::Password(password) => login.password = Some(password),
            Part::ApiKey(key) => return Ok(Some(Credential::ApiKey(header_value(&key, "the API key")?))),
            Part::BearerToken(token) => return Ok(Some(Credential::Bearer(header_value(&token, "the bearer token")?))),
        }
    }
    for other in others {
        if login.username.is_none() {
            login.username = other.username()?;
        } else if login.password.is_none() {
            login.password.clone_from(&other.password);
        }
    }
    let last = others.last().unwrap_or(source);
    basic(login, ask, &last.origin).map(Some)
}

fn basic(login: Login, ask: impl FnOnce(&str) -> Option<Secret>, last: &Origin) -> Result<Credential> {
    let Some(username) = login.username else {
        return Err(Error::usage("a password requires a user name", "add --username NAME"));
    };
    if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
        return Err(Error::usage(
            "invalid user name: it is empty, or contains `:` or control characters",
            "check --username, or the user name in the URL",
        ));
    }
    match login.password.or_else(|| ask(&username)) {
        Some(password) => Ok(Credential::Basic { username, password }),
        None => Err(Error::usage(
            "the password is missing, and it cannot be prompted for without a terminal",
            match last {
                Origin::Profile(name) => {
                    format!("add --password-file FILE (`-` for stdin), or password_file to profile {name}")
                }
                _ => "add --password-file FILE (`-` for stdin), or set ELASTICSEARCH_PASSWORD".to_owned(),
            },
        )),
    }
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

/// Separates the credential from a URL, whose path then ends with `/`. Messages name the option and never contain the URL,
/// which may include a password.
pub(super) fn parse_url(text: &str, origin: &Origin) -> Result<(Url, Login)> {
    const EXPECTED: &str = "use an address such as https://es.example:9200 or https://es.example/prefix";
    let option = origin.name("url");
    let wrong = |why: &str, hint: &str| Error::usage(format!("{option} {why}"), hint);
    let text = text.trim();
    if !text.is_empty() && !text.contains("://") {
        return Err(wrong("has no scheme", &with_scheme(text, origin)));
    }
    let mut url = Url::parse(text).map_err(|e| wrong(&format!("is not a valid URL: {e}"), EXPECTED))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must start with https:// or http://", EXPECTED));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "must not contain `?` or `#`",
            "in a password, write %3F and %23 instead of these characters",
        ));
    }
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        let message = format!("the user name or password in {option} is not UTF-8");
        let invalid = |_| Error::usage(message, "use --username and --password-file");
        decoded.map(String::from).map_err(invalid)
    };
    let username = Some(decode(url.username())?).filter(|name| !name.is_empty());
    let password = url.password().map(decode).transpose()?.map(Secret::new);
    let removed = url.set_username("").and_then(|()| url.set_password(None));
    removed.map_err(|()| wrong("does not contain a host name", EXPECTED))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok((url, Login { username, password }))
}

/// A hint with the address after https://, or with an example if the address could contain a credential.
fn with_scheme(text: &str, origin: &Origin) -> String {
    let address = format!("https://{text}");
    let is_address = !text.contains(['@', '?', '#']) && Url::parse(&address).is_ok();
    let shown = if is_address {
        &address
    } else {
        "https://es.example:9200"
    };
    format!("add https:// or http://, as in `{}`", origin.assignment("url", shown))
}

/// Reads a secret from the file that `option` names, or from stdin for `-`. One line break at the end is removed.
pub(super) fn read_password(path: &Path, option: &str) -> Result<Secret> {
    let mut text = String::new();
    let opened: std::io::Result<Box<dyn Read>> = match path == Path::new("-") {
        true => Ok(Box::new(std::io::stdin().lock())),
        false => std::fs::File::open(path).map(|file| Box::new(file) as _),
    };
    let length = opened
        .and_then(|file| file.take(MAX_PASSWORD_FILE + 1).read_to_string(&mut text))
        .map_err(|cause| Error::read(path, cause))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || length as u64 > MAX_PASSWORD_FILE {
        return Err(Error::usage(
            format!("invalid {option}: the file is empty or larger than 64 KiB"),
            "write only the secret to the file",
        ));
    }
    Ok(Secret::new(password))
}

/// Separates `user:password`. A user name cannot contain a colon, a password can.
fn login(text: &str) -> Result<Login, Infallible> {
    let mut parts = text.splitn(2, ':');
    let (username, password) = (parts.next().map(str::to_owned), parts.next().map(Secret::new));
    Ok(Login { username, password })
}

/// Wraps a secret. It never fails, because clap prints a value that is refused.
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ExitCode;

    /// `u` user, `c` a password after the user and a colon, `p` password, `f` a password from a file, `U` and `P` user and
    /// password in the address, `k` API key, `b` bearer token.
    fn source(letters: &str, origin: Origin) -> AccessOptions {
        let name = if origin == Origin::CommandLine { "cli" } else { "env" };
        let text = |letter: char| letters.contains(letter).then(|| format!("{name}-{letter}"));
        let secret = |letter| text(letter).map(Secret::new);
        AccessOptions {
            origin,
            user: Some(Login {
                username: text('u'),
                password: secret('c'),
            }),
            password: secret('p').or(secret('f')),
            password_file: letters.contains('f').then(PathBuf::new),
            url_user: Login {
                username: text('U'),
                password: secret('P'),
            },
            api_key: secret('k'),
            bearer_token: secret('b'),
            ..AccessOptions::default()
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
    fn command_line_credentials_override_the_environment() {
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
            ("Uuc", "", Err("the user name in --url cannot be used with --username")),
            ("c", "", Err("requires a user name")),
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
            ("Uu", "", Err("the user name in --url cannot be used with --username")),
            ("Pp", "", Err("the password in --url cannot be used with --password:")),
            ("pk", "", Err("--password cannot be used with --api-key")),
            ("fb", "", Err("--password-file cannot be used with --bearer-token")),
            ("Upk", "", Err("the user name in --url cannot be used with --api-key")),
            (
                "p",
                "uU",
                Err("the user name in ELASTICSEARCH_URL cannot be used with ELASTICSEARCH_USERNAME"),
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
            ("p", "", Err("requires a user name")),
            ("", "p", Err("requires a user name")),
        ] {
            let sources = [
                source(explicit, Origin::CommandLine),
                source(environment, Origin::Environment),
            ];
            let found = super::resolve(&sources, |_| Some(Secret::new("asked")));
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
        let error = super::resolve(&[source("u", Origin::CommandLine)], |_| None).unwrap_err();
        assert!(error.hint().unwrap().contains("--password-file"));
    }

    #[test]
    fn invalid_keys_are_refused_without_printing_them() {
        let resolve = |text: &str| {
            let source = AccessOptions {
                api_key: Some(Secret::new(text)),
                ..AccessOptions::default()
            };
            super::resolve(&[source], |_| None)
        };
        let good = resolve("id:key\n").unwrap().unwrap();
        assert_eq!(show(&good), "id:key");
        for bad in ["", "s3cr3t x", "s3cr3t\r\nx-evil: 1", "s3cr3tä"] {
            let error = resolve(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{bad}");
        }
    }

    #[test]
    fn one_line_break_at_the_end_of_a_password_file_is_removed() {
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
            assert_eq!(read_password(&file, "--password-file").unwrap().reveal(), password);
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(read_password(&file, "--password-file").is_err_and(|error| error.exit() == ExitCode::Usage));
        assert!(matches!(
            read_password(&directory.path().join("none"), "--password-file"),
            Err(Error::File(_))
        ));
    }

    #[test]
    fn the_credential_in_a_url_is_decoded() {
        let (url, login) = parse_url(
            "https://el%40stic:p%3Ass%2F@es.example:9243/prefix",
            &Origin::CommandLine,
        )
        .unwrap();
        assert_eq!(url.as_str(), "https://es.example:9243/prefix/");
        assert_eq!(login.username.as_deref(), Some("el@stic"));
        assert_eq!(login.password.unwrap().reveal(), "p:ss/");
    }

    #[test]
    fn a_password_can_follow_the_user_name() {
        for (text, username, password) in [
            ("elastic", "elastic", None),
            ("elastic:", "elastic", Some("")),
            ("elastic:p:ss:w", "elastic", Some("p:ss:w")),
            (":p", "", Some("p")),
        ] {
            let expected = Login {
                username: Some(username.to_owned()),
                password: password.map(Secret::new),
            };
            assert_eq!(login(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_address_without_a_scheme_is_suggested_with_https() {
        for (text, suggested) in [
            ("es.example:9200", Some("https://es.example:9200")),
            ("localhost:9200", Some("https://localhost:9200")),
            ("10.0.0.1:9200", Some("https://10.0.0.1:9200")),
            ("es.example/prefix", Some("https://es.example/prefix")),
            ("elastic:s3cr3t@es.example:9200", None),
            ("elastic:s3cr3t", None),
        ] {
            let error = parse_url(text, &Origin::CommandLine).unwrap_err();
            assert_eq!(error.to_string(), "--url has no scheme", "{text}");
            let hint = error.hint().unwrap();
            assert!(!hint.contains("s3cr3t"), "{hint}");
            let suggested = suggested.unwrap_or("https://es.example:9200");
            assert!(hint.ends_with(&format!(" `--url {suggested}`")), "{hint}");
        }
        let error = parse_url("localhost:9200", &Origin::Environment).unwrap_err();
        assert!(
            error
                .hint()
                .unwrap()
                .contains("`ELASTICSEARCH_URL=https://localhost:9200`")
        );
    }

    #[test]
    fn an_invalid_url_is_refused_without_printing_it() {
        for text in [
            "",
            "ftp://u:s3cr3t@h",
            "https://u:s3cr3t@",
            "https://u:s3cr3t#@h",
            "https://h?s3cr3t",
        ] {
            let error = parse_url(text, &Origin::CommandLine).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
        }
    }
}
