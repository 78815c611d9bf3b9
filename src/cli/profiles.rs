//! Profiles: sections `[profiles.NAME]` of the configuration file. A key is the long name of a connection option with `_`
//! instead of `-`, so that a section is parsed as a command line. A secret can also come from a file, a command or the
//! environment (`password_command`).

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::credentials::{Kind, Origin, Part};
use crate::cli::secrets::SecretPlace;
use crate::commands::Environment;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::quoted;
use crate::util::similar::suggest;

/// The option that selects a profile.
const PROFILE: &str = "profile";
/// The keys whose values are paths.
const FILES: [&str; 3] = ["ca_cert", "client_cert", "client_key"];
/// The only key whose value is a Boolean.
const FLAG: &str = "ignore_certs";
const ANOTHER_TYPE: &str = "has a value of another type";

/// A section of the configuration file.
#[derive(Debug)]
pub(super) struct Profile<T> {
    pub(super) name: String,
    pub(super) options: T,
    /// The secrets that are not in the file.
    pub(super) secrets: Vec<Part>,
    file: PathBuf,
}

/// The configuration file, and the home directory.
struct ConfigFile {
    path: PathBuf,
    text: String,
    home: Option<PathBuf>,
}

impl<T: Args> Profile<T> {
    /// Reads the selected profile, by default that of the environment. An empty name selects none.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid, or if the profile does not exist or is not valid.
    pub(super) fn selected(name: Option<&str>, environment: &Environment) -> Result<Option<Self>> {
        // No profile has a name that is not UTF-8, which is reported.
        let in_environment = environment
            .get(OsStr::new("ESML_PROFILE"))
            .map(|name| name.to_string_lossy());
        let name = name.or(in_environment.as_deref()).filter(|name| !name.is_empty());
        name.map(|name| Self::load(name, environment)).transpose()
    }

    fn load(name: &str, environment: &Environment) -> Result<Self> {
        let file = ConfigFile::read(environment)?;
        let section = file.section(name)?;
        let (mut words, mut secrets) = (Vec::new(), Vec::new());
        for (key, value) in section.get_ref() {
            let (at, key) = (key.span().start, key.get_ref().as_ref());
            if key.contains('-') {
                let similar = key.replace('-', "_");
                let why = format!("{key} of profile {name} is unknown (did you mean {similar}?)");
                return Err(file.error(at, &why));
            }
            let another_type = || file.error(at, &format!("{key} of profile {name} {ANOTHER_TYPE}"));
            let text = value.get_ref().as_str();
            if let Some((kind, place)) = file.secret_of(key, text.unwrap_or_default()) {
                let option = Origin::Profile(name.to_owned()).name(key);
                text.ok_or_else(another_type)?;
                secrets.push(Part { kind, option, place });
            } else {
                words.extend(file.words(key, value.get_ref()).ok_or_else(another_type)?);
            }
        }
        let parser = Command::new(PROFILE).no_binary_name(true).disable_help_flag(true);
        let parser = T::augment_args(parser);
        // A profile cannot select another one.
        let parser = parser.mut_arg(PROFILE, |arg| arg.long(None));
        let parsed = parser.try_get_matches_from(words);
        let parsed = parsed.and_then(|matches| T::from_arg_matches(&matches));
        let options = parsed.map_err(|error| {
            let (key, why) = describe(&error);
            let given = section.get_ref().get_key_value(key.as_str());
            let at = given.map_or(section.span(), |(key, _)| key.span());
            file.error(at.start, &format!("{key} of profile {name} {why}"))
        })?;
        Ok(Self {
            name: name.to_owned(),
            options,
            secrets,
            file: file.path,
        })
    }

    /// Warns if the configuration file contains a secret and other users can read it. On Windows, its directory is private.
    pub(super) fn warn_if_readable(&self, secret: &str, terminal: &Terminal) {
        if let Some(mode) = mode(&self.file).filter(|mode| mode & 0o077 != 0) {
            let file = quoted(&self.file);
            terminal.warn(&format!(
                "other users of this machine can read {secret}: the mode of {file} is {mode:o}; run `chmod 600 {file}`"
            ));
        }
    }
}

#[cfg(unix)]
fn mode(file: &Path) -> Option<u32> {
    let permissions = std::fs::metadata(file).ok()?.permissions();
    Some(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// The key that a message of clap is about, and the message without the value.
fn describe(error: &clap::Error) -> (String, String) {
    let key = |kind| {
        let option = match error.get(kind)? {
            ContextValue::String(option) => option,
            ContextValue::Strings(options) => options.first()?,
            _ => return None,
        };
        // Such as `--client-key <FILE>`.
        let name = option.trim_start_matches('-').split(' ').next();
        name.map(|name| name.replace('-', "_"))
    };
    let why = match (error.kind(), error.source(), key(ContextKind::SuggestedArg)) {
        (ErrorKind::UnknownArgument, _, Some(similar)) => format!("is unknown (did you mean {similar}?)"),
        (ErrorKind::UnknownArgument, _, None) => "is unknown".to_owned(),
        (ErrorKind::MissingRequiredArgument, ..) => "is missing".to_owned(),
        (_, Some(cause), _) => format!("is invalid: {cause}"),
        (_, None, _) => ANOTHER_TYPE.to_owned(),
    };
    (key(ContextKind::InvalidArg).unwrap_or_default(), why)
}

impl ConfigFile {
    fn read(environment: &Environment) -> Result<Self> {
        let folder = |name: &str| {
            let path = environment.get(OsStr::new(name)).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let (home, config) = match cfg!(windows) {
            true => (folder("USERPROFILE"), folder("APPDATA")),
            false => (folder("HOME"), folder("XDG_CONFIG_HOME")),
        };
        let config = config.or_else(|| Some(home.as_ref()?.join(".config")));
        let config = config.ok_or_else(|| {
            let hint = "set HOME (on Windows APPDATA) to an absolute path";
            Error::usage("the directory of the configuration file is unknown", hint)
        })?;
        let path = config.join("esml-state").join("config.toml");
        let text = std::fs::read_to_string(&path).map_err(|cause| {
            let hint = "add a section such as `[profiles.production]` with a key `url` to this file, or use --url instead of --profile";
            Error::usage(format!("cannot read the profiles in {}: {cause}", path.display()), hint)
        })?;
        Ok(Self { path, text, home })
    }

    /// The keys and values of a profile.
    fn section(&self, name: &str) -> Result<Spanned<DeTable<'_>>> {
        let document = DeTable::parse(&self.text).map_err(|error| {
            // The complete text of the error would contain the line, which can contain a secret.
            self.error(error.span().unwrap_or_default().start, error.message())
        })?;
        let mut profiles = DeTable::new();
        for (key, value) in document.into_inner() {
            match (key.get_ref().as_ref(), value.into_inner()) {
                ("profiles", DeValue::Table(table)) => profiles = table,
                (other, _) => {
                    let message = format!("unexpected `{other}`: expected sections such as [profiles.production]");
                    return Err(self.error(key.span().start, &message));
                }
            }
        }
        if let Some(value) = profiles.remove(name)
            && let (span, DeValue::Table(section)) = (value.span(), value.into_inner())
        {
            return Ok(Spanned::new(span, section));
        }
        let message = format!("profile {name} does not exist in {}", self.path.display());
        let names = profiles.keys().map(|name| name.get_ref().as_ref());
        let next = format!("add a section `[profiles.{name}]` to the file");
        Err(Error::usage(message, suggest(name, names, &next)))
    }

    /// The secret that a key such as `password_file` is about, and its place.
    fn secret_of(&self, key: &str, text: &str) -> Option<(Kind, SecretPlace)> {
        let (secret, place) = key.rsplit_once('_')?;
        let kind = match secret {
            "password" => Kind::Password,
            "api_key" => Kind::ApiKey,
            "bearer_token" => Kind::BearerToken,
            _ => return None,
        };
        let place = match place {
            "file" => SecretPlace::File(self.resolve(text)),
            "command" => SecretPlace::Command(text.to_owned()),
            "env" => SecretPlace::Variable(text.into()),
            _ => return None,
        };
        Some((kind, place))
    }

    /// A key as words of a command line; `None` if its value has another type.
    fn words(&self, key: &str, value: &DeValue<'_>) -> Option<Vec<OsString>> {
        let option = format!("--{}", key.replace('_', "-"));
        let with = |text: &str| {
            let mut word = OsString::from(format!("{option}="));
            word.push(if FILES.contains(&key) {
                self.resolve(text)
            } else {
                text.into()
            });
            word
        };
        match value {
            DeValue::String(text) => Some(vec![with(text)]),
            DeValue::Integer(number) => Some(vec![with(&number.to_string())]),
            DeValue::Boolean(false) if key == FLAG => Some(Vec::new()),
            // An option with a value is then incomplete, which is refused.
            DeValue::Boolean(_) => Some(vec![option.into()]),
            DeValue::Array(items) if key == "ca_cert" => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(with));
                texts.collect()
            }
            _ => None,
        }
    }

    /// A path in the file: relative to its directory, and `~/` is the home directory.
    fn resolve(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.path.with_file_name("").join(path),
        }
    }

    /// An error with the file and the line.
    fn error(&self, position: usize, message: &str) -> Error {
        let line = 1 + self.text.bytes().take(position).filter(|byte| *byte == b'\n').count();
        let hint = "correct the file; docs/configuration.md describes it";
        Error::usage(format!("{}:{line}: {message}", self.path.display()), hint)
    }
}
