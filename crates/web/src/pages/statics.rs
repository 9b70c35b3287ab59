//! What needs no login: styles, script, fonts, the health of the process; and the news of a build.

use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};

use crate::problem::Problem;
use crate::reply::{Content, Reply, pieces};
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// Says that the process answers; waits for nothing.
pub(crate) fn alive(_site: &Site, _visit: &Visit) -> Outcome {
    let mut reply = Reply::new("text/plain; charset=utf-8", "ok\n");
    reply.marked = false;
    Ok(reply)
}

/// A file of the pages: its address changes with its content, so it may be kept for good.
pub(crate) fn asset(_site: &Site, visit: &Visit) -> Outcome {
    let (hash, name) = (visit.part("hash"), visit.part("name"));
    let asset = show::html::assets().iter().find(|asset| asset.name == name && asset.hash == hash);
    asset.map(file).ok_or_else(Problem::not_found)
}

/// The sign, under the address that browsers ask for unasked.
pub(crate) fn icon(_site: &Site, _visit: &Visit) -> Outcome {
    let sign = show::html::assets().iter().find(|asset| asset.name == "sign.svg");
    let mut reply = sign.map(file).ok_or_else(Problem::not_found)?;
    reply.headers.retain(|(name, _)| name != header::CACHE_CONTROL);
    Ok(reply.header(header::CACHE_CONTROL, "public, max-age=86400"))
}

fn file(asset: &'static show::html::Asset) -> Reply {
    let bytes = match &asset.bytes {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from_static(bytes),
    };
    let mut reply = Reply::new(asset.content_type, bytes);
    reply.marked = false;
    reply.headers.push((
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    ));
    reply.headers.push((
        header::ETAG,
        HeaderValue::from_str(&format!("\"{}\"", asset.hash))
            .unwrap_or_else(|_| HeaderValue::from_static("\"-\"")),
    ));
    reply
}

/// How a build goes on, as events that the page's script listens to.
pub(crate) fn progress(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let most = site.settings.limits.streams_each;
    let counted = site.streams.take(caller.account.clone(), most).ok_or_else(Problem::busy)?;
    let known = Arc::new(site.known(visit));
    let desk = Arc::clone(&site.desk);
    let mut news = desk.progress();
    let (sender, receiver) = pieces(4);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return Err(Problem::fault("no runtime"));
    };
    let mut beat = tokio::time::interval(site.settings.limits.beat());
    let telling = async move {
        let _counted = counted;
        loop {
            let told = news.borrow_and_update().clone();
            let gone = sender.send(Ok(format!("data: {told}\n\n").into())).await.is_err();
            if gone || desk.stopped() {
                return;
            }
            loop {
                tokio::select! {
                    changed = news.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = sender.closed() => return,
                    _ = beat.tick() => {}
                }
                // Who has signed out meanwhile is told nothing more.
                let known = Arc::clone(&known);
                let still = tokio::task::spawn_blocking(move || known().is_ok()).await;
                let remark = Bytes::from_static(b": \n\n");
                if !still.unwrap_or(false) || sender.send(Ok(remark)).await.is_err() {
                    return;
                }
            }
        }
    };
    // A browser asks again by itself; so nobody is held on to for long.
    runtime.spawn(tokio::time::timeout(site.settings.limits.stream, telling));
    let mut reply = Reply::new("text/event-stream", "").status(StatusCode::OK);
    reply.content = Content::Pieces(receiver);
    reply.marked = false;
    Ok(reply)
}
