//! What the command line and the environment each name, and how it is called there.

use crate::cli::credential::{Chosen, usage};
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// A user, as far as named.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Login {
    pub(in crate::cli) username: Option<String>,
    pub(in crate::cli) password: Option<Secret>,
}

/// Where something is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) enum Source {
    #[default]
    CommandLine,
    Environment,
}

/// What one source names.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Claims {
    pub(in crate::cli) source: Source,
    pub(in crate::cli) login: Login,
    /// The password of `login` is that of `--password-file`.
    pub(in crate::cli) from_file: bool,
    /// `user:password@` of an address from the same source.
    pub(in crate::cli) address: Login,
    pub(in crate::cli) api_key: Option<Secret>,
    pub(in crate::cli) bearer: Option<Secret>,
}

impl Source {
    pub(super) fn one_of(self, option: &'static str, variable: &'static str) -> &'static str {
        match self {
            Self::CommandLine => option,
            Self::Environment => variable,
        }
    }

    /// The option or variable with the address.
    pub(in crate::cli) fn url(self) -> &'static str {
        self.one_of("--url", "ELASTICSEARCH_URL")
    }

    /// The option or variable with the cloud id.
    pub(in crate::cli) fn cloud_id(self) -> &'static str {
        self.one_of("--cloud-id", "ELASTICSEARCH_CLOUD_ID")
    }

    fn username(self) -> &'static str {
        self.one_of("--username", "ELASTICSEARCH_USERNAME")
    }
}

impl Claims {
    /// The one credential of this source.
    pub(super) fn only(&self) -> Result<Option<Chosen>> {
        let login = self.one_login()?;
        let name = match (&self.address.username, &self.address.password) {
            (None, None) if self.login.username.is_some() => self.source.username().to_owned(),
            (None, None) => self.password().to_owned(),
            _ => self.in_address(),
        };
        let (api_key, bearer) = (
            self.source.one_of("--api-key", "ELASTICSEARCH_API_KEY"),
            self.source.one_of("--bearer-token", "ELASTICSEARCH_BEARER_TOKEN"),
        );
        let claims = [
            login.map(|login| (Chosen::Login(login), name)),
            self.api_key
                .clone()
                .map(|key| (Chosen::ApiKey(key), api_key.to_owned())),
            self.bearer
                .clone()
                .map(|token| (Chosen::Bearer(token), bearer.to_owned())),
        ];
        let mut given = claims.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some((_, one)), Some((_, other))) => Err(self.two(&one, &other)),
            (first, _) => Ok(first.map(|(claim, _)| claim)),
        }
    }

    /// The user of the options and the one in the address: either may complete the other, not contradict it.
    fn one_login(&self) -> Result<Option<Login>> {
        let (login, address) = (&self.login, &self.address);
        let username = self.user()?;
        if login.password.is_some() && address.password.is_some() {
            return Err(self.two(&self.in_address(), self.password()));
        }
        let both = Login {
            username,
            password: login.password.clone().or_else(|| address.password.clone()),
        };
        Ok((both.username.is_some() || both.password.is_some()).then_some(both))
    }

    /// The one user that this source names.
    pub(super) fn user(&self) -> Result<Option<String>> {
        match (&self.login.username, &self.address.username) {
            (Some(_), Some(_)) => Err(self.two(&self.in_address(), self.source.username())),
            (one, other) => Ok(one.clone().or_else(|| other.clone())),
        }
    }

    /// The option or variable with the password.
    fn password(&self) -> &'static str {
        match self.from_file {
            true => "--password-file",
            false => self.source.one_of("--password", "ELASTICSEARCH_PASSWORD"),
        }
    }

    fn in_address(&self) -> String {
        let what = match (&self.address.username, &self.address.password) {
            (Some(_), Some(_)) => "user:password@",
            (Some(_), None) => "the user",
            (None, _) => "the password",
        };
        format!("{what} in {}", self.source.url())
    }

    fn two(&self, one: &str, other: &str) -> Error {
        let source = self.source.one_of("the command line", "the environment");
        usage(
            format!("{one} cannot be used with {other}: {source} names two credentials"),
            "keep one of user and password, API key, or bearer token",
        )
    }
}
