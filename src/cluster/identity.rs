//! Who answers `GET /`.

use serde_json::Value;

use crate::cluster::{Error, Response, Result, refusal};
use crate::job::Version;

/// What is said to be answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// A self-managed or hosted stack.
    Stack,
    /// `version.build_flavor: serverless`: no snapshots, no import.
    Serverless,
}

/// What `/` told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Identity {
    pub(in crate::cluster) name: String,
    pub(in crate::cluster) uuid: String,
    pub(in crate::cluster) version: Version,
    pub(in crate::cluster) flavour: Flavour,
}

impl Identity {
    /// Takes Elasticsearch 7.10 to 9.x and refuses everything else by its name.
    pub(in crate::cluster) fn judge(address: &str, answer: Result<Response>) -> Result<Self> {
        let other = |found: String| Error::NotElasticsearch {
            address: address.to_owned(),
            found,
        };
        let body = match answer {
            Ok(response) => response.body,
            Err(Error::Refused { refusal, .. }) if matches!(refusal.status, 400 | 404 | 405) => {
                return Err(other(format!(
                    "something that answers {} ({})",
                    refusal.status, refusal.reason
                )));
            }
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<Value>(&body) {
            Ok(root) => {
                let identity = Self::read(&root).map_err(other)?;
                if identity.flavour == Flavour::Stack && !identity.version.is_supported() {
                    return Err(Error::UnsupportedVersion {
                        address: address.to_owned(),
                        version: identity.version,
                    });
                }
                Ok(identity)
            }
            Err(_) => Err(other(format!("something that answers: {}", refusal::opening(&body)))),
        }
    }

    fn read(root: &Value) -> std::result::Result<Self, String> {
        let text = |pointer: &str| root.pointer(pointer).and_then(Value::as_str);
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
        let unknown = || "something that answers other JSON".to_owned();
        let number = text("/version/number").ok_or_else(unknown)?;
        if let Some(distribution) = text("/version/distribution") {
            let name = if distribution == "opensearch" {
                "OpenSearch".to_owned()
            } else {
                short(distribution)
            };
            return Err(format!("{name} {}", short(number)));
        }
        let serverless = text("/version/build_flavor") == Some("serverless");
        let version = Version::parse(number).ok_or_else(unknown)?;
        let tagline = text("/tagline").is_some_and(|tagline| tagline.starts_with("You Know, for Search"));
        let (Some(name), true) = (text("/cluster_name"), tagline || serverless) else {
            return Err(unknown());
        };
        Ok(Self {
            name: name.to_owned(),
            uuid: text("/cluster_uuid").unwrap_or_default().to_owned(),
            version,
            flavour: if serverless {
                Flavour::Serverless
            } else {
                Flavour::Stack
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::*;

    fn judge(body: &str) -> Result<Identity> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Identity::judge("http://h/", Ok(Response { status: 200, body }))
    }

    fn root(version: &str) -> String {
        format!(
            r#"{{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{version},"tagline":"You Know, for Search"}}"#
        )
    }

    #[test]
    fn elasticsearch_is_taken() {
        let identity = judge(&root(r#"{"number":"8.0.0-SNAPSHOT","build_flavor":"default"}"#)).unwrap();
        assert_eq!((identity.name.as_str(), identity.uuid.as_str()), ("c", "u"));
        assert_eq!((identity.version.major, identity.flavour), (8, Flavour::Stack));
        let serverless = judge(&root(r#"{"number":"8.11.0","build_flavor":"serverless"}"#)).unwrap();
        assert_eq!(serverless.flavour, Flavour::Serverless);
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
        for (body, name) in [
            (
                root(r#"{"number":"2.11.0","distribution":"opensearch"}"#),
                "OpenSearch 2.11.0",
            ),
            (root(r#"{"number":"6.8.23"}"#), "runs Elasticsearch 6.8.23"),
            (root(r#"{"number":"7.9.3"}"#), "runs Elasticsearch 7.9.3"),
            (root(r#"{"number":"10.0.0"}"#), "runs Elasticsearch 10.0.0"),
            ("<html><title>Kibana".to_owned(), "an HTML or XML page"),
            ("{}".to_owned(), "other JSON"),
        ] {
            let error = judge(&body).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
