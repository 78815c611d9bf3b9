//! Profiles: sections `[profiles.NAME]` of the configuration file. A key is the long name of a connection option with `_`
//! instead of `-`, so that a section is parsed as a command line. A secret can also come from a file, a command or the
//! environment (`password_command`).

use std::collections::BTreeMap;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::credentials::{MAX_PASSWORD_FILE, read_password};
use crate::commands::Environment;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::quoted;
use crate::util::process::Signals;
use crate::util::secret::Secret;
use crate::util::similar::suggest;

/// The option that selects a profile, which is not part of one.
const PROFILE: &str = "profile";
/// The options that contain a secret or its place start with one of these. A profile can have one of them.
const SECRETS: [&str; 3] = ["password", "api-key", "bearer-token"];
/// The options that contain the place of a secret.
const PLACES: [&str; 9] = [
    "password-file",
    "password-command",
    "password-env",
    "api-key-file",
    "api-key-command",
    "api-key-env",
    "bearer-token-file",
    "bearer-token-command",
    "bearer-token-env",
];

/// A section of the configuration file.
#[derive(Debug)]
pub(super) struct Profile<T> {
    pub(super) name: String,
    pub(super) options: T,
    pub(super) secret: Option<SecretPlace>,
    file: PathBuf,
}

/// A secret that is not in the configuration file.
#[derive(Debug)]
pub(super) struct SecretPlace {
    /// One of [`PLACES`].
    place: &'static str,
    /// The file, the command, or the name of the environment variable.
    text: OsString,
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
    pub(super) fn selected(name: Option<String>, environment: &Environment) -> Result<Option<Self>> {
        let in_environment = || environment.get(OsStr::new("ESML_PROFILE"));
        let name = name.or_else(|| in_environment().map(|name| name.to_string_lossy().into_owned()));
        let name = name.filter(|name| !name.is_empty());
        name.map(|name| Self::load(name, environment)).transpose()
    }

    fn load(name: String, environment: &Environment) -> Result<Self> {
        let file = ConfigFile::read(environment)?;
        let section = file.section(&name)?;
        let parser = parser::<T>();
        let options = parser.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
        let options = options.filter(|(option, _)| *option != PROFILE);
        let options: BTreeMap<String, &Arg> = options.map(|(option, arg)| (key_of(option), arg)).collect();
        let mut arguments = Vec::new();
        for (key, value) in section.get_ref() {
            let (at, key) = (key.span().start, key.get_ref().as_ref());
            let Some(arg) = options.get(key) else {
                let message = file.at(at, &format!("unknown key {key} in profile {name}"));
                let known = options.keys().map(String::as_str);
                return Err(Error::usage(message, suggest(key, known, "see docs/configuration.md")));
            };
            let given = file.arguments(arg, value.get_ref());
            arguments.extend(given.map_err(|why| file.error(at, &format!("{key} of profile {name} {why}")))?);
        }
        let parsed = parser.try_get_matches_from(arguments);
        let parsed = parsed.and_then(|matches| Ok((T::from_arg_matches(&matches)?, SecretPlace::of(&matches))));
        let (options, secret) = parsed.map_err(|error| {
            let (key, why) = describe(&error);
            let given = section.get_ref().get_key_value(key.as_str());
            let at = given.map_or(section.span(), |(key, _)| key.span());
            file.error(at.start, &format!("{key} of profile {name} {why}"))
        })?;
        let file = file.path;
        Ok(Self {
            name,
            file,
            options,
            secret,
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

/// Parses the keys of a profile, as options.
fn parser<T: Args>() -> clap::Command {
    let mut parser = T::augment_args(clap::Command::new(PROFILE).no_binary_name(true));
    for place in PLACES {
        if parser.get_arguments().all(|arg| arg.get_long() != Some(place)) {
            let value = if place.ends_with("-file") { "FILE" } else { "TEXT" };
            let arg = Arg::new(place).long(place).value_name(value);
            parser = parser.arg(arg.value_parser(clap::value_parser!(OsString)));
        }
    }
    let is_secret = |option: &str| SECRETS.iter().any(|secret| option.starts_with(secret));
    let secrets = parser
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(is_secret));
    let secrets = ArgGroup::new("secret").args(secrets.map(Arg::get_id));
    parser.group(secrets)
}

/// The key of the option that a message of clap is about, and the message without the value.
fn describe(error: &clap::Error) -> (String, String) {
    let key = |kind| {
        let option = match error.get(kind) {
            Some(ContextValue::String(option)) => option,
            Some(ContextValue::Strings(options)) => options.first()?,
            _ => return None,
        };
        // Such as `--client-key <FILE>`.
        option.trim_start_matches('-').split(' ').next().map(key_of)
    };
    let why = match (error.kind(), error.source()) {
        (ErrorKind::ArgumentConflict, _) => match key(ContextKind::PriorArg) {
            Some(other) => format!("cannot be used with {other}"),
            None => "is repeated".to_owned(),
        },
        (_, Some(cause)) => format!("is invalid: {cause}"),
        (_, None) => "is missing".to_owned(),
    };
    (key(ContextKind::InvalidArg).unwrap_or_default(), why)
}

fn key_of(option: &str) -> String {
    option.replace('-', "_")
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
            let hint = "a profile is a section such as `[profiles.production]` of this file, with keys such as `url`";
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

    /// The arguments of an option, or how its value is wrong.
    fn arguments(&self, arg: &Arg, value: &DeValue<'_>) -> Result<Vec<OsString>, &'static str> {
        let is_file = arg.get_value_names().is_some_and(|names| names == ["FILE"]);
        let option = format!("--{}", arg.get_long().unwrap_or_default());
        let with = |text: &str| {
            let mut argument = OsString::from(format!("{option}="));
            argument.push(if is_file { self.resolve(text) } else { text.into() });
            argument
        };
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, DeValue::Boolean(is_set)) => Ok(is_set.then(|| option.into()).into_iter().collect()),
            (ArgAction::SetTrue, _) => Err("is not true or false"),
            (_, DeValue::String(text)) => Ok(vec![with(text)]),
            (_, DeValue::Integer(number)) if !is_file => Ok(vec![with(&number.to_string())]),
            (ArgAction::Append, DeValue::Array(items)) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(with));
                texts.collect::<Option<_>>().ok_or("is not a list of strings")
            }
            _ => Err("is not a string"),
        }
    }

    /// A path in the file: relative to its directory, and `~/` is the home directory.
    fn resolve(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.path.with_file_name("").join(path),
        }
    }

    /// Adds the file and the line to a message.
    fn at(&self, position: usize, message: &str) -> String {
        let line = 1 + self.text.bytes().take(position).filter(|byte| *byte == b'\n').count();
        format!("{}:{line}: {message}", self.path.display())
    }

    fn error(&self, position: usize, message: &str) -> Error {
        Error::usage(
            self.at(position, message),
            "correct the file; docs/configuration.md describes it",
        )
    }
}

impl SecretPlace {
    fn of(matches: &ArgMatches) -> Option<Self> {
        matches.ids().find_map(|id| {
            let place = PLACES.into_iter().find(|place| key_of(place) == key_of(id.as_str()))?;
            let text = matches.get_raw(id.as_str())?.next()?.to_owned();
            Some(Self { place, text })
        })
    }

    /// The option that contains the secret itself: one of [`SECRETS`].
    pub(super) fn secret(&self) -> &'static str {
        self.place.rsplit_once('-').map_or(self.place, |(secret, _)| secret)
    }

    /// Reads the secret: the first line of what a command prints, or the complete value.
    ///
    /// # Errors
    /// If there is none, or if the command fails or is interrupted.
    pub(super) fn read(&self, profile: &str, environment: &Environment) -> Result<Secret> {
        let text = self.text.to_string_lossy();
        let name = format!("{} of profile {profile}", key_of(self.place));
        match self.place.rsplit_once('-') {
            Some((_, "file")) => read_password(Path::new(&self.text), &name),
            Some((_, "command")) => output_of(&text, &name),
            _ => {
                let value = environment.get(&self.text).and_then(|value| value.to_str());
                value.filter(|value| !value.is_empty()).map(Secret::new).ok_or_else(|| {
                    let message = format!("{text} is not set; {name} reads it");
                    Error::usage(message, format!("set {text}, or correct the profile"))
                })
            }
        }
    }
}

/// The first line that a command prints. The command can prompt on the terminal, but not read stdin, which belongs to the
/// program.
fn output_of(command: &str, name: &str) -> Result<Secret> {
    let failed = |what: &str| {
        let hint = "run the command in a shell to see its output: it must print the secret as the first line";
        Error::failed(format!("{name} {what}"), hint)
    };
    let cannot_run = |cause: std::io::Error| failed(&format!("cannot be run: {cause}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(cannot_run)?.block_on(async {
        let mut signals = Signals::listen().map_err(cannot_run)?;
        let mut command = shell(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(cannot_run)?;
        let mut output = Vec::new();
        let reading = async {
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MAX_PASSWORD_FILE).read_to_end(&mut output).await?;
            }
            match output.len() as u64 == MAX_PASSWORD_FILE {
                true => Ok(None),
                false => child.wait().await.map(Some),
            }
        };
        let status = tokio::select! {
            biased;
            signal = signals.next() => return Err(Error::stopped(signal.into())),
            status = reading => status.map_err(cannot_run)?,
        };
        if let Some(status) = status.filter(|status| !status.success()) {
            return Err(failed(&format!("failed with {status}")));
        }
        let text = std::str::from_utf8(&output).ok().and_then(|text| text.lines().next());
        let secret = text.filter(|line| !line.is_empty() && status.is_some());
        let unusable = || failed("did not print a secret: the output is empty, not UTF-8, or larger than 64 KiB");
        secret.map(Secret::new).ok_or_else(unusable)
    })
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// `cmd` does not parse quotation marks as other programs do.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.raw_arg("/C").raw_arg(command);
    shell
}
