//! The options that `export` and `import` share: where the cluster is and who asks.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::cli::address::{parse_url, read_password};
use crate::cli::credential::{self, Claims, Login, Source};
use crate::cli::values;
use crate::cluster::{ConnectOptions, Credential, Endpoint};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::secret::{Secret, Secrets};

const DEFAULT_URL: &str = "https://localhost:9200";
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// Where the cluster is and who asks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct Connection {
    /// Address of the cluster [default: https://localhost:9200]
    ///
    /// A path behind the host is kept. `user:password@` before the host, percent-encoded where needed, is
    /// taken as the credential and never printed. A user alone takes its password as --username does.
    ///
    /// Environment: ELASTICSEARCH_URL
    #[arg(long, value_name = "URL", env = "ELASTICSEARCH_URL", hide_env = true, value_parser = values::secret)]
    url: Option<Secret>,
    /// Elastic Cloud id, instead of --url
    ///
    /// Environment: ELASTICSEARCH_CLOUD_ID
    #[arg(
        long,
        alias = "cloud_id",
        value_name = "ID",
        env = "ELASTICSEARCH_CLOUD_ID",
        hide_env = true
    )]
    cloud_id: Option<String>,
    /// User name; the password is asked for where none is given
    ///
    /// A credential on the command line wins over those in the environment. At most one of user and
    /// password, API key and bearer token may be given; none is fine for a cluster without security.
    ///
    /// Environment: ELASTICSEARCH_USERNAME
    #[arg(long, value_name = "NAME", env = "ELASTICSEARCH_USERNAME", hide_env = true)]
    username: Option<String>,
    /// Password; --password-file does not show it to others
    ///
    /// Environment: ELASTICSEARCH_PASSWORD
    #[arg(long, value_name = "PASSWORD", env = "ELASTICSEARCH_PASSWORD", hide_env = true, value_parser = values::secret)]
    password: Option<Secret>,
    /// Read the password from a file, `-` for stdin
    ///
    /// A line feed at its end is not part of the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// API key, encoded or as `id:key`
    ///
    /// Environment: ELASTICSEARCH_API_KEY
    #[arg(long, value_name = "KEY", env = "ELASTICSEARCH_API_KEY", hide_env = true, value_parser = values::secret)]
    api_key: Option<Secret>,
    /// Bearer token
    ///
    /// Environment: ELASTICSEARCH_BEARER_TOKEN
    #[arg(long, value_name = "TOKEN", env = "ELASTICSEARCH_BEARER_TOKEN", hide_env = true, value_parser = values::secret)]
    bearer_token: Option<Secret>,
    /// PEM file with certificate authorities to trust besides the usual ones
    ///
    /// May be given more than once and hold several certificates.
    ///
    /// Environment: ELASTICSEARCH_CA_CERT
    #[arg(long, value_name = "FILE", env = "ELASTICSEARCH_CA_CERT", hide_env = true)]
    ca_cert: Vec<PathBuf>,
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
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = values::timeout)]
    timeout: Duration,
    /// How long scrolls and points in time stay open
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = values::keep_alive)]
    keep_alive: String,
    /// How long to retry a request that failed
    ///
    /// The time begins with its first failure. Failures that may be temporary are retried: 408, 429, 502, 503, 504, failed connections and timeouts. The pause grows
    /// each time, up to 10s; `Retry-After` is honored. An unknown host name or a refused initial connection is not retried.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::time)]
    retry_for: Duration,
    /// Retry a request at most N times
    ///
    /// Without it, --retry-for is the only bound.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    retries: Option<u32>,
}

impl Connection {
    /// The plain options. Reads the password file and may ask for the password.
    ///
    /// # Errors
    /// [`Error::Usage`] for options that contradict each other or make no address or credential;
    /// [`Error::File`] for a password file that cannot be read.
    pub(in crate::cli) fn resolve(self, matches: &ArgMatches, terminal: &Terminal) -> Result<ConnectOptions> {
        let sources = Sources { matches };
        let (endpoint, address_login, named_by) = self.endpoint(&sources)?;
        let credential = self.credential(&sources, address_login, named_by, terminal)?;
        let timeout = self.timeout;
        let own = credential.as_ref().map(Credential::secrets).unwrap_or_default();
        let secrets = own.with(&proxy_secrets(std::env::vars_os()));
        terminal.conceal(&secrets);
        Ok(ConnectOptions {
            endpoint,
            credential,
            ca_certs: self
                .ca_cert
                .into_iter()
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            client_identity: self.client_cert.zip(self.client_key),
            verify_certificates: !self.ignore_certs,
            timeout,
            first_contact: FIRST_CONTACT.min(timeout),
            retries: self.retries.unwrap_or(u32::MAX),
            retry_for: self.retry_for,
            secrets,
            keep_alive: self.keep_alive,
        })
    }

    /// The address, the user in it, and what named it.
    fn endpoint(&self, sources: &Sources<'_>) -> Result<(Endpoint, Login, Source)> {
        let url = self
            .url
            .as_ref()
            .filter(|url| !url.reveal().is_empty())
            .map(|url| (url, sources.of("url")));
        let cloud = self
            .cloud_id
            .as_ref()
            .filter(|id| !id.is_empty())
            .map(|id| (id, sources.of("cloud_id")));
        match (url, cloud) {
            (Some((_, source)), Some((_, other))) if source == other => Err(usage(
                format!("{} cannot be used with {}", source.cloud_id(), source.url()),
                "a cloud id holds the address already",
            )),
            (Some((url, source)), cloud) if source == Source::CommandLine || cloud.is_none() => {
                let (url, login) = parse_url(url.reveal(), source.url())?;
                Ok((Endpoint::Url(url), login, source))
            }
            (_, Some((id, source))) => Ok((Endpoint::CloudId(id.clone()), Login::default(), source)),
            (_, None) => {
                let (url, login) = parse_url(DEFAULT_URL, Source::CommandLine.url())?;
                Ok((Endpoint::Url(url), login, Source::Environment))
            }
        }
    }

    fn credential(
        &self,
        sources: &Sources<'_>,
        address: Login,
        named_by: Source,
        terminal: &Terminal,
    ) -> Result<Option<Credential>> {
        let mut explicit = self.claims(sources, Source::CommandLine);
        let mut environment = self.claims(sources, Source::Environment);
        match named_by {
            Source::CommandLine => explicit.address = address,
            Source::Environment => environment.address = address,
        }
        if let Some(path) = &self.password_file {
            if explicit.login.password.is_some() {
                return Err(usage(
                    "--password cannot be used with --password-file",
                    "keep --password-file",
                ));
            }
            explicit.login.password = Some(read_password(path)?);
            explicit.from_file = true;
        }
        credential::choose(&explicit, &environment, |user| {
            terminal.password(&format!("Password of {user}")).ok()
        })
    }

    /// What this source gives. An empty text counts as not given.
    fn claims(&self, sources: &Sources<'_>, source: Source) -> Claims {
        let from = |id| sources.of(id) == source;
        let secret = |id, value: &Option<Secret>| value.clone().filter(|v| from(id) && !v.reveal().is_empty());
        Claims {
            source,
            login: Login {
                username: self
                    .username
                    .clone()
                    .filter(|name| from("username") && !name.is_empty()),
                password: secret("password", &self.password),
            },
            api_key: secret("api_key", &self.api_key),
            bearer: secret("bearer_token", &self.bearer_token),
            ..Claims::default()
        }
    }
}

/// The passwords in the addresses of proxies: a proxy may return them too.
fn proxy_secrets(environment: impl Iterator<Item = (OsString, OsString)>) -> Secrets {
    let texts = environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let proxies = texts.filter(|(name, _)| name.to_ascii_lowercase().ends_with("_proxy"));
    let addresses = proxies.filter_map(|(_, address)| url::Url::parse(&address).ok());
    let credentials = addresses.filter_map(|address| {
        let password = address.password().map(str::to_owned)?;
        let password = percent_encoding::percent_decode_str(&password)
            .decode_utf8_lossy()
            .into_owned();
        Some(Credential::Basic {
            username: address.username().to_owned(),
            password: Secret::new(password),
        })
    });
    credentials.fold(Secrets::default(), |all, proxy| all.with(&proxy.secrets()))
}

struct Sources<'a> {
    matches: &'a ArgMatches,
}

impl Sources<'_> {
    /// Where an option was taken from.
    fn of(&self, id: &str) -> Source {
        match self.matches.value_source(id) {
            Some(ValueSource::CommandLine) => Source::CommandLine,
            _ => Source::Environment,
        }
    }
}

fn usage(message: impl Into<String>, hint: &str) -> Error {
    Error::Usage {
        message: message.into(),
        hint: Some(hint.to_owned()),
    }
}
