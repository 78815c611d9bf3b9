//! Serves the ML API as a cluster.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::MlApi;
use crate::support::cluster::Documents;
use crate::support::cluster::auth::Auth;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};

impl MlApi {
    /// Starts a server with this ML API and these documents. With users, requests must be authenticated; the test's own
    /// calls (`StandIn::call`) have all privileges.
    pub fn serve(&self, documents: Arc<dyn Documents>) -> StandIn {
        self.serve_with(documents, |_| {})
    }

    /// Also sets options of the server: faults, TLS, limits.
    pub fn serve_with(&self, documents: Arc<dyn Documents>, change: impl FnOnce(&mut StandInOptions)) -> StandIn {
        let mut options = StandInOptions::new(documents);
        options.api = Some(Arc::new(self.clone()));
        options.product_header = self.version().names_its_product();
        options.auth = self.options().users.map(|users| {
            users.iter().fold(Auth::new(), |auth, user| {
                let (name, password, key) = user.credentials();
                let auth = auth.basic(name, password);
                let Some(key) = key else { return auth };
                let pair = STANDARD.decode(key).unwrap_or_default();
                let pair = String::from_utf8_lossy(&pair).into_owned();
                let (id, secret) = pair.split_once(':').unwrap_or((&pair, ""));
                auth.api_key(id, secret).bearer(key)
            })
        });
        if options.auth.is_some() {
            self.change(|options| options.allows_requests_without_credentials = true);
        }
        change(&mut options);
        StandIn::start(options)
    }
}
