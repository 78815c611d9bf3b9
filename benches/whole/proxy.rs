//! A proxy for the tool: requests that transfer documents are passed to the node unchanged, all others to the
//! stand-in's ML API.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::http::Connection;

/// Listens until the process ends.
pub struct Proxy {
    pub address: SocketAddr,
}

impl Proxy {
    pub fn start(node: SocketAddr, stand_in: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that disconnects only ends its own connection.
                thread::spawn(move || serve(stream, node, stand_in));
            }
        });
        Self { address }
    }
}

fn serve(stream: TcpStream, node: SocketAddr, stand_in: SocketAddr) -> io::Result<()> {
    let mut client = Connection::over(stream)?;
    let (mut to_node, mut to_stand_in) = (None, None);
    while let Some(request) = client.head()? {
        let (server, address) = if is_document_request(&request.bytes) {
            (&mut to_node, node)
        } else {
            (&mut to_stand_in, stand_in)
        };
        let server: &mut Connection = match server {
            Some(open) => open,
            none => none.insert(Connection::open(address)?),
        };
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
