//! Limits on the size of responses, which are not read any further.

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;

use bytes::Bytes;
use elasticsearch::http::headers::{CONTENT_ENCODING, HeaderMap};
use flate2::write::MultiGzDecoder;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use crate::cluster::http::error::Error;
use crate::json::count_values;
use crate::util::process::LARGE_BLOCK;

/// The largest response of a request. More is not read, so that memory is bounded for any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BodyLimit {
    /// An acknowledgment, a count or a result.
    Status,
    /// Several documents. Each concurrent reader holds one or two pages.
    Page,
    /// A configuration, or a list of them.
    Listing,
    /// A single document, which may have 16 MiB (the largest model state); information about all jobs or many indices.
    Large,
}

impl BodyLimit {
    /// The limit in bytes of the decoded body.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Status => 1 << 20,
            Self::Page => 4 << 20,
            Self::Listing => 16 << 20,
            Self::Large => 32 << 20,
        }
    }

    pub(crate) fn exceeded(self, what: &str) -> Error {
        let (what, most) = (what.to_owned(), self.bytes());
        Error::TooLarge { what, most }
    }

    /// Whether the body contains too many values to be parsed into a tree, where a value may need a hundred times its bytes.
    /// Documents are not parsed.
    pub(crate) fn is_too_dense(self, body: &[u8]) -> bool {
        let most = match self {
            Self::Status => 50_000,
            Self::Listing => 300_000,
            Self::Page | Self::Large => return false,
        };
        body.len() > most && count_values(body) > most
    }
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The connection was lost.
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
    /// The body exceeds the limit of the request.
    #[error("(the response is too large)")]
    TooLarge,
    /// The body does not match its headers.
    #[error("(the response cannot be decoded)")]
    Damaged(String),
}

/// Reads and decodes a body up to the limit.
pub(crate) async fn read_body(
    response: &mut reqwest::Response,
    gzip_requested: bool,
    limit: BodyLimit,
) -> Result<Bytes, BodyError> {
    let gzip = is_gzip(response.headers(), gzip_requested)?;
    match read(response, gzip, limit.bytes()).await {
        Ok(body) if limit.is_too_dense(&body) => Err(BodyError::TooLarge),
        body => body,
    }
}

/// Whether the response is compressed with gzip. Only an encoding that was requested is accepted.
fn is_gzip(headers: &HeaderMap, requested: bool) -> Result<bool, BodyError> {
    let mut gzip = false;
    for value in headers.get_all(CONTENT_ENCODING) {
        let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        gzip = match name.as_str() {
            "" | "identity" => gzip,
            "gzip" | "x-gzip" if requested && !gzip => true,
            _ => {
                let why = format!("the content encoding `{name}` was not requested");
                return Err(BodyError::Damaged(why));
            }
        };
    }
    Ok(gzip)
}

/// Decoded bytes up to a limit.
struct Decoded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Decoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.bytes.capacity() < self.bytes.len() + bytes.len() {
            // Doubling the buffer would need more memory than the limit. Memory that is not written to is not used.
            self.bytes.reserve_exact(self.limit - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a body of up to `limit` bytes, also compressed: gzip members without content produce no output. A larger one is an
/// error as soon as that is known. Each chunk is decoded when it is received, so that only the decoded body is in memory.
async fn read(response: &mut reqwest::Response, gzip: bool, limit: usize) -> Result<Bytes, BodyError> {
    let announced = response.content_length().filter(|_| !gzip);
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    // Most pages fit in a buffer of this size.
    let capacity = announced.map_or(limit.min(LARGE_BLOCK), |length| length as usize);
    let bytes = Vec::with_capacity(capacity);
    let mut decoder = MultiGzDecoder::new(Decoded { bytes, limit });
    let mut received = 0;
    while let Some(chunk) = response.chunk().await? {
        received += chunk.len();
        if received > limit {
            return Err(BodyError::TooLarge);
        }
        let written = match gzip {
            true => decoder.write_all(&chunk),
            false => decoder.get_mut().write_all(&chunk),
        };
        written.map_err(not_decoded)?;
    }
    if gzip {
        decoder.try_finish().map_err(not_decoded)?;
    }
    let mut body = std::mem::take(&mut decoder.get_mut().bytes);
    // If a page has the size with which it was allocated, the allocator uses its memory for the next one, instead of memory
    // that the system has to clear.
    if body.capacity() > LARGE_BLOCK || body.len() < LARGE_BLOCK / 2 {
        body.shrink_to_fit();
    }
    Ok(body.into())
}

fn not_decoded(error: io::Error) -> BodyError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => BodyError::TooLarge,
        _ => BodyError::Damaged(format!("damaged gzip content: {error}")),
    }
}

/// The most documents that a request asks for, and the most jobs that Elasticsearch lists. Each needs a few hundred bytes of
/// memory, even if its text is short.
const MAX_ITEMS: usize = 10_000;

/// Deserializes a list of at most [`MAX_ITEMS`] items.
pub(crate) fn bounded<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Bounded<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_ITEMS} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(item) = items.next_element()? {
                if all.len() == MAX_ITEMS {
                    return Err(A::Error::invalid_length(MAX_ITEMS + 1, &self));
                }
                all.push(item);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_seq(Bounded(PhantomData))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn response(body: Vec<u8>) -> reqwest::Response {
        hyper::Response::new(body).into()
    }

    /// A response without `Content-Length`.
    fn unannounced(body: Vec<u8>) -> reqwest::Response {
        let body = Full::new(Bytes::from(body)).map_frame(|frame| frame);
        hyper::Response::new(reqwest::Body::wrap(body)).into()
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        for (gzip, of) in [
            (false, (|content: &[u8]| content.to_vec()) as fn(&[u8]) -> Vec<u8>),
            (true, packed),
        ] {
            let mut fits = response(of(&[b'x'; 1000]));
            assert_eq!(read(&mut fits, gzip, 1000).await.unwrap(), [b'x'; 1000][..]);
            let mut larger = response(of(&[b'x'; 1001]));
            assert!(matches!(read(&mut larger, gzip, 1000).await, Err(BodyError::TooLarge)));
        }
        let mut two = response([packed(b"a"), packed(b"b")].concat());
        assert_eq!(read(&mut two, true, 1000).await.unwrap(), "ab");
        let mut bomb = response(packed(&vec![b' '; 50 << 20]));
        assert!(matches!(read(&mut bomb, true, 1 << 20).await, Err(BodyError::TooLarge)));
        let mut members = unannounced(packed(b"").repeat(1000));
        assert!(matches!(read(&mut members, true, 1000).await, Err(BodyError::TooLarge)));
    }

    #[tokio::test]
    async fn damaged_or_truncated_gzip_is_an_error() {
        let whole = packed(b"{}");
        for body in [
            b"{}".to_vec(),
            whole[..whole.len() - 4].to_vec(),
            [&whole[..], b"{}"].concat(),
            [&whole[..], &whole[..5]].concat(),
            [&whole[..], &whole[..12]].concat(),
            [&whole[..], &whole[..whole.len() - 4]].concat(),
            Vec::new(),
        ] {
            let read = read(&mut response(body), true, 1000).await;
            assert!(matches!(read, Err(BodyError::Damaged(_))), "{read:?}");
        }
    }

    #[test]
    fn only_requested_content_encodings_are_decoded() {
        let named = |names: &[&'static str], asked| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(CONTENT_ENCODING, name.parse().unwrap());
            }
            is_gzip(&headers, asked).ok()
        };
        assert_eq!(named(&[], true), Some(false));
        assert_eq!(named(&["identity"], false), Some(false));
        assert_eq!(named(&["GZIP"], true), Some(true));
        assert_eq!(named(&["gzip"], false), None);
        for others in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"]] {
            assert_eq!(named(others, true), None, "{others:?}");
        }
    }
}
