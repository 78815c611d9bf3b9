//! The connection options, and what a profile or the environment adds to them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use crate::cli::address::parse_url;
use crate::cli::credentials::{self, Kind, Origin, Part, Source};
use crate::cli::profiles::Profile;
use crate::cli::secrets::SecretPlace;
use crate::cluster::{ConnectOptions, Credential, cloud_address};
use crate::commands::interrupt::Signals;
use crate::commands::options::{not_empty, number};
use crate::commands::{Environment, RunContext, question};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::parse_duration;
use crate::util::secret::{Secret, Secrets};

const DEFAULT_URL: &str = "https://localhost:9200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
const DEFAULT_RETRY_FOR: Duration = Duration::from_secs(60);
const DEFAULT_KEEP_ALIVE: &str = "5m";
/// More than any command sends at the same time. An export has a smaller number of its own.
const MAX_REQUESTS: u32 = 1024;

// Not a doc comment, which clap would use as the help of the command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionOptions {
    /// Cluster address [default: https://localhost:9200]
    ///
    /// Can include a path prefix and a credential: `https://user:password@host:9200/prefix`. Special characters in the
    /// credential must be percent-encoded. The credential is never printed. If the URL has a user name but no password,
    /// the password is read as with --username.
    ///
    /// Environment: ELASTICSEARCH_URL
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "URL")]
    url: Option<Secret>,
    /// Elastic Cloud ID, instead of --url
    ///
    /// Environment: ELASTICSEARCH_CLOUD_ID
    #[arg(long, alias = "cloud_id", value_parser = not_empty::<String>, value_name = "ID")]
    cloud_id: Option<String>,
    /// User name; prompts for a missing password
    ///
    /// As in curl, a password can follow the name: `NAME:PASSWORD`. Use only one kind of credential: user name and
    /// password, API key, or bearer token. A credential on the command line overrides the environment. A cluster without
    /// security needs no credential.
    ///
    /// Environment: ELASTICSEARCH_USERNAME
    #[arg(short = 'u', long = "username", value_parser = not_empty::<Secret>, value_name = "NAME")]
    user: Option<Secret>,
    /// Password; prefer --password-file
    ///
    /// Other users of this machine can see the password in the process list.
    ///
    /// Environment: ELASTICSEARCH_PASSWORD
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "PASSWORD")]
    password: Option<Secret>,
    /// Read the password from a file, or `-` for stdin
    ///
    /// A line break at the end of the file is ignored.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// API key, encoded or as `id:key`
    ///
    /// Environment: ELASTICSEARCH_API_KEY
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "KEY")]
    api_key: Option<Secret>,
    /// Bearer token
    ///
    /// Environment: ELASTICSEARCH_BEARER_TOKEN
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "TOKEN")]
    bearer_token: Option<Secret>,
    /// PEM file with CA certificates to trust
    ///
    /// They are added to the bundled certificates and those of the system. Can be repeated; a file can contain several
    /// certificates.
    ///
    /// Environment: ELASTICSEARCH_CA_CERT
    #[arg(long, value_name = "FILE")]
    ca_cert: Vec<PathBuf>,
    /// Profile of the configuration file
    ///
    /// The section `[profiles.NAME]` of `esml-state/config.toml` in $XDG_CONFIG_HOME or ~/.config (on Windows, in
    /// %APPDATA%). It contains connection options. Those on the command line override it; ELASTICSEARCH_* are
    /// ignored.
    ///
    /// Environment: ESML_PROFILE
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// PEM file with the client certificate, for mutual TLS
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// PEM file with the private key of --client-cert
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Do not verify the certificate of the server
    ///
    /// The credential and the data can then be read and changed in transit. A warning is printed each time.
    #[arg(short = 'k', long, alias = "ignore_certs")]
    ignore_certs: bool,
    /// Timeout per request [default: 2m]
    ///
    /// The timeout of the initial connection is 10s, or TIME if that is shorter. TIME has a unit, as in `90s` or `5m`.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// How long scrolls and points in time are kept open between requests [default: 5m]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = keep_alive)]
    keep_alive: Option<String>,
    /// How long to retry a failed request [default: 60s]
    ///
    /// The time starts with the first failure of the request. Temporary failures are retried: status 408, 429, 502, 503
    /// and 504, failed connections, and timeouts. The delay between attempts grows up to 10s, and `Retry-After` is
    /// honored. An unknown host name or a refused initial connection is not retried.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_for: Option<Duration>,
    /// Maximum number of retries per request
    ///
    /// By default, only --retry-for limits the retries.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = number(0_u32, 1000))]
    retries: Option<u32>,
    #[arg(skip)]
    origin: Origin,
}

impl ConnectionOptions {
    /// The options for the profile or URL of an option of `copy`: nothing else selects the cluster or its credential.
    pub(super) fn of_cluster(&self, option: &'static str, cluster: &Secret) -> Self {
        let is_url = cluster.reveal().contains([':', '/']);
        let profile = if is_url { "" } else { cluster.reveal() };
        Self {
            url: is_url.then(|| cluster.clone()),
            profile: Some(profile.to_owned()),
            ca_cert: self.ca_cert.clone(),
            ignore_certs: self.ignore_certs,
            timeout: self.timeout,
            keep_alive: self.keep_alive.clone(),
            retry_for: self.retry_for,
            retries: self.retries,
            origin: Origin::Cluster(option),
            ..Self::default()
        }
    }

    fn from_environment(environment: &Environment) -> Result<Self> {
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
        let ca_cert = value("ca-cert").filter(|path| !path.is_empty());
        Ok(Self {
            url: secret("url")?,
            cloud_id: text("cloud-id")?,
            user: secret("username")?,
            password: secret("password")?,
            api_key: secret("api-key")?,
            bearer_token: secret("bearer-token")?,
            ca_cert: ca_cert.map(PathBuf::from).into_iter().collect(),
            origin,
            ..Self::default()
        })
    }

    /// The address, and the credential that these options and the URL contain. Empty values are missing.
    fn access(&self) -> Result<(Option<Url>, Source)> {
        let name = |option| self.origin.name(option);
        let mut source = Source::new(self.origin.clone());
        let url = self.url.as_ref().filter(|url| !url.reveal().is_empty());
        let cloud_id = self.cloud_id.as_ref().filter(|id| !id.is_empty());
        let address = match (url, cloud_id) {
            (Some(_), Some(_)) => {
                return Err(Error::usage(
                    format!("{} cannot be used with {}", name("cloud-id"), name("url")),
                    "remove one of them: a Cloud ID contains the address",
                ));
            }
            (Some(url), None) => Some(parse_url(url.reveal(), &mut source)?),
            (None, Some(id)) => {
                let message = format!("{} is not a valid Cloud ID", name("cloud-id"));
                let hint = "copy the complete Cloud ID from the deployment's page in the Elastic Cloud Console";
                Some(cloud_address(id).ok_or_else(|| Error::usage(message, hint))?)
            }
            (None, None) => None,
        };
        let user = self.user.as_ref().map(Secret::reveal).unwrap_or_default();
        // As in curl. A user name cannot contain a colon, a password can.
        let (username, after) = user.split_once(':').unwrap_or((user, ""));
        let after_username = format!("the password in {}", name("username"));
        source.add(Kind::Username, name("username"), Some(Secret::new(username)));
        source.add(Kind::PasswordOfUser, after_username, Some(Secret::new(after)));
        source.add(Kind::Password, name("password"), self.password.clone());
        source.parts.extend(self.password_file.clone().map(|path| Part {
            kind: Kind::Password,
            option: name("password-file"),
            place: SecretPlace::File(path),
        }));
        source.add(Kind::ApiKey, name("api-key"), self.api_key.clone());
        source.add(Kind::BearerToken, name("bearer-token"), self.bearer_token.clone());
        Ok((address, source))
    }

    /// Resolves the address and the credential. Reads the profile and the secret, and may prompt for the password. A signal
    /// ends it.
    ///
    /// # Errors
    /// If options conflict or are invalid, or if the profile or the secret cannot be read.
    pub(super) async fn resolve(self, context: &RunContext, terminal: &Terminal) -> Result<ConnectOptions> {
        let signals = Signals::listen(&context.stop, terminal);
        signals.or(self.resolve_in(&context.environment, terminal)).await
    }

    pub(super) async fn resolve_in(self, environment: &Environment, terminal: &Terminal) -> Result<ConnectOptions> {
        let mut profile = Profile::<Self>::selected(self.profile.as_deref(), environment)?;
        let mut other = match &mut profile {
            Some(profile) => Self {
                origin: Origin::Profile(profile.name.clone()),
                ..std::mem::take(&mut profile.options)
            },
            None if matches!(self.origin, Origin::Cluster(_)) => Self::default(),
            None => Self::from_environment(environment)?,
        };
        let (own_address, own) = self.access()?;
        if own_address.is_some() {
            (other.url, other.cloud_id) = (None, None);
        }
        let (other_address, mut others) = other.access()?;
        let address = match own_address.or(other_address) {
            Some(address) => address,
            None => parse_url(DEFAULT_URL, &mut others)?,
        };
        if let Some(profile) = profile {
            others.parts.extend(profile.secrets.iter().cloned());
            if let Some(option) = others.secret_in_text() {
                profile.warn_if_readable(option, terminal);
            }
        }
        if address.scheme() != "https" {
            self.warn_of_tls_options(terminal);
        }
        let credential = credential_for(&address, &[own, others], environment, terminal).await?;
        let own = credential.as_ref().map(Credential::secrets).unwrap_or_default();
        let secrets = own.with(&proxy_secrets(environment));
        terminal.redact(&secrets);
        Ok(self.connect_options(other, address, credential, secrets))
    }

    fn warn_of_tls_options(&self, terminal: &Terminal) {
        for (option, is_given) in [
            ("--ca-cert", !self.ca_cert.is_empty()),
            ("--client-cert", self.client_cert.is_some()),
            ("--ignore-certs", self.ignore_certs),
        ] {
            if is_given {
                terminal.warn(&format!("{option} has no effect: the address starts with http://"));
            }
        }
    }

    /// These options, then the `other` ones, then the defaults.
    fn connect_options(
        self,
        other: Self,
        address: Url,
        credential: Option<Credential>,
        secrets: Secrets,
    ) -> ConnectOptions {
        let uses_tls = address.scheme() == "https";
        let mut ca_certs = [self.ca_cert, other.ca_cert].into_iter();
        let identity = self.client_cert.zip(self.client_key);
        let keep_alive = self.keep_alive.or(other.keep_alive);
        ConnectOptions {
            address,
            credential,
            ca_certs: ca_certs.find(|paths| !paths.is_empty()).unwrap_or_default(),
            client_identity: identity.or_else(|| other.client_cert.zip(other.client_key)),
            verify_certificates: !(uses_tls && (self.ignore_certs || other.ignore_certs)),
            timeout: self.timeout.or(other.timeout).unwrap_or(DEFAULT_TIMEOUT),
            retries: self.retries.or(other.retries).unwrap_or(u32::MAX),
            retry_for: self.retry_for.or(other.retry_for).unwrap_or(DEFAULT_RETRY_FOR),
            secrets,
            keep_alive: keep_alive.unwrap_or_else(|| DEFAULT_KEEP_ALIVE.to_owned()),
            max_requests: MAX_REQUESTS,
        }
    }
}

/// The credential of these sources. Asks for a missing password on a terminal.
async fn credential_for(
    address: &Url,
    sources: &[Source],
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Option<Credential>> {
    let ask = async |user: &str| {
        if !terminal.interactive() {
            return Ok(None);
        }
        let prompt = format!("Password for {user} on {address}");
        let asked = question::ask(terminal, move |terminal| terminal.password(&prompt));
        asked.await.map(Some)
    };
    credentials::resolve(sources, environment, ask).await
}

/// The passwords in proxy addresses. A proxy may echo them in a response.
fn proxy_secrets(environment: &Environment) -> Secrets {
    let secrets = environment.iter().filter_map(|(name, address)| {
        let is_proxy = name.to_str()?.to_ascii_lowercase().ends_with("_proxy");
        let address = Url::parse(address.to_str().filter(|_| is_proxy)?).ok()?;
        let password = percent_encoding::percent_decode_str(address.password()?).decode_utf8_lossy();
        Some(Secrets::of([&*password, &format!("{}:{password}", address.username())]))
    });
    secrets.fold(Secrets::default(), |all, proxy| all.with(&proxy))
}

/// Checks a duration that is sent to Elasticsearch as typed. By default, Elasticsearch accepts at most a day.
fn keep_alive(text: &str) -> Result<String, String> {
    timeout(text).map(|_| text.to_owned())
}

/// Parses a duration. Only zero needs no unit.
fn duration(text: &str) -> Result<Duration, String> {
    let zero = (text == "0").then_some(Duration::ZERO);
    let duration = zero.or_else(|| parse_duration(text));
    duration.ok_or_else(|| "expected a number with a unit, such as 90s or 5m".to_owned())
}

/// Parses a duration above zero, up to a day.
fn timeout(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    match time.is_zero() || time > Duration::from_secs(86_400) {
        true => Err("expected a duration above zero, at most 1d".to_owned()),
        false => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_except_zero() {
        for (text, millis) in [("0", 0), ("0s", 0), ("90s", 90_000), ("7ms", 7), ("5m", 300_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "90", "5x", "s", "1.5h", "-1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(timeout("0s").is_err() && timeout("2d").is_err() && timeout("1d").is_ok());
        assert_eq!(keep_alive("500ms").as_deref(), Ok("500ms"));
        for text in ["5", "0", "0m", "5M"] {
            assert!(keep_alive(text).is_err(), "{text}");
        }
    }
}
