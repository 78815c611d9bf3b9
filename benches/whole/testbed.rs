//! The environment of a benchmark: a real node, the stand-in's ML API, and one address for both.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::node::Node;
use crate::proxy::Proxy;
use crate::seed;
use crate::support::cluster::Documents;
use crate::support::cluster::ml::MlApi;
use crate::support::cluster::real::RealDocuments;
use crate::support::cluster::stand_in::StandIn;
use crate::support::fixtures::Fixture;

/// Stops everything when it is dropped.
pub struct Testbed {
    documents: Arc<dyn Documents>,
    ml: MlApi,
    stand_in: StandIn,
    pub node: Node,
    /// The address of both for the tool.
    pub proxy: SocketAddr,
}

impl Testbed {
    /// Starts an empty node, and adds the job with a change.
    pub fn start(port: &str, slow_network: bool, change: impl FnOnce(&mut Fixture)) -> Self {
        let node = Node::start(port);
        let real = RealDocuments::new(&node.url);
        real.wipe();
        let documents: Arc<dyn Documents> = Arc::new(real);
        let (ml, stand_in) = seed::cluster(&documents, change);
        let address = stand_in.url().trim_start_matches("http://").parse();
        let proxy = Proxy::start(node.address(), address.expect("an address"), slow_network).address;
        Self {
            documents,
            ml,
            stand_in,
            node,
            proxy,
        }
    }

    /// Adds another job with this number of state documents of 16 MiB.
    pub fn large_state(&self, documents: usize) {
        eprintln!("loading {documents} state documents of 16 MiB");
        seed::large_state(&self.ml, &self.documents, &self.stand_in, documents);
    }

    /// Adds another job with about this number of results; returns the number that an export includes.
    pub fn results(&self, results: usize) -> usize {
        eprintln!("loading {results} results");
        seed::results(&self.ml, &self.documents, results)
    }
}
