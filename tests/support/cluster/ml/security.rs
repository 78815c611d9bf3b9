//! Authentication and privileges: 401, 403, and wildcards that silently match less.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::listing::matches;
use super::options::MlOptions;
use super::reply::{Reply, error, json_answer, no_handler, ok};
use super::{MlApi, Request};
use crate::support::cluster::{Answer, Call};

/// A user of a cluster with security.
#[derive(Clone, Debug)]
pub struct User {
    pub(super) name: String,
    password: String,
    api_key: Option<String>,
    cluster: Vec<String>,
    indices: Vec<(Vec<String>, Vec<String>)>,
}

impl User {
    /// A user without privileges.
    pub fn new(name: &str, password: &str) -> Self {
        let (name, password) = (name.to_owned(), password.to_owned());
        Self {
            name,
            password,
            api_key: None,
            cluster: Vec::new(),
            indices: Vec::new(),
        }
    }

    /// A user with all privileges.
    pub fn superuser(name: &str, password: &str) -> Self {
        Self::new(name, password).cluster(&["all"]).indices(&["*"], &["all"])
    }

    /// Adds the privileges of a role, as in the body of `PUT /_security/role/<name>`, and read access to these indices.
    pub fn with_role(self, role: &Value, also: &[&str]) -> Self {
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut user = self;
        user.cluster.extend(texts(&role["cluster"]));
        for grant in role["indices"].as_array().into_iter().flatten() {
            user.indices.push((texts(&grant["names"]), texts(&grant["privileges"])));
        }
        user.indices(also, &["read", "view_index_metadata"])
    }

    /// Adds an API key, as in the header after `ApiKey ` or `Bearer `.
    pub fn api_key(mut self, encoded: &str) -> Self {
        self.api_key = Some(encoded.to_owned());
        self
    }

    /// Adds cluster privileges.
    pub fn cluster(mut self, privileges: &[&str]) -> Self {
        self.cluster.extend(privileges.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Adds privileges for these indices.
    pub fn indices(mut self, names: &[&str], privileges: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        self.indices.push((owned(names), owned(privileges)));
        self
    }

    /// Returns name, password and API key.
    pub(super) fn credentials(&self) -> (&str, &str, Option<&str>) {
        (&self.name, &self.password, self.api_key.as_deref())
    }

    /// Whether the user has a cluster privilege.
    fn has(&self, privilege: &str) -> bool {
        self.cluster.iter().any(|held| match held.as_str() {
            "all" => true,
            "manage" => privilege.starts_with("m"),
            "manage_ml" => matches!(privilege, "manage_ml" | "monitor_ml"),
            "monitor" => matches!(privilege, "monitor" | "monitor_ml"),
            other => other == privilege,
        })
    }

    /// Whether the user has a privilege for an index, alias or pattern.
    pub fn holds(&self, index: &str, privilege: &str) -> bool {
        self.indices.iter().any(|(names, privileges)| {
            names.iter().any(|name| matches(name, index)) && privileges.iter().any(|held| implies(held, privilege))
        })
    }

    /// Refuses a cluster action without a privilege for it.
    pub(super) fn may_do(&self, action: &str) -> Result<(), Answer> {
        let may = if action.starts_with("cluster:admin/xpack/ml/") {
            self.has("manage_ml")
        } else if action.starts_with("cluster:monitor/xpack/ml/") {
            self.has("monitor_ml")
        } else if action.starts_with("cluster:monitor/") {
            self.has("monitor")
        } else {
            self.has("manage")
        };
        if may {
            Ok(())
        } else {
            Err(denied(&format!(
                "action [{action}] is unauthorized for user [{}]",
                self.name
            )))
        }
    }

    /// Refuses to change or simulate index templates without the privilege for it.
    pub(super) fn may_manage_templates(&self) -> Result<(), Answer> {
        match self.has("manage_index_templates") {
            true => Ok(()),
            false => Err(denied(&format!(
                "action [indices:admin/index_template/simulate_index] is unauthorized for user [{}]",
                self.name
            ))),
        }
    }

    /// A datafeed reads with the privileges of the user who creates it.
    pub(super) fn may_read_for_datafeed(&self, id: &str, datafeed: &Value) -> Result<(), Answer> {
        let names: Vec<&str> = datafeed["indices"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let lacking: Vec<&str> = names.into_iter().filter(|name| !self.holds(name, "read")).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        Err(denied(&format!(
            "Cannot create datafeed [{id}] because user {} lacks permissions on the indices: {}",
            self.name,
            json!(
                lacking
                    .iter()
                    .map(|name| ((*name).to_owned(), json!({"indices:data/read/search": false})))
                    .collect::<serde_json::Map<_, _>>()
            )
        )))
    }

    /// Returns the `authorization` of a datafeed.
    pub(super) fn authorization(&self) -> Value {
        match &self.api_key {
            Some(_) => json!({"api_key": {"id": "example-key-id", "name": self.name}}),
            None => json!({"roles": [self.role()]}),
        }
    }

    fn role(&self) -> &str {
        if self.cluster.iter().any(|held| held == "all") {
            "superuser"
        } else {
            &self.name
        }
    }

    /// `_security/…`.
    pub(super) fn security(&self, method: &str, rest: &[&str], request: &Request<'_>) -> Reply {
        match (method, rest) {
            ("GET", ["_authenticate"]) => {
                let kind = if self.api_key.is_some() { "api_key" } else { "realm" };
                let realm = if self.api_key.is_some() {
                    "_es_api_key"
                } else {
                    "reserved"
                };
                let realm = json!({"name": realm, "type": realm});
                let roles = if self.api_key.is_some() {
                    json!([])
                } else {
                    json!([self.role()])
                };
                ok(
                    json!({"username": self.name, "roles": roles, "full_name": null, "email": null,
                    "metadata": {"_reserved": true}, "enabled": true, "authentication_realm": realm,
                    "lookup_realm": realm, "authentication_type": kind}),
                )
            }
            ("GET" | "POST", ["user", "_has_privileges"]) => ok(self.has_privileges(&request.json()?)),
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }

    fn has_privileges(&self, asked: &Value) -> Value {
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let mut all = true;
        let mut cluster = json!({});
        for name in texts(&asked["cluster"]) {
            cluster[&name] = json!(self.has(&name));
            all &= self.has(&name);
        }
        let mut index = json!({});
        for group in asked["index"].as_array().into_iter().flatten() {
            for name in texts(&group["names"]) {
                for privilege in texts(&group["privileges"]) {
                    let held = self.holds(&name, &privilege);
                    index[&name][&privilege] = json!(held);
                    all &= held;
                }
            }
        }
        json!({"username": self.name, "has_all_requested": all, "cluster": cluster, "index": index, "application": {}})
    }
}

/// Whether one index privilege includes another.
fn implies(held: &str, privilege: &str) -> bool {
    match held {
        "all" => true,
        "manage" => {
            matches!(
                privilege,
                "manage" | "monitor" | "maintenance" | "view_index_metadata" | "create_index" | "delete_index"
            )
        }
        "write" => matches!(privilege, "write" | "index" | "create" | "create_doc" | "delete"),
        other => other == privilege,
    }
}

pub(super) fn denied(reason: &str) -> Answer {
    error(403, "security_exception", reason)
}

/// The 401 response contains the values of the header.
fn unauthenticated(reason: &str) -> Answer {
    let ways = ["ApiKey", "Basic realm=\"security\" charset=\"UTF-8\""];
    let cause = json!({"type": "security_exception", "reason": reason, "header": {"WWW-Authenticate": ways}});
    let mut error = json!({"root_cause": [cause.clone()]});
    super::reply::merge(&mut error, &cause);
    let mut answer = json_answer(401, &json!({"error": error, "status": 401}));
    answer
        .headers
        .extend(ways.map(|way| ("WWW-Authenticate".to_owned(), way.to_owned())));
    answer
}

impl MlApi {
    /// Returns the user of a request; `None` if security is off.
    pub(super) fn authenticate(&self, options: &MlOptions, call: &Call) -> Result<Option<User>, Answer> {
        let Some(users) = &options.users else { return Ok(None) };
        let header = call
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if header.is_none() && options.allows_requests_without_credentials {
            return Ok(Some(User::superuser("test", "")));
        }
        let (scheme, secret) = header.and_then(|(_, value)| value.split_once(' ')).unwrap_or(("", ""));
        let path = if call.path.is_empty() { "/" } else { &call.path };
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(secret).unwrap_or_default();
            let pair = String::from_utf8_lossy(&pair).into_owned();
            let (name, password) = pair.split_once(':').unwrap_or((&pair, ""));
            let known = users.iter().find(|user| user.name == name && user.password == password);
            let error = || {
                unauthenticated(&format!(
                    "unable to authenticate user [{name}] for REST request [{path}]"
                ))
            };
            return known
                .map(|user| {
                    Some(User {
                        api_key: None,
                        ..user.clone()
                    })
                })
                .ok_or_else(error);
        }
        let keyed =
            !secret.is_empty() && (scheme.eq_ignore_ascii_case("apikey") || scheme.eq_ignore_ascii_case("bearer"));
        let known = users
            .iter()
            .find(|user| keyed && user.api_key.as_deref() == Some(secret));
        let error = || unauthenticated(&format!("missing authentication credentials for REST request [{path}]"));
        known.map(|user| Some(user.clone())).ok_or_else(error)
    }
}
