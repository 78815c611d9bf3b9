//! The parts of HTTP/1.1 that the proxy and the bare loop need: headers, and bodies that are passed on or collected.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Large enough to transfer a page or a bulk request with few system calls.
const BUFFER: usize = 256 << 10;

/// The status or request line with its headers and the empty line.
pub struct Head {
    pub bytes: Vec<u8>,
    pub body: Body,
}

/// How the end of the body is determined.
#[derive(Clone, Copy)]
pub enum Body {
    Length(u64),
    Chunked,
}

/// One direction of a network with limited bandwidth, which all connections share.
pub struct Link {
    bytes_per_second: f64,
    /// When everything that was sent so far has arrived.
    free: Mutex<Instant>,
}

impl Link {
    pub fn new(bytes_per_second: f64) -> Arc<Self> {
        let free = Mutex::new(Instant::now());
        Arc::new(Self { bytes_per_second, free })
    }

    fn transfer(&self, bytes: usize) {
        let arrived = {
            let mut free = self.free.lock().expect("a time");
            *free = (*free).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
            *free
        };
        thread::sleep(arrived.saturating_duration_since(Instant::now()));
    }
}

/// One side of a connection.
pub struct Connection {
    reader: BufReader<TcpStream>,
    /// The network that what is written passes.
    pub link: Option<Arc<Link>>,
}

impl Connection {
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::with_capacity(BUFFER, stream),
            link: None,
        })
    }

    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(link) = &self.link {
            link.transfer(bytes.len());
        }
        self.reader.get_mut().write_all(bytes)
    }

    /// Returns `None` if the other side has closed the connection.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        let mut bytes = Vec::with_capacity(512);
        let mut body = Body::Length(0);
        loop {
            let begin = bytes.len();
            if self.reader.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&bytes[begin..]).trim().to_ascii_lowercase();
            if line.is_empty() {
                return Ok(Some(Head { bytes, body }));
            }
            if let Some(length) = line.strip_prefix("content-length:") {
                body = Body::Length(length.trim().parse().map_err(io::Error::other)?);
            } else if line.starts_with("transfer-encoding:") && line.contains("chunked") {
                body = Body::Chunked;
            }
        }
    }

    /// Passes a body on with its framing.
    pub fn forward(&mut self, body: Body, to: &mut Connection) -> io::Result<()> {
        match body {
            Body::Length(length) => self.copy(length, |bytes| to.write(bytes)),
            Body::Chunked => loop {
                let (line, size) = self.chunk()?;
                to.write(&line)?;
                self.copy(size + 2, |bytes| to.write(bytes))?;
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    /// Reads a body without its framing.
    pub fn collect(&mut self, body: Body, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        let mut keep = |bytes: &[u8]| {
            into.extend_from_slice(bytes);
            Ok(())
        };
        match body {
            Body::Length(length) => self.copy(length, keep),
            Body::Chunked => loop {
                let (_, size) = self.chunk()?;
                self.copy(size, &mut keep)?;
                self.copy(2, |_| Ok(()))?;
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    /// Returns the line before a chunk and its size. Trailers are not used here.
    fn chunk(&mut self) -> io::Result<(Vec<u8>, u64)> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        let size = String::from_utf8_lossy(&line);
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        Ok((line, size))
    }

    fn copy(&mut self, mut length: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        while length > 0 {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let n = available.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            take(&available[..n])?;
            self.reader.consume(n);
            length -= n as u64;
        }
        Ok(())
    }
}
