//! The address with a user in it, and the file with a password.

use std::io::Read;
use std::path::Path;

use url::Url;

use crate::cli::credential::Login;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// More than any password has; a larger file is a mistake.
const MAX_PASSWORD_FILE: u64 = 64 << 10;

/// Splits an address from the user in it; `option` is what holds the address. The text is in no message: it may hold a
/// password.
pub(in crate::cli) fn parse_url(text: &str, option: &str) -> Result<(Url, Login)> {
    const EXPECTED: &str = "expected http(s)://host:port, a path may follow";
    let wrong = |why: &str, hint: &str| usage(format!("{option} {why}"), hint);
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
    let login = Login {
        username: Some(decode(url.username(), option)?).filter(|name| !name.is_empty()),
        password: url
            .password()
            .map(|password| decode(password, option))
            .transpose()?
            .map(Secret::new),
    };
    let removed = url.set_username("").and_then(|()| url.set_password(None));
    removed.map_err(|()| wrong("holds no host", EXPECTED))?;
    Ok((url, login))
}

fn decode(text: &str, option: &str) -> Result<String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| {
        usage(
            format!("the user or password in {option} is not UTF-8"),
            "use --username and --password-file",
        )
    })?;
    Ok(decoded.into_owned())
}

/// Reads a password, `-` from stdin, without the line feed at its end.
pub(in crate::cli) fn read_password(path: &Path) -> Result<Secret> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_PASSWORD_FILE + 1)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_PASSWORD_FILE + 1).read_to_string(&mut text))
    };
    let length = read.map_err(|cause| Error::File {
        path: path.to_owned(),
        cause,
    })?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || length as u64 > MAX_PASSWORD_FILE {
        return Err(usage(
            "--password-file is empty or too large to be a password",
            "check the file",
        ));
    }
    Ok(Secret::new(password))
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
