//! The accept loop: how connections come in, how long they may take, how they end.
//!
//! Everything that costs nothing to refuse is refused here: the connection over the limit, the
//! head that does not come, the body that drips. What a request means is not known here.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::tally::Tally;
use crate::wire::Wire;

/// How much the server takes on, and how long it waits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address.
    pub per_address: usize,
    /// Open connections of this machine and of a trusted proxy: many people come through them.
    pub per_proxy: usize,
    /// For the head of a request, from the first byte or from the answer before.
    pub header: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// For an answer to begin.
    pub request: Duration,
    /// For the other side to take something of an answer.
    pub write: Duration,
    /// For the news of a build, until the browser asks for them again.
    pub stream: Duration,
    /// For open requests when the server stops.
    pub grace: Duration,
    /// Bytes of a JSON body.
    pub json_bytes: usize,
    /// Bytes of a form.
    pub form_bytes: usize,
    /// Requests that work at a time; static files and the health of the process are not counted.
    pub working: usize,
    /// Requests of one account that work at a time.
    pub working_each: usize,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Requests of one account that wait for their turn.
    pub waiting_each: usize,
    /// Streams of news of one account.
    pub streams_each: usize,
    /// Characters of a path with its query.
    pub path: usize,
    /// Bytes of answers that are kept.
    pub cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            per_address: 256,
            per_proxy: 1_008,
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            request: Duration::from_secs(30),
            write: Duration::from_secs(30),
            stream: Duration::from_mins(5),
            grace: Duration::from_secs(20),
            json_bytes: 2 << 20,
            form_bytes: 64 << 10,
            working: 32,
            working_each: 4,
            waiting: 512,
            waiting_each: 128,
            streams_each: 4,
            path: 4_096,
            cache_bytes: 256 << 20,
        }
    }
}

impl Limits {
    /// How often a stream of news is looked after.
    pub(crate) fn beat(&self) -> Duration {
        (self.stream / 20).max(Duration::from_millis(10))
    }
}

/// What answers the requests of a connection.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Answers a request from an address; never fails, as a fault is an answer too.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// What a connection over the limit is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    cross-origin-opener-policy: same-origin\r\n\
    cross-origin-resource-policy: same-origin\r\n\
    cache-control: no-store\r\n\
    retry-after: 2\r\n\
    connection: close\r\n\
    content-length: 50\r\n\r\n\
    Too many open connections. Try again in 2 seconds.";

/// Serves connections until `stop` is done, then waits for open requests, but not for long.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: impl Handler,
    limits: &Limits,
    proxies: &[IpAddr],
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let addresses = Tally::default();
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(64 << 10)
        .max_headers(64)
        .half_close(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file handles, most likely: they come back as connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Without it small answers wait for the other side's acknowledgement.
        let _nodelay: std::io::Result<()> = stream.set_nodelay(true);
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tokio::spawn(turn_away(stream));
            continue;
        };
        let from = peer.ip().to_canonical();
        let many = from.is_loopback() || proxies.contains(&from);
        let most = if many { limits.per_proxy } else { limits.per_address };
        let Some(counted) = addresses.take(network(from), most) else {
            tokio::spawn(turn_away(stream));
            continue;
        };
        let service = Service { handler: handler.clone(), peer };
        let wire = Wire::new(TokioIo::new(stream), limits.write);
        let connection = graceful.watch(builder.serve_connection(wire, service));
        tokio::spawn(async move {
            // A connection that breaks has no reader to be told.
            let _broken: Result<(), hyper::Error> = connection.await;
            drop((place, counted));
        });
    }
    drop(listener);
    let _in_time: Result<(), _> = tokio::time::timeout(limits.grace, graceful.shutdown()).await;
}

/// Who is counted as one: an address, and of the long kind the network that one customer has.
fn network(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V4(_) => from,
        IpAddr::V6(long) => IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Tells a connection over the limit to come again, without waiting for what it wants.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        let _written: std::io::Result<()> = stream.write_all(FULL).await;
        let _closed: std::io::Result<()> = stream.shutdown().await;
    };
    let _in_time: Result<(), _> = tokio::time::timeout(Duration::from_millis(200), told).await;
}

struct Service<H> {
    handler: H,
    peer: SocketAddr,
}

impl<H: Handler> hyper::service::Service<Request<Incoming>> for Service<H> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let handler = self.handler.clone();
        let peer = self.peer;
        Box::pin(async move { Ok(handler.answer(request, peer).await) })
    }
}
