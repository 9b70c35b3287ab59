//! Starts and stops: the listener, the runtime, the desk.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use access::Access;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use hyper::body::Incoming;
use hyper_util::service::TowerToHyperService;
use project::{Failure, Kind, Project};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::desk::Desk;
use crate::digest;
use crate::edge::{self, Handler};
use crate::settings::Settings;
use crate::site::Site;

/// A server that has its address and does not serve yet.
pub struct Server {
    site: Arc<Site>,
    listener: TcpListener,
}

impl Server {
    /// Takes a bound listener for a company's folder; looks at what is loaded at once.
    pub fn new(
        project: Project,
        access: Arc<Access>,
        settings: Settings,
        listener: TcpListener,
    ) -> Result<Self, Failure> {
        listener.set_nonblocking(true).map_err(|error| Failure::world(&error))?;
        let desk = Desk::new(project, settings.limits.cache_bytes, Arc::clone(&settings.remark));
        desk.watch();
        let schedule = settings.digest.clone();
        let site = Arc::new(Site::new(desk, access, settings));
        if let Some(schedule) = schedule {
            digest::watch(&site, schedule);
        }
        Ok(Self { site, listener })
    }

    /// Binds an address.
    pub fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
        TcpListener::bind(address).map_err(|error| {
            let what = format!("cannot listen on {address}: {error}");
            Failure::new(Kind::World, "listen", what)
                .hint("Another server may be running there; choose a port with `--listen`.")
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        self.listener.local_addr().map_err(|error| Failure::world(&error))
    }

    /// How many answers, rows and orders were computed and not found ready.
    pub fn counter(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let desk = Arc::clone(&self.site.desk);
        move || desk.cache.computed()
    }

    /// Serves until `stop` is done and open requests are, or have had their time.
    pub fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            // Files that are sent to slow readers hold a thread each, besides those that work.
            .max_blocking_threads(self.site.settings.limits.working + 480)
            .thread_name("web")
            .enable_all()
            .build()
            .map_err(|error| Failure::world(&error))?;
        let desk = Arc::clone(&self.site.desk);
        let limits = self.site.settings.limits.clone();
        let served = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            let router = Router::new().fallback(answer).layer(compression());
            let front = Front { router: router.with_state(()), site: Arc::clone(&self.site) };
            let stopping = Arc::clone(&self.site.desk);
            let stop = async move {
                stop.await;
                stopping.stop();
            };
            let proxies = self.site.settings.trusted_proxies.clone();
            edge::serve(listener, front, &limits, &proxies, stop).await;
            Ok::<(), std::io::Error>(())
        });
        desk.stop();
        // Work that nobody waits for any more does not hold up the end.
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        served.map_err(|error| Failure::world(&error))
    }
}

/// Done when the process is asked to end: Ctrl-C, or SIGTERM.
pub async fn interrupted() {
    let asked = async {
        // Without a handler the process ends at once, which is right too.
        let _asked: std::io::Result<()> = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        let term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut term) = term {
            tokio::select! {
                () = asked => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    asked.await;
}

/// Packs what shrinks: texts, not fonts and files that are packed already, and no events.
fn compression() -> CompressionLayer<impl Predicate> {
    let packs = SizeAbove::new(512)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("font/"))
        .and(NotForContentType::const_new("application/pdf"))
        .and(NotForContentType::const_new("application/vnd."));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(packs)
}

/// Who asks from where, between the accept loop and the site.
#[derive(Clone)]
struct Front {
    router: Router,
    site: Arc<Site>,
}

/// Travels with a request through the layers.
#[derive(Clone)]
struct Come {
    peer: SocketAddr,
    site: Arc<Site>,
}

impl Handler for Front {
    async fn answer(
        &self,
        mut request: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        use hyper::service::Service;
        request.extensions_mut().insert(Come { peer, site: Arc::clone(&self.site) });
        match TowerToHyperService::new(self.router.clone()).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn answer(request: Request) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    match head.extensions.remove::<Come>() {
        Some(come) => {
            come.site.answer(axum::http::Request::from_parts(head, body), come.peer).await
        }
        None => Response::new(Body::empty()),
    }
}
