//! The connection options, and what a profile or the environment adds to them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use crate::cli::credentials::{self, AccessOptions, Origin, parse_url};
use crate::cli::profiles::Profile;
use crate::cluster::{ConnectOptions, Credential};
use crate::commands::Environment;
use crate::commands::options::number;
use crate::error::Result;
use crate::terminal::{Terminal, exit_on_signal};
use crate::util::format::parse_duration;
use crate::util::secret::{Secret, Secrets};

const DEFAULT_URL: &str = "https://localhost:9200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
const DEFAULT_RETRY_FOR: Duration = Duration::from_secs(60);
const DEFAULT_KEEP_ALIVE: &str = "5m";

// Not a doc comment, which clap would use as the help of the command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionOptions {
    #[command(flatten)]
    access: AccessOptions,
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
    /// Whether the environment is ignored.
    #[arg(skip)]
    is_complete: bool,
}

impl ConnectionOptions {
    /// Resolves the source and the target of a copy, each with its option. Without one, the source is the cluster of these
    /// options, and the target is the source.
    ///
    /// # Errors
    /// The same as for [`resolve`](Self::resolve).
    pub(super) fn resolve_pair(
        self,
        [source, target]: [(&'static str, Option<&Secret>); 2],
        environment: &Environment,
        terminal: &Terminal,
    ) -> Result<(ConnectOptions, Option<ConnectOptions>)> {
        let of = |(option, cluster): (_, Option<&Secret>)| cluster.map(|cluster| self.of_cluster(option, cluster));
        let (source, target) = (of(source).unwrap_or_else(|| self.clone()), of(target));
        let source = source.resolve(environment, terminal)?;
        let target = target.map(|target| target.resolve(environment, terminal));
        Ok((source, target.transpose()?))
    }

    /// The options for a profile or a URL: nothing else selects the cluster or its credential.
    fn of_cluster(&self, option: &'static str, cluster: &Secret) -> Self {
        let is_url = cluster.reveal().contains([':', '/']);
        let profile = if is_url { "" } else { cluster.reveal() };
        Self {
            access: self.access.of_url(is_url.then(|| cluster.clone()), option),
            profile: Some(profile.to_owned()),
            client_cert: None,
            client_key: None,
            is_complete: true,
            ..self.clone()
        }
    }

    /// Resolves the address and the credential. Reads the profile and the password file, and may prompt for the password.
    ///
    /// # Errors
    /// If options conflict or are invalid, or if the profile or the secret cannot be read.
    pub(super) fn resolve(self, environment: &Environment, terminal: &Terminal) -> Result<ConnectOptions> {
        let profile = Profile::<Self>::selected(self.profile, environment)?;
        let mut other = profile
            .as_ref()
            .map(|profile| profile.options.clone())
            .unwrap_or_default();
        match &profile {
            Some(profile) => other.access.set_profile(&profile.name),
            None if self.is_complete => {}
            None => other.access = AccessOptions::from_environment(environment)?,
        }
        let mut sources = [self.access, other.access].map(AccessOptions::without_empty);
        let mut address = None;
        for source in &mut sources {
            if address.is_none() {
                address = source.address()?;
            }
        }
        let address = match address {
            Some(address) => address,
            None => parse_url(DEFAULT_URL, &Origin::CommandLine)?.0,
        };
        sources[0].read_password_file()?;
        if let Some(profile) = profile {
            if let Some(option) = sources[1].secret_option() {
                profile.warn_if_readable(&option, terminal);
            }
            // A secret that is not needed is not read, because a command can prompt.
            if let Some(place) = profile.secret.filter(|_| sources[0].secret_option().is_none()) {
                sources[1].set_secret(place.secret(), place.read(&profile.name, environment)?);
            }
        }
        let uses_tls = address.scheme() == "https";
        for (option, is_given) in [
            ("--ca-cert", !sources[0].ca_cert.is_empty()),
            ("--client-cert", self.client_cert.is_some()),
            ("--ignore-certs", self.ignore_certs),
        ] {
            if is_given && !uses_tls {
                terminal.warn(&format!("{option} has no effect: the address starts with http://"));
            }
        }
        let ask = |user: &str| {
            let _guard = exit_on_signal();
            terminal.password(&format!("Password for {user} on {address}")).ok()
        };
        let credential = credentials::resolve(&sources, ask)?;
        let own = credential.as_ref().map(Credential::secrets).unwrap_or_default();
        let secrets = own.with(&proxy_secrets(environment));
        terminal.redact(&secrets);
        let mut ca_certs = sources.into_iter().map(|source| source.ca_cert);
        let mut ca_certs = ca_certs.find(|paths| !paths.is_empty()).unwrap_or_default();
        ca_certs.retain(|path| !path.as_os_str().is_empty());
        let identity = self.client_cert.zip(self.client_key);
        let keep_alive = self.keep_alive.or(other.keep_alive);
        Ok(ConnectOptions {
            address,
            credential,
            ca_certs,
            client_identity: identity.or_else(|| other.client_cert.zip(other.client_key)),
            verify_certificates: !(uses_tls && (self.ignore_certs || other.ignore_certs)),
            timeout: self.timeout.or(other.timeout).unwrap_or(DEFAULT_TIMEOUT),
            retries: self.retries.or(other.retries).unwrap_or(u32::MAX),
            retry_for: self.retry_for.or(other.retry_for).unwrap_or(DEFAULT_RETRY_FOR),
            secrets,
            keep_alive: keep_alive.unwrap_or_else(|| DEFAULT_KEEP_ALIVE.to_owned()),
        })
    }
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
