//! The HTTP server: connections, requests, responses and their faults.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use super::delays;
use super::faults::{self, Action, FiredRule, Hook};
use super::stand_in::{LoggedRequest, Shared};
use super::{Answer, Call};

const RELISTEN_INTERVAL: Duration = Duration::from_millis(1);
/// The time for the sent part of a body to reach the client before its connection closes.
const CLOSE_DELAY: Duration = Duration::from_millis(5);

/// Accepts connections until the runtime ends.
pub(super) async fn accept(listener: std::net::TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    let again = || listener.try_clone().and_then(tokio::net::TcpListener::from_std);
    let mut opened = shared.network.opened.subscribe();
    let mut accepting = again().expect("a listener");
    let tls = tls.map(TlsAcceptor::from);
    loop {
        // Before a connection is accepted, so that one that arrives while all are closed is closed too.
        let closing = shared.network.closing.subscribe();
        // After a shutdown, the listener is always ready, so only awaiting it would block all other tasks.
        let accepted = tokio::select! {
            biased;
            _ = opened.changed() => {
                accepting = again().expect("a listener");
                continue;
            }
            accepted = poll_fn(|context| accepting.poll_accept(context)) => accepted,
        };
        let Ok((mut stream, _)) = accepted else {
            tokio::time::sleep(RELISTEN_INTERVAL).await;
            continue;
        };
        // A connection after the stand-in listened again was not closed with the others.
        let closing = match opened.has_changed() {
            Ok(true) => shared.network.closing.subscribe(),
            _ => closing,
        };
        if shared.network.is_garbled() {
            tokio::spawn(async move {
                let mut hello = [0; 1024];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            });
            continue;
        }
        let _ = stream.set_nodelay(true);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            delays::random_delay().await;
            match tls {
                None => connection(stream, closing, shared).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, closing, shared).await;
                    }
                }
            }
        });
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut closing: watch::Receiver<()>,
    shared: Arc<Shared>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    // If a request closes all connections, its own one closes after the response.
    tokio::select! {
        biased;
        _ = closing.changed() => connection.as_mut().graceful_shutdown(),
        _ = &mut connection => return,
    }
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<ResponseBody>> {
    let mut call = read_call(request).await?;
    let Some(path) = call.path.strip_prefix(&shared.prefix) else {
        return Ok(response(Answer::of(404, "text/plain", "no such place"), &Action::Pass));
    };
    call.path = path.to_owned();
    let entry = log(&shared, &call);
    delays::random_delay().await;
    let due = shared.faults.fire(&call);
    if let Some(FiredRule {
        action: Action::Hang,
        carry_out,
        run,
    }) = due
    {
        if carry_out {
            respond(call.clone(), &shared).await;
        }
        run_hook(run, &call).await?;
        // Wait until the client closes the connection.
        return std::future::pending().await;
    }
    if let Some(FiredRule {
        action: Action::CarryOutLater(permits),
        run,
        ..
    }) = due
    {
        let (task, late, shared) = (shared.tasks.begin(&call), call.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let _permit = permits.acquire().await;
            respond(late, &shared).await;
            drop(task);
        });
        run_hook(run, &call).await?;
        return std::future::pending().await;
    }
    run_hook(due.as_ref().and_then(|due| due.run.clone()), &call).await?;
    let answer = match &due {
        Some(FiredRule {
            action: Action::Close,
            carry_out,
            ..
        }) => {
            if *carry_out {
                respond(call, &shared).await;
            }
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Some(FiredRule {
            action: Action::Answer(answer),
            carry_out,
            ..
        }) => {
            if *carry_out {
                respond(call, &shared).await;
            }
            with_product(answer.clone(), false)
        }
        Some(FiredRule {
            action: Action::AnswerItems(status),
            ..
        }) => with_product(faults::answered_items(&call, *status), shared.product_header),
        _ => with_product(respond(call, &shared).await, shared.product_header),
    };
    if let Some(logged) = shared.log.lock().expect("log").get_mut(entry) {
        logged.status = answer.status;
    }
    let action = due.map_or(Action::Pass, |due| due.action);
    delays::random_delay().await;
    Ok(response(answer, &action))
}

/// Runs the function of a rule, which may wait for other requests, on another thread.
async fn run_hook(run: Option<Hook>, call: &Call) -> io::Result<()> {
    let Some(run) = run else {
        return Ok(());
    };
    let call = call.clone();
    let ended = tokio::task::spawn_blocking(move || run(&call)).await;
    ended.map_err(io::Error::other)
}

async fn read_call(request: Request<Incoming>) -> io::Result<Call> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let headers = head.headers.iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    let headers: Vec<(String, String)> = headers.collect();
    let query = head.uri.query().unwrap_or_default();
    let mut call = Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body,
    };
    if call.header("content-encoding") == Some("gzip") {
        let mut plain = Vec::new();
        io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(call.body.as_ref()), &mut plain)?;
        call.body = plain.into();
    }
    Ok(call)
}

fn log(shared: &Shared, call: &Call) -> usize {
    let mut log = shared.log.lock().expect("log");
    let in_flight = log.iter().filter(|request| request.status == 0).count() + 1;
    log.push(LoggedRequest {
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        body_length: call.body.len(),
        headers: call.headers.clone(),
        status: 0,
        in_flight,
    });
    log.len() - 1
}

async fn respond(call: Call, shared: &Arc<Shared>) -> Answer {
    if call.body.len() > shared.max_content_length {
        return Answer::of(413, "text/plain", "");
    }
    if let Some(refusal) = shared.auth.as_ref().and_then(|auth| auth.refuse(&call)) {
        return refusal;
    }
    // A separate task, since a request continues if its client disconnects.
    let shared = Arc::clone(shared);
    let performed = tokio::spawn(async move {
        delays::random_delay().await;
        shared.perform(call).await
    });
    match performed.await {
        Ok(answer) => answer,
        Err(error) => Answer::json(
            500,
            &json!({"error": format!("the stand-in panicked: {error}"), "status": 500}),
        ),
    }
}

fn with_product(mut answer: Answer, named: bool) -> Answer {
    let product = "x-elastic-product";
    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(product));
    if named {
        answer.with_header(product, "Elasticsearch")
    } else {
        answer
    }
}

fn response(answer: Answer, action: &Action) -> Response<ResponseBody> {
    let whole = answer.body.len();
    let cut = |to: usize| answer.body.slice(..to.min(whole));
    let mut announced = None;
    let body = match *action {
        Action::CloseInBody(after) => ResponseBody::truncated(cut(after)),
        Action::CutBody { to, right_length: true } => ResponseBody::complete(cut(to)),
        Action::CutBody {
            to,
            right_length: false,
        } => {
            announced = Some(whole);
            ResponseBody::truncated(cut(to))
        }
        _ => ResponseBody::complete(answer.body.clone()),
    };
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    if let Some(length) = announced {
        builder = builder.header("content-length", length);
    }
    builder.body(body).expect("a response")
}

/// A body that is complete or truncated.
struct ResponseBody {
    data: Option<Bytes>,
    abort: Option<Pin<Box<Sleep>>>,
}

impl ResponseBody {
    fn complete(data: Bytes) -> Self {
        Self {
            data: Some(data),
            abort: None,
        }
    }

    fn truncated(data: Bytes) -> Self {
        Self {
            data: Some(data),
            abort: Some(Box::pin(tokio::time::sleep(CLOSE_DELAY))),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.abort {
            None => Poll::Ready(None),
            Some(sleep) => {
                std::task::ready!(sleep.as_mut().poll(context));
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.abort.is_none() && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.abort {
            None => SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64)),
            Some(_) => SizeHint::default(),
        }
    }
}
