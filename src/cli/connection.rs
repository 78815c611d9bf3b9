//! How to reach the cluster: the options of every command that does, and what the environment adds to them.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use crate::cli::credentials::{CredentialSource, CredentialSources, Login, Origin, read_password};
use crate::cluster::{ConnectOptions, Credential, Endpoint};
use crate::commands::Environment;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::secret::{Secret, Secrets};
use crate::util::units::parse_duration;

const DEFAULT_URL: &str = "https://localhost:9200";
const MAX_FIRST_CONTACT: Duration = Duration::from_secs(10);

/// Where the cluster is and who asks, as far as one source names it: the command line, or the environment.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
struct AccessOptions {
    /// Address of the cluster [default: https://localhost:9200]
    ///
    /// A path behind the host is kept. `user:password@` before the host, percent-encoded where needed, is
    /// taken as the credential and never printed. A user alone takes its password as --username does.
    ///
    /// Environment: ELASTICSEARCH_URL
    #[arg(long, value_name = "URL", value_parser = secret)]
    url: Option<Secret>,
    /// Elastic Cloud id, instead of --url
    ///
    /// Environment: ELASTICSEARCH_CLOUD_ID
    #[arg(long, alias = "cloud_id", value_name = "ID")]
    cloud_id: Option<String>,
    /// User name; the password is asked for where none is given
    ///
    /// A credential on the command line wins over those in the environment. At most one of user and
    /// password, API key and bearer token may be given; none is fine for a cluster without security.
    ///
    /// Environment: ELASTICSEARCH_USERNAME
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Password; --password-file does not show it to others
    ///
    /// Environment: ELASTICSEARCH_PASSWORD
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    password: Option<Secret>,
    /// Read the password from a file, `-` for stdin
    ///
    /// A line feed at its end is not part of the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// API key, encoded or as `id:key`
    ///
    /// Environment: ELASTICSEARCH_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret)]
    api_key: Option<Secret>,
    /// Bearer token
    ///
    /// Environment: ELASTICSEARCH_BEARER_TOKEN
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    bearer_token: Option<Secret>,
    /// PEM file with certificate authorities to trust besides the usual ones
    ///
    /// May be given more than once and hold several certificates.
    ///
    /// Environment: ELASTICSEARCH_CA_CERT
    #[arg(long, value_name = "FILE")]
    ca_cert: Vec<PathBuf>,
}

/// How to reach the cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionOptions {
    #[command(flatten)]
    access: AccessOptions,
    /// PEM file with the client's certificate, for mutual TLS
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// PEM file with the key of --client-cert
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Do not verify the server's certificate
    ///
    /// Anyone on the way can then read the credential and change the data; a warning says so each time.
    #[arg(long, alias = "ignore_certs")]
    ignore_certs: bool,
    /// Time for one request, e.g. 90s or 5m
    ///
    /// The initial connection has 10s at most.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = timeout)]
    timeout: Duration,
    /// How long scrolls and points in time stay open
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = keep_alive)]
    keep_alive: String,
    /// How long to retry a request that failed
    ///
    /// The time begins with its first failure. Failures that may be temporary are retried: 408, 429, 502, 503, 504, failed connections and timeouts. The pause grows
    /// each time, up to 10s; `Retry-After` is honored. An unknown host name or a refused initial connection is not retried.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    retry_for: Duration,
    /// Retry a request at most N times
    ///
    /// Without it, --retry-for is the only bound.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    retries: Option<u32>,
}

impl ConnectionOptions {
    /// The address and the credential. Reads the password file and may ask for the password.
    ///
    /// # Errors
    /// [`Error::Usage`] for options that contradict each other or make no address or credential;
    /// [`Error::File`] for a password file that cannot be read.
    pub(super) fn resolve(self, environment: &Environment, terminal: &Terminal) -> Result<ConnectOptions> {
        let by_precedence = [
            (Origin::CommandLine, self.access),
            (Origin::Environment, AccessOptions::from_environment(environment)?),
        ];
        let (mut endpoint, mut sources) = (None, Vec::new());
        for (origin, access) in &by_precedence {
            let mut address = Login::default();
            if endpoint.is_none()
                && let Some((named, login)) = access.endpoint(*origin)?
            {
                (endpoint, address) = (Some(named), login);
            }
            sources.push(access.credential_source(*origin, address)?);
        }
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => Endpoint::Url(parse_url(DEFAULT_URL, "--url")?.0),
        };
        let ask = |user: &str| terminal.password(&format!("Password of {user}")).ok();
        let credential = CredentialSources(sources).resolve(ask)?;
        let own = credential.as_ref().map(Credential::secrets).unwrap_or_default();
        let secrets = own.with(&proxy_secrets(environment));
        terminal.redact(&secrets);
        let ca_certs = by_precedence.into_iter().map(|(_, access)| access.ca_cert);
        let ca_certs = ca_certs.into_iter().find(|paths| !paths.is_empty()).unwrap_or_default();
        Ok(ConnectOptions {
            endpoint,
            credential,
            ca_certs: ca_certs
                .into_iter()
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            client_identity: self.client_cert.zip(self.client_key),
            verify_certificates: !self.ignore_certs,
            timeout: self.timeout,
            first_contact: MAX_FIRST_CONTACT.min(self.timeout),
            retries: self.retries.unwrap_or(u32::MAX),
            retry_for: self.retry_for,
            secrets,
            keep_alive: self.keep_alive,
        })
    }
}

impl AccessOptions {
    fn from_environment(environment: &Environment) -> Result<Self> {
        let text = |option: &str| {
            let name = Origin::Environment.name(option);
            let value = environment.get(&OsString::from(&name));
            let text = value.map(|value| value.to_str().map(str::to_owned));
            text.map(|text| {
                text.ok_or_else(|| Error::usage(format!("{name} is not UTF-8"), "set it again, or unset it"))
            })
            .transpose()
        };
        let secret = |option: &str| text(option).map(|text| text.map(Secret::new));
        Ok(Self {
            url: secret("url")?,
            cloud_id: text("cloud-id")?,
            username: text("username")?,
            password: secret("password")?,
            password_file: None,
            api_key: secret("api-key")?,
            bearer_token: secret("bearer-token")?,
            ca_cert: environment
                .get(&OsString::from(Origin::Environment.name("ca-cert")))
                .map(PathBuf::from)
                .into_iter()
                .collect(),
        })
    }

    /// The address, and the user in it.
    fn endpoint(&self, origin: Origin) -> Result<Option<(Endpoint, Login)>> {
        let (url_name, cloud_id_name) = (origin.name("url"), origin.name("cloud-id"));
        match (non_empty(&self.url), self.cloud_id.as_ref().filter(|id| !id.is_empty())) {
            (Some(_), Some(_)) => Err(Error::usage(
                format!("{cloud_id_name} cannot be used with {url_name}"),
                "a cloud id holds the address already",
            )),
            (Some(url), None) => {
                let (url, login) = parse_url(url.reveal(), &url_name)?;
                Ok(Some((Endpoint::Url(url), login)))
            }
            (None, Some(id)) => Ok(Some((Endpoint::CloudId(id.clone()), Login::default()))),
            (None, None) => Ok(None),
        }
    }

    fn credential_source(&self, origin: Origin, address: Login) -> Result<CredentialSource> {
        let password = match (non_empty(&self.password), &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(Error::usage(
                    "--password cannot be used with --password-file",
                    "keep --password-file",
                ));
            }
            (password, None) => password,
            (None, Some(path)) => Some(read_password(path)?),
        };
        Ok(CredentialSource {
            origin,
            login: Login {
                username: self.username.clone().filter(|name| !name.is_empty()),
                password,
            },
            password_from_file: self.password_file.is_some(),
            address,
            api_key: non_empty(&self.api_key),
            bearer_token: non_empty(&self.bearer_token),
        })
    }
}

/// An empty text counts as not given.
fn non_empty(secret: &Option<Secret>) -> Option<Secret> {
    secret.clone().filter(|secret| !secret.reveal().is_empty())
}

/// Splits an address from the user in it; `option` is what holds the address. The text is in no message: it may hold a
/// password.
fn parse_url(text: &str, option: &str) -> Result<(Url, Login)> {
    const EXPECTED: &str = "expected http(s)://host:port, a path may follow";
    let wrong = |why: &str, hint: &str| Error::usage(format!("{option} {why}"), hint);
    let mut url = Url::parse(text.trim()).map_err(|e| wrong(&format!("is not an address: {e}"), EXPECTED))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must begin with https:// or http://", EXPECTED));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "must not hold `?` or `#`",
            "percent-encode these characters in a password: %3F and %23",
        ));
    }
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        let message = format!("the user or password in {option} is not UTF-8");
        decoded
            .map(String::from)
            .map_err(|_| Error::usage(message, "use --username and --password-file"))
    };
    let login = Login {
        username: Some(decode(url.username())?).filter(|name| !name.is_empty()),
        password: url.password().map(decode).transpose()?.map(Secret::new),
    };
    let removed = url.set_username("").and_then(|()| url.set_password(None));
    removed.map_err(|()| wrong("holds no host", EXPECTED))?;
    Ok((url, login))
}

/// The passwords in the addresses of proxies: a proxy may return them too.
fn proxy_secrets(environment: &Environment) -> Secrets {
    let texts = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let proxies = texts.filter(|(name, _)| name.to_ascii_lowercase().ends_with("_proxy"));
    let addresses = proxies.filter_map(|(_, address)| Url::parse(address).ok());
    let credentials = addresses.filter_map(|address| {
        let password = percent_encoding::percent_decode_str(address.password()?).decode_utf8_lossy();
        Some(Credential::Basic {
            username: address.username().to_owned(),
            password: Secret::new(password),
        })
    });
    credentials.fold(Secrets::default(), |all, proxy| all.with(&proxy.secrets()))
}

/// Wraps what must not be printed. Never fails, because clap prints a value that it refuses.
fn secret(text: &str) -> std::result::Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// Checks a duration that is sent as typed: above zero and with a unit.
fn keep_alive(text: &str) -> std::result::Result<String, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(text.to_owned()),
        _ => Err("expected a whole number above zero and a unit, such as 30s, 5m or 1h".to_owned()),
    }
}

/// A bare number is seconds.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()));
    seconds
        .or_else(|| parse_duration(text))
        .ok_or_else(|| "expected a whole number and a unit, such as 30s, 5m or 1h".to_owned())
}

/// The same, above zero and up to a day.
fn timeout(text: &str) -> std::result::Result<Duration, String> {
    let time = duration(text)?;
    match time.is_zero() || time > Duration::from_secs(86_400) {
        true => Err("expected a time above zero, up to 1d".to_owned()),
        false => Ok(time),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_its_user_away_decoded() {
        let (url, login) = parse_url("https://el%40stic:p%3Ass%2F@es.example:9243/prefix", "--url").unwrap();
        assert_eq!(url.as_str(), "https://es.example:9243/prefix");
        assert_eq!(login.username.as_deref(), Some("el@stic"));
        assert_eq!(login.password.unwrap().reveal(), "p:ss/");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "localhost:9200",
            "ftp://u:s3cr3t@h",
            "https://u:s3cr3t@",
            "https://u:s3cr3t#@h",
            "https://h?s3cr3t",
        ] {
            let error = parse_url(text, "--url").unwrap_err();
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
        }
    }

    #[test]
    fn durations_have_units_and_seconds_need_none() {
        for (text, millis) in [("0", 0), ("90", 90_000), ("90s", 90_000), ("7ms", 7)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert!(duration("5x").is_err());
        assert!(timeout("0s").is_err() && timeout("2d").is_err() && timeout("1d").is_ok());
        assert_eq!(keep_alive("500ms").as_deref(), Ok("500ms"));
        for text in ["5", "0m", "5M"] {
            assert!(keep_alive(text).is_err(), "{text}");
        }
    }
}
