//! A proxy for the tool: requests that transfer documents are passed to the node unchanged, all others to the
//! stand-in's ML API.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::http::{Connection, Link};

/// The delay of each request in a slow network.
const DELAY: Duration = Duration::from_millis(50);
/// 100 Mbit/s.
const BYTES_PER_SECOND: f64 = 12.5e6;

/// Listens until the process ends.
pub struct Proxy {
    pub address: SocketAddr,
}

impl Proxy {
    /// With `slow`, every request takes 50 ms longer, and 100 Mbit/s are transferred in each direction. The address is then
    /// not a loopback address, so that the tool uses compression.
    pub fn start(node: SocketAddr, stand_in: SocketAddr, slow: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut address = listener.local_addr().expect("an address");
        if slow {
            address.set_ip(Ipv4Addr::UNSPECIFIED.into());
        }
        let network = slow.then(|| [Link::new(BYTES_PER_SECOND), Link::new(BYTES_PER_SECOND)]);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let network = network.clone();
                // A client that disconnects only ends its own connection.
                thread::spawn(move || serve(stream, network, node, stand_in));
            }
        });
        Self { address }
    }
}

fn serve(stream: TcpStream, network: Option<[Arc<Link>; 2]>, node: SocketAddr, stand_in: SocketAddr) -> io::Result<()> {
    let mut client = Connection::over(stream)?;
    let (up, down) = network.map(|[up, down]| (up, down)).unzip();
    client.link = down;
    let (mut to_node, mut to_stand_in) = (None, None);
    while let Some(request) = client.head()? {
        if up.is_some() {
            thread::sleep(DELAY);
        }
        let (server, address) = if is_document_request(&request.bytes) {
            (&mut to_node, node)
        } else {
            (&mut to_stand_in, stand_in)
        };
        let server: &mut Connection = match server {
            Some(open) => open,
            none => none.insert(Connection::open(address)?),
        };
        server.link.clone_from(&up);
        server.write(&request.bytes)?;
        client.forward(request.body, server)?;
        let answer = server.head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        client.write(&answer.bytes)?;
        if !request.bytes.starts_with(b"HEAD ") {
            server.forward(answer.body, &mut client)?;
        }
    }
    Ok(())
}

/// Whether a request is a search or bulk request for indices other than those of ML, or for results, which only the node
/// stores. The stand-in would parse every document.
fn is_document_request(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&head[..head.len().min(400)]);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    ["_search", "scroll", "_bulk", "_count", "_pit", "_refresh"].contains(&last)
        && (!path.contains(".ml") || path.starts_with("/.ml-anomalies-"))
}
