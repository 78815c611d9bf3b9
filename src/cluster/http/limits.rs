//! How much a response may contain: it is read as far as the request allows.

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;

use bytes::Bytes;
use elasticsearch::http::headers::{CONTENT_ENCODING, HeaderMap};
use flate2::write::MultiGzDecoder;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use crate::cluster::http::error::Error;

/// How much a request may return. More is not read: whatever a server sends, memory stays bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BodyLimit {
    /// An acknowledgment, a count, an outcome.
    Status,
    /// Several documents. Readers that run at once hold one or two pages each.
    Page,
    /// A configuration, or a list of them.
    Listing,
    /// Documents of which a single one may be as large as Elasticsearch writes model state, 16 MiB; what the cluster has
    /// of all jobs or of many indices.
    Large,
}

impl BodyLimit {
    /// Bytes of the decoded body.
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

    /// Whether a body that is parsed into a tree, where each value takes up to a hundred times its bytes, has more of them
    /// than the request may return. Documents are not parsed.
    pub(crate) fn is_too_dense(self, body: &[u8]) -> bool {
        let most = match self {
            Self::Status => 50_000,
            Self::Listing => 300_000,
            Self::Page | Self::Large => return false,
        };
        body.len() > most && count_values(body) > most
    }
}

/// At least as many values as the JSON text has, less one.
pub(crate) fn count_values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The connection broke.
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
    /// It is larger than the request may return.
    #[error("(the response is too large to be read)")]
    TooLarge,
    /// It is not what its headers say.
    #[error("(the response cannot be read)")]
    Damaged(String),
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Damaged(format!("its gzip content is damaged: {error}")),
        }
    }
}

/// Reads and decodes what the limit allows.
pub(crate) async fn read_body(
    response: &mut reqwest::Response,
    gzip_asked_for: bool,
    limit: BodyLimit,
) -> Result<Bytes, BodyError> {
    let gzip = is_gzip(response.headers(), gzip_asked_for)?;
    match read(response, gzip, limit.bytes()).await {
        Ok(body) if limit.is_too_dense(&body) => Err(BodyError::TooLarge),
        body => body,
    }
}

/// Whether the headers of the response name gzip. Only what was asked for is decoded.
fn is_gzip(headers: &HeaderMap, asked_for: bool) -> Result<bool, BodyError> {
    let mut gzip = false;
    for value in headers.get_all(CONTENT_ENCODING) {
        let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        gzip = match name.as_str() {
            "" | "identity" => gzip,
            "gzip" | "x-gzip" if asked_for && !gzip => true,
            _ => {
                let why = format!("its content encoding is `{name}`, which was not asked for");
                return Err(BodyError::Damaged(why));
            }
        };
    }
    Ok(gzip)
}

/// A body larger than `limit` bytes is an error as soon as it is known to be larger.
async fn read(response: &mut reqwest::Response, gzip: bool, limit: usize) -> Result<Bytes, BodyError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let bytes = Vec::new();
    let mut body = Bounded { limit, bytes };
    if !gzip {
        // At most the limit, so it fits.
        body.bytes.reserve_exact(announced as usize);
        while let Some(chunk) = response.chunk().await? {
            body.write_all(&chunk)?;
        }
        return Ok(body.bytes.into());
    }
    // A member without content takes bytes and gives none: those received count too.
    let mut received = 0;
    let mut decoder = MultiGzDecoder::new(body);
    while let Some(chunk) = response.chunk().await? {
        received += chunk.len();
        if received > limit {
            return Err(BodyError::TooLarge);
        }
        decoder.write_all(&chunk)?;
    }
    Ok(decoder.finish()?.bytes.into())
}

/// Memory that grows up to a limit and not beyond.
struct Bounded {
    limit: usize,
    bytes: Vec<u8>,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let needed = self.bytes.len() + more.len();
        if needed > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity() * 2).min(self.limit);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// No request asks for more documents, and Elasticsearch lists no more jobs. Each takes a few hundred bytes, however short
/// its text is.
const MAX_ITEMS: usize = 10_000;

/// A list of items, as long as they are not more than any request asks for.
pub(crate) fn bounded<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Bounded<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{MAX_ITEMS} items at most")
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
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn response(body: Vec<u8>) -> reqwest::Response {
        hyper::Response::new(body).into()
    }

    /// A response that does not say how long it is.
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
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        for (gzip, of) in [
            (false, (|content: &[u8]| content.to_vec()) as fn(&[u8]) -> Vec<u8>),
            (true, packed),
        ] {
            let mut fits = response(of(&[b'x'; 1000]));
            assert_eq!(read(&mut fits, gzip, 1000).await.unwrap(), [b'x'; 1000][..]);
            let mut larger = response(of(&[b'x'; 1001]));
            assert!(matches!(read(&mut larger, gzip, 1000).await, Err(BodyError::TooLarge)));
        }
        let mut bomb = response(packed(&vec![b' '; 50 << 20]));
        assert!(matches!(read(&mut bomb, true, 1 << 20).await, Err(BodyError::TooLarge)));
        let mut members = unannounced(packed(b"").repeat(1000));
        assert!(matches!(read(&mut members, true, 1000).await, Err(BodyError::TooLarge)));
    }

    #[tokio::test]
    async fn gzip_that_is_damaged_or_cut_short_is_no_body() {
        let whole = packed(b"{}");
        for body in [
            b"{}".to_vec(),
            whole[..whole.len() - 4].to_vec(),
            [&whole[..], b"{}"].concat(),
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
