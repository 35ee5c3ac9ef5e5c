//! The webhook server of the demo.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

use super::Line;

/// The answer of the server, and the time that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct WebhookReply {
    pub(super) text: &'static str,
    pub(super) delay: Duration,
}

/// Starts the server on a free port of this machine. Requests and answers go into the transcript.
pub(super) async fn start(
    reply: WebhookReply,
    transcript: UnboundedSender<Line>,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let transcript = transcript.clone();
            let service = service_fn(move |request| answer(request, reply, transcript.clone()));
            // a cancelled request is not an error here
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn answer(
    request: Request<Incoming>,
    reply: WebhookReply,
    transcript: UnboundedSender<Line>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let show = |who, text: String| drop(transcript.send(Line { who, text }));
    let head = format!("{} {}", request.method(), request.uri());
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    show("the webhook gets", head);
    show("", String::from_utf8_lossy(&body).into_owned());
    if !reply.delay.is_zero() {
        show("the webhook waits", format!("{:?}", reply.delay));
        tokio::time::sleep(reply.delay).await;
    }
    show("the webhook says", format!("200 {}", reply.text));
    Ok(Response::new(Full::from(reply.text)))
}
