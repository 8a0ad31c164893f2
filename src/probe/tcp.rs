//! The plain TCP check: a connection that is accepted passes.

use super::Ended;
use super::connect::Way;
use super::progress::Progress;

/// Connects, and no more.
pub(super) async fn probe(way: &Way, progress: &Progress) -> Ended {
    match way.tcp(progress).await {
        Ok(_) => Ended::pass(format!("connected in {} ms", progress.millis())),
        Err(ended) => ended,
    }
}
